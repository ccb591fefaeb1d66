"""Put a trained generator in its place::

    python -m recipes.tiny_generators.ship GENERATOR MEASURED

Copies the pipeline to ``src/unireward/assets/tiny-t2i`` (of clips ``tiny-t2v``) with a model card
whose figures are those of MEASURED, what ``python -m recipes.tiny_generators.measure`` printed.
``--dpo RESULT`` adds what its alignment came to, from the ``result.json`` of
``unireward reproduce unifiedreward-dpo-pictures`` (of clips ``-clips``), ``--guided FOUND`` what
of it is left with another guidance (``python -m recipes.unifiedreward_dpo.guided``).
"""

from __future__ import annotations

import argparse
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipes import findings
from recipes.command import run
from recipes.tables import share
from unireward.files.settings import read_settings
from unireward.world.words import COLOURS, MOTIONS, SHAPES

RECIPES = Path(__file__).resolve().parents[1]
ASSETS = RECIPES.parent / "src" / "unireward" / "assets"
VALUES = {"colour": len(COLOURS), "shape": len(SHAPES), "motion": len(MOTIONS)}
"""Of how many values each fact is one, beside the count."""

CARD = """---
library_name: diffusers
pipeline_tag: {tag}
license: apache-2.0
---

# {name}

A policy to be aligned: it draws {what}, and is right in a known share of
them. {architecture} made from its config ({millions:.2f} M parameters with its
words and a small `AutoencoderKL`), trained from nothing by `unireward train recipes/{recipe}.yaml`
in {steps:,} steps (here {minutes:.0f} minutes beside other work on the processor) on right {media}
of the drawn world (`unireward.world`, training split, level 1, seed {seed}).

```python
from unireward.policies import load_policy

policy = load_policy("{name}")
```

**What it can do.** Draw captions of level 1, "{example}", at 32 x 32 pixels{more}. It
samples in {sampling} steps of Euler with guidance {guidance:g}.

**What it cannot do.** Anything else. It knows {words} words, and refuses others. Five combinations
of colour and shape were never shown to it.

## How often it is right

{n} captions of evaluation, one {medium} each, truth from the world's own checker
(`unireward.world.checker`). "All of it" is every stated fact and nothing that was not asked for.
Shares in %, with 95 % intervals.

| | chance | all captions ({all}) | trained combinations ({seen}) | never trained ({unseen}) |
| --- | --- | --- | --- | --- |
{rows}

Measured again: `python -m recipes.tiny_generators.measure {name} --n {n}`.
{aligned}"""

ALIGNED = """
## After alignment

What `unireward reproduce unifiedreward-dpo-{part}` came to: {what} in %
on captions that no arm learned on, drawn with guidance {guidance:g}, mean of {seeds} seeds, and
the gain over this generator in points with its 95 % interval.

| | share | gain |
| --- | --- | --- |
{rows}

Asked of `online`: {asked}, {verdict}.

After {rounds} rounds it is right in {curve} %,
and {diversity} is left of the diversity of what was right.
{guided}"""

GUIDED = """
Drawn with guidance {guidance:g} instead, {before:.1f} % become {after:.1f} % by the same `online`:
{gain} points.
"""


@dataclass(frozen=True)
class Kind:
    """What the card says of one kind of generator."""

    name: str
    recipe: str
    tag: str
    media: str
    medium: str
    architecture: str
    example: str
    counts: int
    more: str = ""

    def chance(self, fact: str) -> str:
        """In %, where captions are of several values."""
        values = self.counts if fact == "count" else VALUES.get(fact, 1)
        return f"{100 / values:.1f}" if values > 1 else ""


KINDS = {
    "image_generation": Kind(
        "tiny-t2i", "tiny_t2i", "text-to-image", "pictures", "picture",
        "Stable Diffusion 3's transformer", "two red circles", 4,
    ),
    "video_generation": Kind(
        "tiny-t2v", "tiny_t2v", "text-to-video", "clips", "clip", "Wan's transformer",
        "red circle moving left", 1, ", 8 frames",
    ),
}  # fmt: skip


def card(
    folder: Path,
    found: dict[str, Any],
    result: dict[str, Any] | None = None,
    guided: list[dict[str, Any]] | None = None,
) -> str:
    """The model card of a pipeline's folder."""
    from unireward.policies import load_generator

    policy = load_generator(str(folder), device="cpu")
    pipeline, kind = policy.adapter.pipeline, KINDS[policy.adapter.task]
    parts = (pipeline.transformer, pipeline.words, pipeline.vae)
    training = findings.read(folder / "training.json")
    shares = found["shares"]
    counts = {group: of["exact"]["n"] if of else 0 for group, of in shares.items()}
    return CARD.format(
        name=kind.name, tag=kind.tag, recipe=kind.recipe, media=kind.media, medium=kind.medium,
        architecture=kind.architecture, example=kind.example, more=kind.more,
        what=f"{kind.media} of coloured shapes",
        millions=sum(p.numel() for part in parts if part for p in part.parameters()) / 1e6,
        steps=sum(stage["steps"] for stage in training["stages"]),
        minutes=training["seconds"] / 60,
        seed=training["seed"],
        sampling=pipeline.config.steps,
        guidance=pipeline.config.guidance_scale,
        words=len(pipeline.words.row_of),
        n=found["n"],
        all=counts["all"], seen=counts["seen"], unseen=counts["held out"],
        rows="\n".join(_row(fact, kind, shares) for fact in shares["all"]),
        aligned=_aligned(result, guided or []) if result is not None else "",
    )  # fmt: skip


def _row(fact: str, kind: Kind, shares: dict[str, Any]) -> str:
    cells = [share(of[fact]) if of else "-" for of in shares.values()]
    name = "all of it" if fact == "exact" else fact
    return f"| {name} | {kind.chance(fact)} | {' | '.join(cells)} |"


def _aligned(result: dict[str, Any], guided: list[dict[str, Any]]) -> str:
    study = result["study"]
    endpoint = study["measures"][0]
    shares, gain = (result[of][endpoint]["all"] for of in ("share", "gain"))
    curve = {at: [one[at] for one in result["curve"]] for at in result["curve"][0]}
    rows = []
    for arm, each in shares.items():
        points = share(gain[arm]) if arm in gain else "-"
        rows.append(f"| {arm} | {_percent(each):.1f} | {points} |")
    return ALIGNED.format(
        part=study["part"],
        what=study["what"],
        guidance=read_settings(RECIPES / study["recipe"])["policy"]["guidance_scale"],
        seeds=result["seeds"],
        rows="\n".join(rows),
        asked=f"+{100 * study['asked']:.0f} points" if study["asked"] else "a gain",
        verdict="reached" if result["reached"] else "not reached",
        rounds=_and(list(curve)),
        curve=_and([f"{_percent(each):.1f}" for each in curve.values()]),
        diversity=f"{np.mean(result['diversity']['online']):.2f}",
        guided="".join(
            GUIDED.format(
                guidance=one["guidance"], gain=share(one["gain"]),
                before=_percent(one["share"]["base"]), after=_percent(one["share"]["online"]),
            )
            for one in guided
        ),
    )  # fmt: skip


def _percent(shares: list[float]) -> float:
    return 100 * float(np.mean(shares))


def _and(words: list[str]) -> str:
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def ship(
    policy: Path,
    measured: Path,
    result: Path | None,
    guided: Path | None = None,
    assets: Path = ASSETS,
) -> Path:
    """Copy the pipeline and write its card. The copy may be in its place already."""
    found = findings.read(measured)
    home = assets / KINDS[found["task"]].name
    if policy.resolve() != home:
        shutil.copytree(policy, home, dirs_exist_ok=True, copy_function=shutil.copyfile)
    for config in home.rglob("config.json"):
        _forget_place(config)
    aligned = findings.read(result) if result else None
    again = findings.read(guided)["found"] if guided else None
    (home / "README.md").write_text(card(home, found, aligned, again), encoding="utf-8")
    return home


def _forget_place(config: Path) -> None:
    """diffusers writes down from which folder a part was loaded, here one of this machine."""
    told = findings.read(config)
    if told.pop("_name_or_path", None) is not None:
        findings.write(config, told, indent=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("policy", type=Path)
    parser.add_argument("measured", type=Path)
    parser.add_argument("--dpo", type=Path)
    parser.add_argument("--guided", type=Path)
    args = parser.parse_args()
    print(ship(args.policy, args.measured, args.dpo, args.guided))


if __name__ == "__main__":
    run(main)
