"""One record of the world at a time, with everything that is known of it.

>>> item = sample_record("image_generation", seed=3, level=2)
>>> item.record.text, item.truth["a"]["overall"]
>>> for item in iter_items("image_generation", 600, seed=0, split="eval"): ...

Item k of (task, seed, split) is the same whoever asks for it and however many are asked for.
Splits never share a generator: the split is part of its seed. Training leaves out the
colour-shape combinations of ``words.HELD_OUT``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from unireward.errors import InputError
from unireward.world import answering, clips, editing, photographs, pictures
from unireward.world.item import Order, WorldItem

__all__ = ["SIZE", "SPLITS", "TASKS", "TRACKS", "WorldItem", "iter_items", "sample_record"]

SPLITS = ("train", "eval")
SIZE = 96
"""Pixels a side of a picture or frame."""

_MAKERS: dict[str, Callable[[np.random.Generator, Order], WorldItem]] = {
    "image_generation": pictures.make_item,
    "video_generation": clips.make_item,
    "image_editing": editing.make_item,
    "image_understanding": answering.make_item,
    "video_understanding": answering.make_item,
}
TASKS = tuple(_MAKERS)
_TRACKS: dict[str, Callable[[np.random.Generator, Order], WorldItem]] = {
    "photographs": photographs.make_item,
    "digits": pictures.make_digit_item,
}
TRACKS = tuple(_TRACKS)
"""Image generation of other things than drawn shapes; never part of the default mix."""


def rng_of(task: str, seed: int, split: str, index: int, track: str | None = None):
    """The generator of one item; its entropy names split, task or track, seed and index."""
    what = TASKS.index(task) if track is None else 100 + TRACKS.index(track)
    return np.random.default_rng([SPLITS.index(split), what, seed, index])


def sample_record(
    task: str,
    seed: int | np.random.Generator,
    level: int | None = None,
    candidates: int = 2,
    split: str = "eval",
    *,
    index: int = 0,
    size: int = SIZE,
    track: str | None = None,
) -> WorldItem:
    """Item ``index`` of ``seed`` (or the next one of a generator).

    ``level`` None takes 1 to 3 in turn by ``index``; ``candidates`` 1 is pointwise, 2 a pair,
    more a group; ``track`` draws photographs or handwritten digits in place of shapes. Raises
    InputError for an unknown task, split, level or track.
    """
    _check(task, split, level, candidates, seed, track)
    rng = seed if isinstance(seed, np.random.Generator) else rng_of(task, seed, split, index, track)
    name = f"{track or task}-{index:06d}"
    order = Order(name, task, level or 1 + index % 3, candidates, split, size)
    return (_MAKERS[task] if track is None else _TRACKS[track])(rng, order)


def iter_items(
    task: str,
    n: int,
    seed: int = 0,
    split: str = "eval",
    level: int | None = None,
    candidates: int = 2,
    *,
    start: int = 0,
    size: int = SIZE,
    track: str | None = None,
) -> Iterator[WorldItem]:
    """Items ``start`` to ``start + n``; levels 1 to 3 in equal parts unless ``level`` is given."""
    for index in range(start, start + n):
        yield sample_record(
            task, seed, level, candidates, split, index=index, size=size, track=track
        )


def _check(
    task: str,
    split: str,
    level: int | None,
    candidates: int,
    seed: int | np.random.Generator,
    track: str | None,
) -> None:
    if task not in TASKS:
        raise InputError(f"task {task!r} is not drawn; set task to one of {', '.join(TASKS)}")
    if split not in SPLITS:
        raise InputError(f"split {split!r} is unknown; set split to train or eval")
    if level not in (None, 1, 2, 3, 4):
        raise InputError(f"level {level!r} is unknown; set level to 1, 2, 3 or 4")
    if candidates < 1:
        raise InputError(f"candidates is {candidates}; set it to 1 or more")
    if isinstance(seed, int) and seed < 0:
        raise InputError(f"seed is {seed}; set it to 0 or more")
    if track is not None and track not in TRACKS:
        raise InputError(f"track {track!r} is unknown; set track to one of {', '.join(TRACKS)}")
    if track is not None and task != "image_generation":
        raise InputError(f"track {track!r} has pictures only; set task to image_generation")
