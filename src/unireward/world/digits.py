"""Real handwritten digits (scikit-learn's, 8x8) as things of a scene: "two red digits seven".

Splits share no handwriting: the first 1,300 are for training, the others for evaluation.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from unireward.errors import MissingExtraError
from unireward.world.scene import pick, scene_of
from unireward.world.things import Scene, Spec, Thing
from unireward.world.words import COLOURS, DIGIT_SHAPES, SIZES

_TRAIN = 1300


@lru_cache(maxsize=1)
def _handwriting() -> tuple[np.ndarray, np.ndarray]:
    """Ink in [0, 1], float32 [1797, 8, 8], and what each is."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingExtraError(
            "handwritten digits need scikit-learn; install unireward[world]"
        ) from error
    flat, target = load_digits(return_X_y=True)
    return np.asarray(flat, np.float32).reshape(-1, 8, 8) / 16, np.asarray(target)


@lru_cache(maxsize=1)
def _numbers() -> dict[tuple[str, str], np.ndarray]:
    """The handwriting of each (shape, split)."""
    _, target = _handwriting()
    at = np.arange(len(target))
    return {
        (shape, split): at[(target == value) & ((at < _TRAIN) == (split == "train"))]
        for value, shape in enumerate(DIGIT_SHAPES)
        for split in ("train", "eval")
    }


def ink(shape: str, number: int) -> np.ndarray:
    """One handwriting of ``shape``; ``number`` counts within the digit and wraps around.

    The training ones come first: numbers from ``digit_scene`` never cross over.
    """
    both = _numbers()
    ours = np.concatenate([both[shape, "train"], both[shape, "eval"]])
    return _handwriting()[0][ours[number % len(ours)]]


def sample_digits(rng: np.random.Generator, level: int, split: str = "eval") -> Spec:
    """Level 1: digit, colour, count to 3; higher levels add the size."""
    size = pick(rng, SIZES) if level > 1 else None
    count = 1 + int(rng.random() * 3)
    thing = Thing(pick(rng, COLOURS), pick(rng, DIGIT_SHAPES), size, None, count)
    return Spec((thing,), None, level)


def digit_scene(spec: Spec, rng: np.random.Generator, split: str = "eval") -> Scene:
    """As ``scene_of``, with a handwriting of the split for each body."""
    scene = scene_of(replace(spec, level=1), rng)
    fewest = min(len(_numbers()[shape, split]) for shape in DIGIT_SHAPES)
    groups = tuple(
        replace(
            group,
            texture="solid",
            bodies=tuple(replace(body, turn=_number(rng, fewest, split)) for body in group.bodies),
        )
        for group in scene.groups
    )
    return replace(scene, groups=groups, level=spec.level)


def _number(rng: np.random.Generator, fewest: int, split: str) -> int:
    # Valid for every digit, as a change of shape keeps the number: counted from the front in
    # training and from the back (negative, wrapping) in evaluation.
    drawn = int(rng.random() * fewest)
    return drawn if split == "train" else -1 - drawn
