"""Put a trained answerer in its place: ``python -m recipes.tiny_answerer.ship POLICY MEASURED``.

Copies the checkpoint to ``src/unireward/assets/tiny-answerer`` with a model card whose figures are
those of MEASURED, what ``python -m recipes.tiny_answerer.measure`` printed. ``--dpo RESULT`` adds
what its alignment came to, from a ``result.json`` of :mod:`recipes.tiny_answerer.reproduce`.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

from recipes import findings
from recipes.command import run
from recipes.tables import share
from recipes.tiny_answerer.measure import MAX_TOKENS, TEMPERATURE
from recipes.tiny_judge.ship import FILES as JUDGE_FILES

ASSETS = Path(__file__).resolve().parents[2] / "src" / "unireward" / "assets" / "tiny-answerer"
FILES = (*JUDGE_FILES, "training.json")

CARD = """---
library_name: unireward
pipeline_tag: image-text-to-text
license: apache-2.0
---

# tiny-answerer

A policy to be aligned: it says what is in a picture of the drawn world, and is wrong in a known
share of its answers. A Qwen3-VL architecture of {millions:.2f} M parameters (the tiny judge's, made
from its config), trained by `unireward train recipes/tiny_answerer.yaml` in {steps} steps (here
{minutes:.0f} minutes beside other work on the processor) on nothing but the drawn world
(`unireward.world`, training split, levels 1 and 2, seed {seed}). Over the last steps 30 % of the
answers that it was taught were wrong in a fact, so that it knows more than it says: that is what an
alignment can bring out.

**What it can do.** Answer, of one kind of coloured shapes on a picture, "what is in the picture ?",
and in a sentence each what colour, shape, size and texture it is, how many there are, where they
are; and yes or no to "are there two red circles ?". It sees 64x64 pixels.

**What it cannot do.** Anything else, and these not reliably. It knows {words} words. Two kinds of
things, clips, photographs and everything of level 3 and above were not trained. It is no judge.

## Error rate

{n} held-out questions of levels 1 and 2 (seed {questions} of the world, evaluation split: 5 of its
48 combinations of colour and shape were never trained), one answer each, truth from the world.
Wrong is whatever is not right in all that it states. In %, with 95 % intervals.

| question | n | temperature {temperature} | greedy |
| --- | --- | --- | --- |
{rows}

{states}

Measured again: `python -m recipes.tiny_answerer.measure tiny-answerer --n {n}`.
{aligned}"""

ALIGNED = """
## After alignment

What `recipes/tiny_answerer/reproduce.py` came to, {seeds} seeds, the same {n} questions:

| from the same start, equal steps | error at {temperature} | greedy | relative reduction |
| --- | --- | --- | --- |
{rows}

A reduction of {asked:.0f} % by DPO was asked for: {verdict}.
"""


def card(policy: Path, measured: dict[str, Any], result: dict[str, Any] | None = None) -> str:
    """The model card of a policy's folder."""
    from safetensors import safe_open

    with safe_open(str(policy / "model.safetensors"), framework="np") as weights:
        count = sum(weights.get_tensor(name).size for name in weights.keys())  # noqa: SIM118
    training = findings.read(policy / "training.json")
    tokenizer = findings.read(policy / "tokenizer.json")
    return CARD.format(
        millions=count / 1e6,
        minutes=training["seconds"] / 60,
        steps=sum(stage["steps"] for stage in training["stages"]),
        seed=training["seed"],
        words=len(tokenizer["model"]["vocab"]),
        n=measured["n"],
        questions=measured["questions"],
        temperature=TEMPERATURE,
        rows="\n".join(_rows(measured)),
        states=_states(measured),
        aligned=_aligned(result) if result is not None else "",
    )


def _rows(measured: dict[str, Any]) -> list[str]:
    sampled, greedy = measured["sampled"], measured["greedy"]
    named = {"all": (sampled["error"], greedy["error"])}
    named |= {kind: (row, greedy["kinds"][kind]) for kind, row in sampled["kinds"].items()}
    return [f"| {kind} | {a['n']} | {share(a)} | {share(b)} |" for kind, (a, b) in named.items()]


def _states(measured: dict[str, Any]) -> str:
    said = {
        way: ", ".join(f"{name} {n}" for name, n in measured[way]["states"].items())
        for way in ("sampled", "greedy")
    }
    return (
        f"States of the answers (at most {MAX_TOKENS} tokens each): {said['sampled']}; "
        f"greedy {said['greedy']}."
    )


def _aligned(result: dict[str, Any]) -> str:
    rows = []
    for arm, sampled in result["error"]["sampled"].items():
        greedy, found = result["error"]["greedy"].get(arm), result["reduction"].get(arm)
        means = [f"{100 * sum(row) / len(row):.1f}" if row else "-" for row in (sampled, greedy)]
        rows.append(f"| {arm} | {means[0]} | {means[1]} | {share(found) if found else '-'} |")
    return ALIGNED.format(
        seeds=result["seeds"],
        n=result["questions"],
        temperature=result["temperature"],
        rows="\n".join(rows),
        asked=100 * result["asked"],
        verdict="reached" if result["reached"] else "not reached",
    )


def ship(policy: Path, measured: Path, result: Path | None) -> None:
    """Copy the files and write the card. The copy may be in its place already."""
    ASSETS.mkdir(parents=True, exist_ok=True)
    if policy.resolve() != ASSETS:
        for name in FILES:
            shutil.copyfile(policy / name, ASSETS / name)
    aligned = findings.read(result) if result else None
    told = findings.read(measured)
    (ASSETS / "README.md").write_text(card(ASSETS, told, aligned), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy", type=Path)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--dpo", type=Path)
    args = parser.parse_args()
    ship(args.policy, args.measured, args.dpo)


if __name__ == "__main__":
    run(main)
