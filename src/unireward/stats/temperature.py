"""Temperature: one number that makes a judge's probabilities as sure as they are right.

Guo et al. 2017 (arXiv 1706.04599), section 4.2: divide every log-probability by T and normalise
again. T > 1 makes a judge less sure, T < 1 more; the likeliest answer stays the likeliest.

The two orders of a pair merge by the geometric mean, which is a mean of log-probabilities: it
makes no difference whether T divides each order's or the merged ones. So T is fitted on what a
judgment says, and applied to it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError

COLDEST, HOTTEST = 0.02, 50.0
"""Bounds of T: beyond them the probabilities are 0 and 1, or all alike, in two digits."""
FLOOR = -40.0
"""Natural log-probability of an answer that was given none at all and was the true one."""


def tempered(probabilities: ArrayLike, temperature: float) -> np.ndarray:
    """``p ** (1 / T)``, each row of [n, k] (or one row [k]) normalised; a 0 stays 0."""
    if not (np.isfinite(temperature) and temperature > 0):
        raise InputError(f"temperature is {temperature}; give a number above 0")
    rows = np.asarray(probabilities, dtype=float)
    with np.errstate(divide="ignore"):
        logs = np.log(rows)
    top = logs.max(axis=-1, keepdims=True)
    weights = np.exp((logs - top) / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)


def fit_temperature(probabilities: ArrayLike, truth: ArrayLike) -> float:
    """The T of the greatest likelihood: ``probabilities`` [n, k] of k answers, ``truth`` [n] the
    place of the right one.

    The negative log-likelihood is convex in 1 / T, so the root of its slope is found by halving
    between the bounds; a judge that is never wrong gets the coldest T, one that knows nothing
    the hottest. Raises InputError for other shapes, numbers that are no probabilities, or no
    rows.
    """
    rows, right = checked(probabilities, truth)
    with np.errstate(divide="ignore"):
        logs = np.log(rows)
    logs -= logs.max(axis=1, keepdims=True)
    told = np.arange(len(rows)), right
    # An answer of probability 0 is no answer, unless it was the right one.
    logs[told] = np.maximum(logs[told], FLOOR)
    lost = np.isinf(logs)
    logs[lost] = 0.0

    def slope(beta: float) -> float:
        """Of the mean negative log-likelihood at 1 / T = beta; it rises with beta."""
        weights = np.where(lost, 0.0, np.exp(logs * beta))
        expected = (weights * logs).sum(axis=1) / weights.sum(axis=1)
        return float((expected - logs[told]).mean())

    low, high = 1 / HOTTEST, 1 / COLDEST
    if slope(low) >= 0:
        return HOTTEST
    if slope(high) <= 0:
        return COLDEST
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if slope(middle) < 0:
            low = middle
        else:
            high = middle
    return 2 / (low + high)


def checked(probabilities: ArrayLike, truth: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays; InputError where they are not rows of probabilities and places in them."""
    rows, right = np.asarray(probabilities, dtype=float), np.asarray(truth)
    if rows.ndim != 2 or right.shape != rows.shape[:1] or not len(rows):
        raise InputError(
            f"probabilities are of shape {rows.shape} and truth of {right.shape}; give rows "
            "[n, k] and the place [n] of each right answer"
        )
    if not (np.isfinite(rows).all() and (rows >= 0).all() and (rows.sum(axis=1) > 0).all()):
        raise InputError("probabilities must be numbers from 0; drop unread judgments first")
    if not (
        np.issubdtype(right.dtype, np.integer) and ((right >= 0) & (right < rows.shape[1])).all()
    ):
        raise InputError(f"truth must be places from 0 to {rows.shape[1] - 1}")
    return rows / rows.sum(axis=1, keepdims=True), right
