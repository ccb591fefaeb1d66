"""Active: ask the pair it would learn most from, stop when the order is known well enough.

After every round the forecast says of each pair how sure its order in the full ranking is. Open
are those that are less sure than the confidence asked for and have an order left to be shown in;
of these that one is asked whose reply is expected to say most about which of the two is stronger
(the mutual information of the reply and the sign of the difference). Nothing is spent on pairs
whose order is known from others: among n candidates about n log n calls are needed, as in sorting.

What this is near to: ASAP (Mikhailiuk et al. 2020, arXiv 2004.05691) takes the information about
all strengths, which also asks how far apart two are whose order is known; Heckel et al. 2019
(arXiv 1606.08842) ask what confidence intervals leave open, without a model. Both may repeat a
question; a judge without randomness makes that worthless, so here a pair has two calls, one in
each order, and what these leave open is told from others or stays open.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any

import numpy as np

from unireward.errors import UsageError
from unireward.stats.book import Book
from unireward.stats.forecast import Forecast
from unireward.stats.pairings import Match

_SHORTLIST = 8
"""Pairs a candidate, of the least sure ones, whose information is worked out."""


class Active(Book):
    """``goal``: ``order`` ends when Kendall's tau of the order with the full ranking is expected to
    be ``confidence``, or (with ``every``, which costs most of all calls) when each two neighbours
    are in order with that probability; ``best`` when the best is so surely above every other,
    ``top:K`` each of the K best above each of the rest. A round has at most ``batch`` matches, no
    candidate in two of them.
    """

    lapse = 0.02
    ends = "exhausted"

    def __init__(
        self,
        candidates: int,
        goal: str = "order",
        *,
        batch: int = 1,
        every: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(candidates, **common)
        if batch < 1:
            raise UsageError(f"batch is {batch}; give at least 1")
        self.goal, self.batch, self.every = goal, batch, every
        self.top = _top(goal, candidates)
        self._jitter = self.rng.random((candidates, candidates))

    def _next(self) -> list[Match]:
        forecast, order = self.forecast(), self.order()
        z = forecast.z()
        if self._enough(forecast, order):
            self.reason = "settled"
            return []
        unsure = np.abs(z) < NormalDist().inv_cdf(self.confidence)
        open_ = unsure & ~self._alike(forecast) & self._within(order, z)
        free = self.unasked()
        i, j = np.nonzero(np.triu(open_ & (free | free.T), 1))
        if not len(i):
            return self._around(open_)
        gaps, spread = self.posterior.gaps()
        most = _SHORTLIST * self.n
        if len(i) > most:
            near = np.abs(gaps[i, j]) / spread[i, j] + 1e-9 * self._jitter[i, j]
            near = np.argpartition(near, most)[:most]
            i, j = i[near], j[near]
        i, j = np.r_[i, j], np.r_[j, i]
        i, j = i[free[i, j]], j[free[i, j]]
        return self._disjoint(i, j, self._information(gaps[i, j], spread[i, j]))

    def _enough(self, forecast: Forecast, order: list[int]) -> bool:
        if all(self.settled(order, forecast.z())):
            return True
        return self.top is None and not self.every and forecast.tau() >= self.confidence

    def _around(self, open_: np.ndarray) -> list[Match]:
        """Where both orders of what is open were asked: the least foreseeable calls of those in
        it with others."""
        some = np.any(open_ | open_.T, axis=0)
        i, j = np.nonzero(self.unasked() & np.logical_or.outer(some, some))
        gaps, _ = self.posterior.gaps()
        share, _ = self.posterior.link(gaps[i, j] + self.posterior.mean[self.n])
        return self._disjoint(i, j, share * (1 - share) * np.add(some[i], some[j], dtype=float))

    def _alike(self, forecast: Forecast) -> np.ndarray:
        """[n, n] bool: sure to end within the margin of each other."""
        apart, spread = np.abs(forecast.points[:, None] - forecast.points), forecast.spread()
        room = 2 * (self.n - 1) * self.tie_margin - apart
        return room >= NormalDist().inv_cdf((1 + self.confidence) / 2) * spread

    def _within(self, order: list[int], z: np.ndarray) -> np.ndarray:
        """[n, n] bool: pairs that the goal asks about. Where the best are to be parted from the
        rest, those among whom that is open: two that may both be best tell as much of it as one
        with the best so far, and on the way the field halves as in a knockout."""
        if self.top is None:
            return np.ones((self.n, self.n), dtype=bool)
        head = np.zeros(self.n, dtype=bool)
        head[order[: self.top]] = True
        bar = NormalDist().inv_cdf(self.confidence)
        inside = z[:, ~head].min(1, initial=np.inf) >= bar
        outside = z[head].min(0, initial=np.inf) >= bar
        left = np.logical_not(np.where(head, inside, outside))
        return np.outer(left, left)

    def settled(self, order: list[int], z: np.ndarray) -> tuple[bool, ...]:
        if self.top is None:
            return super().settled(order, z)
        bar = NormalDist().inv_cdf(self.confidence)
        head, tail = order[: self.top], order[self.top :]
        known = z[np.ix_(head, tail)] >= bar
        return tuple(bool(k) for k in [*np.all(known, axis=1), *np.all(known, axis=0)])

    def _information(self, gap: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Nats [P] that the reply is expected to say about the sign of the difference."""
        differences = gap + spread * _NODES[:, None]
        share, _ = self.posterior.link(differences + self.posterior.mean[self.n])
        above = differences > 0
        upper = np.clip(_WEIGHTS @ above, 1e-6, 1 - 1e-6)
        joint = _WEIGHTS @ (share * above)
        whole = _WEIGHTS @ share
        given_above = joint / upper
        given_below = (whole - joint) / (1 - upper)
        return _entropy(whole) - upper * _entropy(given_above) - (1 - upper) * _entropy(given_below)

    def _disjoint(self, i: np.ndarray, j: np.ndarray, value: np.ndarray) -> list[Match]:
        """The most telling matches of which no two share a candidate."""
        busy = np.zeros(self.n, dtype=bool)
        matches: list[Match] = []
        for k in np.argsort(-(value + 1e-9 * self._jitter[i, j]), kind="stable"):
            if len(matches) == self.batch:
                break
            if not (busy[i[k]] or busy[j[k]]):
                busy[[i[k], j[k]]] = True
                matches.append(Match(int(i[k]), int(j[k])))
        return matches


def _top(goal: str, candidates: int) -> int | None:
    """How many are to be parted from the rest; None for the whole order."""
    if goal == "order":
        return None
    number = "1" if goal == "best" else goal.removeprefix("top:")
    if not (number.isascii() and number.isdigit() and int(number) > 0):
        raise UsageError(f"no goal {goal!r}; choose order, best or top:K")
    return min(int(number), candidates)


def _entropy(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, 1e-9, 1 - 1e-9)
    return -p * np.log(p) - (1 - p) * np.log1p(-p)


_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(20)
_WEIGHTS = _WEIGHTS / _WEIGHTS.sum()
