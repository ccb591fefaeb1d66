"""A policy that draws for a caption of the world a right picture in every third place."""

from __future__ import annotations

import numpy as np

from unireward.world.change import change_one
from unireward.world.render import render
from unireward.world.scene import scene_of
from unireward.world.sentences import read_caption

SIZE = 32


def sketch(prompts: list[str], n: int, seed: int) -> list[list[np.ndarray]]:
    """Where (seed + k) divides by three the picture is right, else wrong in one fact."""
    return [[_picture(text, seed + k) for k in range(n)] for text in prompts]


def _picture(text: str, number: int) -> np.ndarray:
    spec, rng = read_caption(text), np.random.default_rng(number)
    scene = scene_of(spec, rng)
    if number % 3:
        change = change_one(spec, scene, rng, "eval")
        assert change is not None
        scene = change.scene
    return render(scene, SIZE)
