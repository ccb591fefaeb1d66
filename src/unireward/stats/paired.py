"""Paired differences: two ways of training, the same records, several seeds each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError
from unireward.stats.intervals import Estimate, normal_quantile


def paired_difference(
    a: ArrayLike, b: ArrayLike, *, confidence: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """Mean of ``a - b`` for rows of seeds and columns of records, both [S, n], the same n records
    throughout. The percentile interval of a bootstrap that draws seeds and records anew, each
    with replacement (crossed: Owen 2007, "The pigeonhole bootstrap"), so that it holds what
    another training run and other records would change. Raises InputError for other shapes, and
    for a single seed, which says nothing of the spread over seeds.
    """
    first, second = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise InputError(
            f"paired_difference needs two arrays of seeds by records, not {list(first.shape)} "
            f"and {list(second.shape)}"
        )
    if len(first) < 2:
        raise InputError("one seed has no spread; give two or more")
    normal_quantile(confidence)
    rows = first - second
    seeds, records = rows.shape
    rng = np.random.default_rng(seed)
    draws = np.empty(resamples)
    for k in range(resamples):
        of_seeds = np.bincount(rng.integers(0, seeds, seeds), minlength=seeds)
        of_records = np.bincount(rng.integers(0, records, records), minlength=records)
        draws[k] = of_seeds @ rows @ of_records / (seeds * records)
    value = float(rows.mean())
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Estimate(value, min(value, float(low)), max(value, float(high)), records)
