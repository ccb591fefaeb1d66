"""One record of the world at a time, with everything that is known of it.

>>> item = sample_record("image_generation", seed=3, level=2)
>>> item.record.text, item.truth["a"]["overall"]
>>> for item in iter_items("image_generation", 600, seed=0, split="eval"): ...

Item k of (task, seed, split) is the same whoever asks for it and however many are asked for.
Splits never share a generator: the split is part of its seed. Training leaves out the
colour-shape combinations of ``words.HELD_OUT``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unireward.errors import InputError
from unireward.media import Image
from unireward.record import Candidate, Part, Record, Span
from unireward.world import pictures
from unireward.world.truth import label_of

SPLITS = ("train", "eval")
TASKS = (
    "image_generation",
)  # fmt: skip
SIZE = 96
"""Pixels a side of a picture."""


@dataclass(frozen=True)
class WorldItem:
    """A record in memory and its truth. Keyed by candidate id (``a``, ``b``, ...).

    ``kind`` is ``one-fact``, ``quality`` or ``random``; ``spec`` what the prompt states;
    ``made`` how each candidate was made (``Picture``, ``Clip``, ``Answer``); ``media`` the
    arrays, uint8 [H, W, 3] or [T, H, W, 3]; ``prompt_media`` those of the prompt.
    """

    record: Record
    task: str
    level: int
    kind: str
    spec: Any
    made: dict[str, Any]
    truth: dict[str, dict[str, float]]
    media: dict[str, np.ndarray] = field(default_factory=dict)
    prompt_media: tuple[np.ndarray, ...] = ()


def candidate_ids(number: int) -> list[str]:
    """a, b, ..., z, then c27, c28, ..."""
    return [chr(97 + i) if i < 26 else f"c{i + 1}" for i in range(number)]


def rng_of(task: str, seed: int, split: str, index: int) -> np.random.Generator:
    """The generator of one item; its entropy names split, task, seed and index."""
    return np.random.default_rng([SPLITS.index(split), TASKS.index(task), seed, index])


def sample_record(
    task: str,
    seed: int | np.random.Generator,
    level: int | None = None,
    candidates: int = 2,
    split: str = "eval",
    *,
    index: int = 0,
    size: int = SIZE,
) -> WorldItem:
    """One item. ``level`` None takes 1 to 3 in turn by ``index``; ``candidates`` 1 is pointwise,
    2 a pair, more a group. Raises InputError for an unknown task, split or level."""
    _check(task, split, level, candidates)
    rng = seed if isinstance(seed, np.random.Generator) else rng_of(task, seed, split, index)
    level = 1 + index % 3 if level is None else level
    name = f"{task}-{index:06d}"
    return _MAKERS[task](rng, name, level, candidates, split, size)


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
) -> Iterator[WorldItem]:
    """Items ``start`` to ``start + n``; levels 1 to 3 in equal parts unless ``level`` is given."""
    for index in range(start, start + n):
        yield sample_record(task, seed, level, candidates, split, index=index, size=size)


def _check(task: str, split: str, level: int | None, candidates: int) -> None:
    if task not in TASKS:
        raise InputError(f"task {task!r} is not drawn; set task to one of {', '.join(TASKS)}")
    if split not in SPLITS:
        raise InputError(f"split {split!r} is unknown; set split to train or eval")
    if level not in (None, 1, 2, 3, 4):
        raise InputError(f"level {level!r} is unknown; set level to 1, 2, 3 or 4")
    if candidates < 1:
        raise InputError(f"candidates is {candidates}; set it to 1 or more")


def _image_generation(
    rng: np.random.Generator, name: str, level: int, number: int, split: str, size: int
) -> WorldItem:
    if number == 2:
        spec, made, kind = pictures.sample_pair(rng, level, split, size)
    else:
        spec, made, kind = pictures.sample_group(rng, level, split, size, number)
    by_id = dict(zip(candidate_ids(number), made))
    truths = {key: pictures.picture_truth(picture, spec) for key, picture in by_id.items()}
    record = Record(
        id=name,
        task="image_generation",
        prompt=(Part.of_text(pictures.prompt_text(spec)),),
        candidates=tuple(image_candidate(key, picture.pixels) for key, picture in by_id.items()),
        label=label_of(truths, box_spans(by_id)),
        meta={"source": "world", "level": level, "split": split},
    )
    media = {key: picture.pixels for key, picture in by_id.items()}
    return WorldItem(record, "image_generation", level, kind, spec, by_id, truths, media)


def image_candidate(key: str, pixels: np.ndarray) -> Candidate:
    return Candidate(id=key, content=(Part(type="image", media=Image(pixels)),))


def box_spans(by_id: dict[str, pictures.Picture]) -> list[Span]:
    return [
        Span(
            candidate=key,
            kind="box",
            box=tuple(map(float, box)),
            dimension="coherence",
            value=5.0 - picture.quality.artefact,
        )
        for key, picture in by_id.items()
        for box in picture.boxes
    ]


_MAKERS = {"image_generation": _image_generation}
