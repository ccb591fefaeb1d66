"""Elo: strengths on the scale that people know. A display, never a way of fitting: updating
ratings game by game depends on the order in which games happen to come."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError

ELO_PER_UNIT = 400 / math.log(10)
"""173.7 points are a difference of 1 in log strength; 400 points are odds of 10."""


def elo_scale(
    strengths: ArrayLike, *, anchor: float = 1000.0, item: int | None = None
) -> np.ndarray:
    """Log strengths [N] as Elo points [N], their mean at ``anchor``, or ``item``'s if told."""
    s = np.asarray(strengths, dtype=float)
    if s.ndim != 1 or not len(s) or not np.isfinite(s).all():
        raise InputError("elo_scale needs a list of finite strengths")
    zero = s.mean() if item is None else s[item]
    return anchor + ELO_PER_UNIT * (s - zero)
