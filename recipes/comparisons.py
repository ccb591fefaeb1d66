"""Comparisons over seeds, as JSON has them: a mean, its 95 % interval, each seed's own value."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError
from unireward.stats.intervals import Estimate
from unireward.stats.paired import paired_difference


def check_seeds(seeds: int) -> None:
    """InputError for a number of seeds that has no spread."""
    if seeds < 2:
        raise InputError(f"seeds is {seeds}; give two or more, one has no spread")


def compared(a: ArrayLike, b: ArrayLike) -> dict[str, Any]:
    """``a`` less ``b``, both [S, n] of the same n records (see
    :func:`~unireward.stats.paired.paired_difference`)."""
    rows = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    return with_seeds(paired_difference(a, b), rows.mean(axis=1))


def pooled(
    rows: Sequence[np.ndarray],
    statistic: Callable[[np.ndarray], float],
    *,
    resamples: int = 2000,
) -> dict[str, Any]:
    """``statistic`` of the sum [k] over the records of all seeds, of which each seed has its own
    ([n, k] a seed). The percentile interval of a bootstrap that draws seeds, and records within
    each, anew with replacement; draws of which there is no statistic (not finite) are left out.
    InputError where there is none of all records or of a seed's."""
    sums = np.array([one.sum(axis=0) for one in rows])
    by_seed = np.array([statistic(one) for one in sums])
    value = statistic(sums.sum(axis=0))
    if not np.isfinite([value, *by_seed]).all():
        raise InputError("nothing to count in a seed's records; take more of them")
    rng = np.random.default_rng(0)
    drawn = np.zeros((resamples, sums.shape[1]))
    for _ in rows:
        seeds = rng.integers(0, len(rows), resamples)
        for seed, one in enumerate(rows):
            mine = seeds == seed
            times = rng.multinomial(len(one), np.full(len(one), 1 / len(one)), mine.sum())
            drawn[mine] += times @ one
    draws = np.array([statistic(one) for one in drawn])
    low, high = np.quantile(draws[np.isfinite(draws)], [0.025, 0.975])
    number = sum(map(len, rows))
    found = Estimate(value, min(value, float(low)), max(value, float(high)), number)
    return with_seeds(found, by_seed)


def with_seeds(found: Estimate, by_seed: np.ndarray) -> dict[str, Any]:
    return {**found.to_dict(), "by_seed": np.round(by_seed, 4).tolist()}


def is_above(found: dict[str, Any]) -> bool:
    """Whether the interval lies above zero and every seed agrees in sign."""
    return found["low"] > 0 and all(value > 0 for value in found["by_seed"])


def is_below(found: dict[str, Any]) -> bool:
    return found["high"] < 0 and all(value < 0 for value in found["by_seed"])
