"""Prompts: the captions of level 1, shared out between what is learned on, looked at, chosen by.

::

    python -m recipes.unifiedreward_dpo.prompts          # recipes/prompts/*.txt, the same again

Level 1 has so few captions that all of them are written out, and no file has a caption of
another. ``held_out`` are all those of the combinations of colour and shape that training never
shows, and some others; ``validation`` are those that rates are chosen by, and no report. What is
learned on is the rest, so of the training split. Their order is by lot: the first ones of a file
are as good as any.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np

from recipes.command import run
from unireward.world.facts import caption
from unireward.world.sentences import read_caption
from unireward.world.things import Spec, Thing
from unireward.world.words import COLOURS, HELD_OUT, MOTIONS, SHAPES

FOLDER = Path(__file__).resolve().parents[1] / "prompts"


@dataclass(frozen=True)
class Share:
    """How many captions are held out, those never trained among them, and how many are for
    validation."""

    held_out: int
    validation: int


SHARES = {"pictures": Share(held_out=72, validation=24), "clips": Share(held_out=96, validation=48)}


def file_of(part: str, use: str = "") -> Path:
    """The file of a part: of what is learned on, ``held_out`` or ``validation``."""
    return FOLDER / (f"{part}_{use}.txt" if use else f"{part}.txt")


def captions(part: str) -> Iterator[str]:
    """Every caption of level 1: of pictures a count, a colour and a shape, of clips one thing and
    its motion."""
    for colour, shape in product(COLOURS, SHAPES):
        if part == "pictures":
            things = [Thing(colour, shape, count=count) for count in range(1, 5)]
        else:
            things = [Thing(colour, shape, motion=motion) for motion in MOTIONS]
        for thing in things:
            yield caption(Spec((thing,), None, 1))


def is_never_trained(text: str) -> bool:
    """Whether a caption is of a combination that training never shows."""
    thing = read_caption(text).things[0]
    return (thing.colour, thing.shape) in HELD_OUT


def shared_out(part: str) -> dict[str, list[str]]:
    """The captions by use; what is learned on under an empty name."""
    every = list(captions(part))
    order = np.random.default_rng(len(every)).permutation(len(every))
    never = [every[k] for k in order if is_never_trained(every[k])]
    others = [every[k] for k in order if not is_never_trained(every[k])]
    share = SHARES[part]
    end = share.held_out - len(never)
    chosen = {*never, *others[:end]}
    return {
        "held_out": [every[k] for k in order if every[k] in chosen],
        "validation": others[end : end + share.validation],
        "": others[end + share.validation :],
    }


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for part in SHARES:
        for use, texts in shared_out(part).items():
            file_of(part, use).write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")


if __name__ == "__main__":
    run(main)
