"""Posterior: what is believed of strengths after some matches, as a normal distribution.

Bradley-Terry strengths under a normal prior with the order's bias beside them, the likelihood's
peak and curvature (Laplace). A ``lapse`` is the share of matches in which a judge errs whatever
the distance; without it one upset between far candidates would outweigh many fair matches.
"""

from __future__ import annotations

import numpy as np

from unireward.stats.intervals import Estimate, normal_quantile

SCALE = 3.0
"""Prior standard deviation of a strength, in log odds."""
BIAS_SCALE = 1.0
"""Of the order's bias."""
_SMALL = 1e-5
"""Of a step in log odds: far under what could turn an order."""


class Posterior:
    """Of ``n`` strengths and the bias. ``mean`` [n + 1] and ``covariance`` [n + 1, n + 1], the
    bias last, are those of the matches added before the last ``fit``."""

    def __init__(self, n: int, *, lapse: float = 0.0) -> None:
        self.n, self.lapse = n, lapse
        self._rows: list[tuple[int, int, float]] = []
        self._prior = np.r_[np.full(n, SCALE**-2), BIAS_SCALE**-2]
        self.mean = np.zeros(n + 1)
        self.covariance = np.diag(1 / self._prior)

    def add(self, first: int, second: int, share: float) -> None:
        self._rows.append((first, second, share))

    def fit(self) -> None:
        """Fisher scoring from where the last fit ended."""
        if not self._rows:
            return
        table = np.array(self._rows)
        i, j = table[:, :2].astype(np.int64).T
        share = table[:, 2]
        for _ in range(50):
            x = self.mean[i] - self.mean[j] + self.mean[self.n]
            expected, steep = self.link(x)
            weight = steep / (expected * (1 - expected))
            push, bend = (share - expected) * weight, steep * weight
            self.covariance = np.linalg.inv(self._information(i, j, bend))
            step = self.covariance @ (self._gather(i, j, push) - self._prior * self.mean)
            largest = float(np.abs(step).max())
            self.mean = self.mean + step * min(1.0, 2.0 / max(largest, 1e-300))
            if largest < _SMALL:
                return

    def link(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Expected share of the first at log odds ``x``, and its slope there."""
        sigmoid = 1 / (1 + np.exp(-np.clip(x, -30, 30)))
        inner = 1 - 2 * self.lapse
        return self.lapse + inner * sigmoid, inner * sigmoid * (1 - sigmoid)

    def gaps(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of strength differences, [n, n] each, row minus column."""
        s, c = self.mean[: self.n], self.covariance[: self.n, : self.n]
        v = np.diag(c)
        spread = np.sqrt(np.maximum(v[:, None] + v - 2 * c, 1e-12))
        return s[:, None] - s, spread

    def strengths(self, counts: np.ndarray, confidence: float = 0.95) -> tuple[Estimate, ...]:
        """Centred, with intervals; ``counts`` [n] are the matches of each."""
        c = self.covariance[: self.n, : self.n]
        c = c - c.mean(0) - c.mean(1, keepdims=True) + c.mean()
        half = normal_quantile(confidence) * np.sqrt(np.diag(c).clip(0))
        s = self.mean[: self.n] - self.mean[: self.n].mean()
        return tuple(
            Estimate(float(a), float(a - h), float(a + h), int(k))
            for a, h, k in zip(s, half, counts)
        )

    def bias(self, confidence: float = 0.95) -> Estimate:
        value = float(self.mean[self.n])
        half = normal_quantile(confidence) * float(np.sqrt(self.covariance[self.n, self.n]))
        return Estimate(value, value - half, value + half, len(self._rows))

    def _gather(self, i: np.ndarray, j: np.ndarray, of: np.ndarray) -> np.ndarray:
        return np.r_[np.bincount(i, of, self.n) - np.bincount(j, of, self.n), of.sum()]

    def _information(self, i: np.ndarray, j: np.ndarray, bend: np.ndarray) -> np.ndarray:
        n = self.n
        flat = np.bincount(i * n + j, bend, n * n).reshape(n, n)
        both = flat + flat.T
        found = np.diag(self._prior)
        found[:n, :n] += np.diag(both.sum(0)) - both
        edge = flat.sum(1) - flat.sum(0)
        found[:n, n] += edge
        found[n, :n] += edge
        found[n, n] += bend.sum()
        return found
