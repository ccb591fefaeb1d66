"""Intervals: a number is never reported without the range it could be off by."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError


@dataclass(frozen=True)
class Estimate:
    """A value, its interval (``low <= value <= high``) and the ``n`` records it rests on."""

    value: float
    low: float
    high: float
    n: int

    def __post_init__(self) -> None:
        assert all(map(math.isfinite, (self.value, self.low, self.high))), self
        assert self.low <= self.value <= self.high, self

    def to_dict(self) -> dict[str, float | int]:
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n}


def normal_quantile(confidence: float) -> float:
    """The z of a two-sided interval: 1.959964 for 0.95."""
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}; give a share between 0 and 1, such as 0.95")
    return NormalDist().inv_cdf((1 + confidence) / 2)


def wilson(successes: float, n: int, confidence: float = 0.95) -> Estimate:
    """Wilson's score interval of a share (Wilson 1927), never outside [0, 1].

    ``successes`` may be fractional (half a win for a tie): the interval is then a little wider
    than need be, since half wins vary less than whole ones. Raises InputError for ``n`` of 0.
    """
    if n < 1 or not 0 <= successes <= n:
        raise InputError(f"a share needs 0 <= successes <= n and n >= 1, not {successes} of {n}")
    z = normal_quantile(confidence)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At a share of 0 or 1 the bound equals it exactly; rounding must not put it a hair inside.
    low = 0.0 if successes == 0 else min(share, centre - half)
    high = 1.0 if successes == n else max(share, centre + half)
    return Estimate(share, low, high, n)


def bootstrap(
    values: ArrayLike,
    statistic: Callable[[np.ndarray], float] = lambda rows: float(rows.mean()),
    *,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Percentile bootstrap (Efron 1979) over the rows of ``values`` ([n] or [n, k]).

    The rows are the independent units: give one row a record, not one a comparison, where a
    record has several. Same seed, same interval. Raises InputError for no rows or a statistic
    that is not finite.
    """
    rows = np.asarray(values)
    n = len(rows)
    if n == 0:
        raise InputError("bootstrap needs at least one row; there is nothing to resample")
    normal_quantile(confidence)  # the same check of the range
    rng = np.random.default_rng(seed)
    draws = np.array([statistic(rows[rng.integers(0, n, n)]) for _ in range(resamples)])
    value = float(statistic(rows))
    if not (np.isfinite(draws).all() and math.isfinite(value)):
        raise InputError("the statistic is not finite on every resample; drop undefined rows first")
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, min(value, float(low)), max(value, float(high)), n)
