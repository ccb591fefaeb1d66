"""Which of the world's backgrounds a picture stands on, whatever stands on it.

>>> ground = find_ground(pixels)
>>> ground.index, ground.shift      # an index into render.BACKGROUNDS, levels off it

Each of the 24 is compared with the whole picture, every pixel's difference cut off at ``_CUT``
so that things weigh alike under all; what the closest one is off by, as a mean over the pixels
that are of it, is then taken as a shift of the tint. A picture that is of none (black, grey, all
noise) has no ground.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from unireward.world.render import BACKGROUNDS, background

_CUT = 60.0
"""Levels, summed over channels, beyond which a pixel is simply not background."""
_ROOM = 0.45
"""Of the canvas that must be background: seven large things leave more."""
_SHIFT = 14.0
"""Levels in one channel by which a background may be off the closest tint."""


@dataclass(frozen=True, eq=False)
class Ground:
    """``pixels`` float32 [S, S, 3] is what would be seen with no thing there; ``shift`` [3]
    levels by which it is off ``BACKGROUNDS[index]``."""

    index: int
    shift: np.ndarray
    pixels: np.ndarray


def find_ground(pixels: np.ndarray) -> Ground | None:
    """The background of float32 [S, S, 3]; None where the picture stands on none of the 24."""
    size = pixels.shape[0]
    step = max(1, size // 32)
    tints = _tints(size)
    off = pixels[::step, ::step] - tints[:, ::step, ::step]
    gaps = np.abs(off).sum(-1)
    index = int(np.minimum(gaps, _CUT).mean((1, 2)).argmin())
    of_it = gaps[index] < _CUT
    if of_it.mean() < _ROOM:
        return None
    shift = np.median(off[index][of_it], axis=0).astype(np.float32)
    if np.abs(shift).max() > _SHIFT:
        return None
    return Ground(index, shift, tints[index] + shift)


@lru_cache(maxsize=8)
def _tints(size: int) -> np.ndarray:
    """All backgrounds, float32 [24, size, size, 3]."""
    every = [background(index, size) for index in range(len(BACKGROUNDS))]
    return np.stack(every).astype(np.float32)
