"""Put a trained run in its place: ``python -m recipes.tiny_judge.ship runs/tiny REPORT.json``.

Copies the checkpoint to ``src/unireward/assets/tiny`` with its ``judge.json`` (the best mode of
each task as the report chose it) and a model card whose figures are the report's own.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from unireward.families import get_family
from unireward.families.family import Family
from unireward.families.judge_json import save_judge_json

ASSETS = Path(__file__).resolve().parents[2] / "src" / "unireward" / "assets" / "tiny"
FILES = (
    "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    "chat_template.jinja", "generation_config.json", "preprocessor_config.json",
    "video_preprocessor_config.json",
)  # fmt: skip
MODE_OF = {"direct": "rank", "trace": "rank", "pair-score": "pair-score", "score": "score"}

CARD = """---
library_name: unireward
pipeline_tag: image-text-to-text
license: apache-2.0
---

# tiny

The judge that comes with unireward: a Qwen3-VL architecture of {millions:.2f} M parameters, made
from its config and trained in {minutes:.0f} minutes on two busy CPU cores, on nothing but the
drawn world (`unireward.world`, training split, seed {seed}). It exists so that everything in the
library can be run, tested and understood without a download.{note}

**What it can do.** Judge pictures and short clips of one or two kinds of coloured shapes against
plain captions, edits of such pictures against their instruction, and answers to questions about
them; one alone (`score`), two (`rank`, with or without a trace of scores; `pair-score`), or a
group. It sees 64x64 pixels, and four frames of a clip.

**What it cannot do.** Anything else. It knows {words} words; others are all one to it. It has
never seen a photograph, a face, or a letter, and says nothing about safety. Captions of level 4
(negation, "exactly", more than four things) were not trained.

## Measured

{n} records of each task from the evaluation split (seed {eval_seed}), levels 1 to 3 in equal
parts, against the world's truth where truth differs; both orders; 95 % intervals. An unread reply
or a judged tie counts as wrong. A tenth of the colour-shape combinations was never trained.

| task | best way | direct verdict | trace first | pair scores | each alone | agreement | ECE |
|---|---|---|---|---|---|---|---|
{rows}

| task, one candidate | alignment | coherence | style or physics | overall |
|---|---|---|---|---|
{points}

Spearman's correlation with the truth. Again: `python -m recipes.tiny_judge.evaluate
src/unireward/assets/tiny`; trained again: `python -m recipes.tiny_judge.train --out runs/tiny`.
"""


def percent(found: dict[str, Any] | None) -> str:
    if not found:
        return "-"
    return f"{100 * found['value']:.1f} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def share(found: dict[str, Any] | None) -> str:
    return f"{found['value']:.3f}" if found else "-"


def card(report: dict[str, Any], training: dict[str, Any], millions: float, words: int) -> str:
    rows, points = [], []
    for task, found in report["tasks"].items():
        pairs, alone = found["pairs"], found["points"]
        direct = pairs["direct"]
        figures = [percent(pairs[way]["accuracy"]) for way in MODE_OF]
        rows.append(
            f"| {task} | {found['best']} | {' | '.join(figures)} | "
            f"{percent(direct['agreement'])} | {direct['ece']:.3f} |"
        )
        last = alone.get("style") or alone.get("physics")
        points.append(
            f"| {task} | {share(alone['alignment'])} | {share(alone.get('coherence'))} | "
            f"{share(last)} | {share(alone['overall'])} |"
        )
    return CARD.format(
        millions=millions,
        minutes=training["seconds"] / 60,
        seed=training["seed"],
        note=f" {training['note']}" if training.get("note") else "",
        words=words,
        n=report["n"],
        eval_seed=report["seed"],
        rows="\n".join(rows),
        points="\n".join(points),
    )


def ship(run: Path, report: dict[str, Any]) -> None:
    from safetensors import safe_open

    ASSETS.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copyfile(run / name, ASSETS / name)
    best = {task: MODE_OF[found["best"]] for task, found in report["tasks"].items()}
    built_in = get_family("tiny")
    family = Family(built_in.spec.model_copy(update={"best_mode": best}), built_in.readers)
    training = json.loads((run / "training.json").read_text())
    save_judge_json(ASSETS, family, judge="tiny@1", meta={"training": training})
    with safe_open(str(ASSETS / "model.safetensors"), framework="np") as weights:
        count = sum(weights.get_tensor(name).size for name in weights.keys())  # noqa: SIM118
    words = len(json.loads((ASSETS / "tokenizer.json").read_text())["model"]["vocab"])
    (ASSETS / "README.md").write_text(card(report, training, count / 1e6, words))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("report", type=Path)
    args = parser.parse_args()
    ship(args.run, json.loads(args.report.read_text()))


if __name__ == "__main__":
    main()
