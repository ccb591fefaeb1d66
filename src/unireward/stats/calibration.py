"""Calibration: of the verdicts given with confidence 0.8, are 80 % right?"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError
from unireward.stats.intervals import Estimate, wilson

Binning = Literal["width", "mass"]


@dataclass(frozen=True)
class Bin:
    """Verdicts of similar confidence: ``low <= confidence <= high``, how many were right."""

    low: float
    high: float
    confidence: float
    """Mean confidence inside the bin."""
    accuracy: Estimate


def reliability(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 10, binning: Binning = "width"
) -> list[Bin]:
    """The reliability diagram's bins, empty ones left out, by rising confidence.

    ``confidence`` [n] in [0, 1], ``correct`` [n] booleans. ``width`` cuts [0, 1] in equal parts
    (an edge belongs to the lower part); ``mass`` puts equally many verdicts in each, never
    parting equal confidences, so that the result does not depend on the order of the records.
    """
    conf, right = np.asarray(confidence, dtype=float), np.asarray(correct, dtype=float)
    if conf.shape != right.shape or conf.ndim != 1:
        raise InputError("confidence and correct must be two lists of equal length")
    if bins < 1:
        raise InputError(f"bins is {bins}; give at least 1")
    if not ((conf >= 0) & (conf <= 1)).all():
        raise InputError("confidence must lie in [0, 1]; drop unread judgments first")
    order = np.argsort(conf, kind="stable")
    conf, right = conf[order], right[order]
    edges = np.arange(bins + 1) / bins  # correctly rounded, so that 0.6 is on its edge
    ends = _width_ends(conf, edges) if binning == "width" else _mass_ends(conf, bins)
    found = []
    start = 0
    for index, end in enumerate(ends):
        if end > start:
            inside = slice(start, end)
            low, high = (
                (edges[index], edges[index + 1])
                if binning == "width"
                else (conf[start], conf[end - 1])
            )
            share = wilson(float(right[inside].sum()), int(end - start))
            found.append(Bin(float(low), float(high), float(conf[inside].mean()), share))
        start = max(start, end)
    return found


def _width_ends(conf: np.ndarray, edges: np.ndarray) -> list[int]:
    return [int(end) for end in np.searchsorted(conf, edges[1:], side="right")]


def _mass_ends(conf: np.ndarray, bins: int) -> list[int]:
    n = len(conf)
    if n == 0:
        return []
    wanted = [max(1, round(n * k / bins)) for k in range(1, bins + 1)]
    # Each end moves to the close of its run of equal confidences.
    return [int(np.searchsorted(conf, conf[end - 1], side="right")) for end in wanted]


def expected_calibration_error(bins: Iterable[Bin]) -> float | None:
    """Mean distance of confidence and accuracy over bins, weighted by their verdicts.

    Guo et al. 2017, equation 3. In [0, 1], 0 is perfect; None for no bins.
    """
    rows = [(b.accuracy.n, abs(b.accuracy.value - b.confidence)) for b in bins]
    total = sum(n for n, _ in rows)
    return sum(n * gap for n, gap in rows) / total if total else None
