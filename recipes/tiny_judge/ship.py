"""Put a trained judge in its place: ``python -m recipes.tiny_judge.ship runs/tiny/judge RESULT``.

Copies the checkpoint to ``src/unireward/assets/tiny`` with its ``judge.json`` (the best mode of
each task as ``unireward bench world --modes all --choose --out RESULT`` chose it) and a model card
whose figures are that result's own. ``--curve FILE`` adds accuracy against training seconds.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from recipes.command import run
from unireward.benchmarks.result import read_result
from unireward.benchmarks.result_card import card_section
from unireward.families.family import Family
from unireward.families.judge_json import load_judge_json, save_judge_json

ASSETS = Path(__file__).resolve().parents[2] / "src" / "unireward" / "assets" / "tiny"
FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    "chat_template.jinja", "generation_config.json", "preprocessor_config.json",
    "video_preprocessor_config.json",
)  # fmt: skip

CARD = """---
library_name: unireward
pipeline_tag: image-text-to-text
license: apache-2.0
---

# tiny

The judge that comes with unireward: a Qwen3-VL architecture of {millions:.2f} M parameters, made
from its config and trained by `unireward train recipes/tiny_judge.yaml` in {minutes:.0f} minutes of
one busy CPU core, on nothing but the drawn world (`unireward.world`, training split, seed {seed})
and six of scikit-image's photographs. It exists so that everything in the library can be run,
tested and understood without a download.{note}

**What it can do.** Judge pictures and short clips of one or two kinds of coloured shapes against
plain captions, edits of such pictures against their instruction, and answers to questions about
them; one alone (`score`), two (`rank`, with or without a trace of scores; `pair-score`), or a
group. It tells a clean photograph from a blurred, noisy or banded copy of it. It sees 64x64 pixels,
and four frames of a clip.

**What it cannot do.** Anything else. It knows {words} words; others are all one to it. It knows
nothing of what is on a photograph, has never seen a face or a letter, and says nothing about
safety. Captions of level 4 (negation, "exactly", more than four things) were not trained.

{measured}
A tenth of the colour-shape combinations, and the photographs it is measured on, were never trained.
Measured again: `unireward bench world --modes all --choose`.
{curve}"""


def curve_section(rows: list[dict[str, Any]]) -> str:
    """Accuracy of the direct verdict against seconds of training."""
    if not rows:
        return ""
    tasks = list(rows[0]["accuracy"])
    lines = ["", "## Accuracy against training", "", rows[0]["note"], ""]
    lines += [f"| seconds | {' | '.join(tasks)} |", f"|{'---|' * (len(tasks) + 1)}"]
    for row in rows:
        cells = [f"{100 * row['accuracy'][task]:.1f}" for task in tasks]
        lines.append(f"| {row['seconds']:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def ship(judge: Path, bench: Path, curve: Path | None) -> None:
    from safetensors import safe_open

    result = read_result(bench)
    ASSETS.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(judge / name, ASSETS / name)
    told = load_judge_json(judge)
    built_in = told.to_family()
    family = Family(
        built_in.spec.model_copy(update={"best_mode": result.best_modes}), built_in.readers
    )
    save_judge_json(ASSETS, family, judge=told.judge, meta=told.meta)
    training = told.meta["training"]
    with safe_open(str(ASSETS / "model.safetensors"), framework="np") as weights:
        count = sum(weights.get_tensor(name).size for name in weights.keys())  # noqa: SIM118
    words = len(json.loads((ASSETS / "tokenizer.json").read_text())["model"]["vocab"])
    card = CARD.format(
        millions=count / 1e6,
        minutes=training["seconds"] / 60,
        seed=training["seed"],
        note=f" {training['note']}" if training.get("note") else "",
        words=words,
        measured=card_section(result),
        curve=curve_section(json.loads(curve.read_text())["rows"] if curve else []),
    )
    (ASSETS / "README.md").write_text(card)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("judge", type=Path)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--curve", type=Path)
    args = parser.parse_args()
    ship(args.judge, args.bench, args.curve)


if __name__ == "__main__":
    run(main)
