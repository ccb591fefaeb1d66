"""Right records: a caption of the drawn world and one clean candidate of which all of it holds.

>>> right_record("image_generation", seed=0, index=7, level=1, size=32).text
'four cyan hearts'

Drawn from the training split, record k of a seed from a generator of its own, which no other
record of the world shares.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from unireward.errors import InputError
from unireward.record import Candidate, Part, Record
from unireward.world.clips import make_clip, sample_clip_spec
from unireward.world.facts import caption
from unireward.world.item import media_part
from unireward.world.motion import moving_scene
from unireward.world.pairs import CLEAN
from unireward.world.render import render
from unireward.world.scene import sample_spec, scene_of
from unireward.world.things import Spec

Drawn = tuple[Spec, np.ndarray]
_APART = 300
"""Beside the numbers of the tasks' and tracks' own generators."""


def right_record(
    task: str, seed: int, index: int, level: int | None = None, size: int = 96
) -> Record:
    """``level`` None takes 1 to 3 in turn. Raises :class:`InputError` for a task that draws
    neither pictures nor clips for captions."""
    if task not in _DRAW:
        raise InputError(f"world {task}/right: only {' and '.join(_DRAW)} have a right candidate")
    rng = np.random.default_rng([0, _APART + [*_DRAW].index(task), seed, index])
    spec, pixels = _DRAW[task](rng, level or 1 + index % 3, size)
    return Record(
        id=f"{task}-right-{index:06d}",
        task=task,
        prompt=(Part.of_text(caption(spec)),),
        candidates=(Candidate(id="a", content=(media_part(pixels),)),),
        meta={"source": "world", "split": "train"},
    )


def _picture(rng: np.random.Generator, level: int, size: int) -> Drawn:
    spec = sample_spec(rng, level, "train")
    return spec, render(scene_of(spec, rng), size)


def _clip(rng: np.random.Generator, level: int, size: int) -> Drawn:
    spec = sample_clip_spec(rng, level, "train")
    return spec, make_clip(moving_scene(spec, rng), spec, CLEAN, size).pixels


_DRAW: dict[str, Callable[[np.random.Generator, int, int], Drawn]] = {
    "image_generation": _picture,
    "video_generation": _clip,
}
