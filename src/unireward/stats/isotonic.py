"""Isotonic: the share that is right at each confidence, rising with it and otherwise free.

Zadrozny and Elkan 2002, fitted by pooling adjacent violators (Ayer et al. 1955). It says what
temperature cannot (a judge that is right 70 % of the time whatever it says), and needs more
records to say it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError

Knots = tuple[tuple[float, float], ...]
"""(confidence, share right) by rising confidence; between two the line, beyond the ends flat."""


def fit_isotonic(confidence: ArrayLike, correct: ArrayLike) -> Knots:
    """The rising step of least squares through ``confidence`` [n] in [0, 1] and ``correct`` [n].

    Each pooled block is kept as its first and last confidence. Levels stop half a record short
    of 0 and 1: n verdicts that are all right are no proof that the next one is. Raises
    InputError for no records, unequal lengths, or a confidence outside [0, 1].
    """
    conf, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if conf.ndim != 1 or conf.shape != right.shape or not len(conf):
        raise InputError("confidence and correct must be two lists of equal length, not empty")
    if not ((conf >= 0) & (conf <= 1)).all():
        raise InputError("confidence must lie in [0, 1]; drop unread judgments first")
    values, places, counts = np.unique(conf, return_inverse=True, return_counts=True)
    shares = np.bincount(places, weights=right) / counts
    blocks: list[list[float]] = []  # [first, last, share, weight]
    for value, share, count in zip(values, shares, counts):
        blocks.append([value, value, share, float(count)])
        while len(blocks) > 1 and blocks[-2][2] >= blocks[-1][2]:
            _, last, late, more = blocks.pop()
            first, _, early, weight = blocks.pop()
            total = weight + more
            blocks.append([first, last, (early * weight + late * more) / total, total])
    short = 0.5 / len(conf)
    knots: list[tuple[float, float]] = []
    for first, last, share, _ in blocks:
        level = float(min(max(share, short), 1 - short))
        knots.append((float(first), level))
        if last > first:
            knots.append((float(last), level))
    return tuple(knots)


def isotonic(knots: Knots, confidence: ArrayLike) -> np.ndarray:
    """The share right at each ``confidence`` [n] (or one number), in [0, 1]."""
    at, levels = zip(*knots, strict=True)
    return np.interp(np.asarray(confidence, dtype=float), at, levels)
