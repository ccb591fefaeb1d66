"""Forecast: what all pairs in both orders would end in, from the part that was asked.

A judge without randomness has a full ranking, that of its win rates over every ordered pair. The
calls that were read are known parts of it; those that were not are expected from the strengths'
posterior. So certainty grows to 1 as calls are asked, which that of strengths never does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from unireward.stats.posterior import Posterior


@dataclass(frozen=True, eq=False)
class Forecast:
    """``points`` [n] expected at the end, of 2 (n - 1) at most; their ``covariance`` [n, n]."""

    points: np.ndarray
    covariance: np.ndarray

    def rates(self) -> np.ndarray:
        """Points as win rates [n]; 0.5 for one alone."""
        n = len(self.points)
        return self.points / (2 * (n - 1)) if n > 1 else np.full(n, 0.5)

    def spread(self) -> np.ndarray:
        """Standard deviation of differences in points. [n, n]"""
        v = np.diag(self.covariance)
        return np.sqrt(np.maximum(v[:, None] + v - 2 * self.covariance, 1e-12))

    def z(self) -> np.ndarray:
        """Differences in points over their spread, row minus column. [n, n]"""
        return (self.points[:, None] - self.points) / self.spread()

    def tau(self) -> float:
        """Kendall's tau with what it will end in that the order by points may expect; 1 for one
        alone."""
        n = len(self.points)
        if n < 2:
            return 1.0
        z = np.abs(self.z()[np.triu_indices(n, 1)])
        # 2 Phi(z) - 1, to 4e-4 (as in the usual approximation of GELU).
        return float(np.tanh(math.sqrt(2 / math.pi) * (z + 0.044715 * z**3)).mean())

    def above(self, a: int, b: int) -> float:
        """Probability that ``a`` ends above ``b``; 0.5 for a certain tie."""
        c = self.covariance
        spread = math.sqrt(max(c[a, a] + c[b, b] - 2 * c[a, b], 1e-12))
        return NormalDist().cdf(float(self.points[a] - self.points[b]) / spread)


def forecast(told: np.ndarray, posterior: Posterior) -> Forecast:
    """``told`` [n, n]: the share of the row when shown first, nan or negative where not read."""
    n = posterior.n
    read = told >= 0
    open_ = ~read & ~np.eye(n, dtype=bool)
    expected, variance, slope = _unread(posterior)
    share = np.where(open_, expected, np.where(read, told, 0.0))
    points = share.sum(1) + np.where(open_ | read, 1 - share, 0.0).sum(0)
    # The replies' own spread: each call moves its two candidates by the same, in opposite ways.
    noise = np.where(open_, variance, 0.0)
    noise = noise + noise.T
    covariance = np.diag(noise.sum(0)) - noise
    # And the strengths', which all calls that are left have in common.
    steep = np.where(open_, slope, 0.0)
    both = steep + steep.T
    by = np.zeros((n, n + 1))
    by[:, :n] = np.diag(both.sum(0)) - both
    by[:, n] = steep.sum(1) - steep.sum(0)
    return Forecast(points, covariance + by @ posterior.covariance @ by.T)


def _unread(posterior: Posterior) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Expected share of the row shown first, the variance of a reply and the slope. [n, n] each."""
    n, c = posterior.n, posterior.covariance
    gaps, spread = posterior.gaps()
    toward = c[:n, n]
    v = spread**2 + c[n, n] + 2 * (toward[:, None] - toward)
    # The mean of a sigmoid under a normal distribution, after MacKay 1992.
    shrink = 1 / np.sqrt(1 + np.pi * np.maximum(v, 0) / 8)
    expected, slope = posterior.link(shrink * (gaps + posterior.mean[n]))
    return expected, expected * (1 - expected), slope * shrink
