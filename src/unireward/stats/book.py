"""Book: the bookkeeping that every pairing shares. What was handed out, told, spent, unread."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from itertools import pairwise
from statistics import NormalDist

import numpy as np

from unireward.errors import InputError, UsageError
from unireward.stats.forecast import Forecast, forecast
from unireward.stats.pairings import Match, Standing
from unireward.stats.posterior import Posterior

TIE_MARGIN = 0.01
"""Of the win rate: two that would end closer than this are not worth a call to tell apart."""
CONFIDENCE = 0.9
_EQUAL = 1e-6
_WAITING, _UNREAD = -2.0, -1.0


class Book(ABC):
    """A pairing but for ``_next``, which gives the matches of its next round.

    ``told`` [n, n] holds the share of the row when shown first: nan where not asked, negative
    where it waits or was not read. It is never part of a result.
    """

    lapse = 0.0
    ends = "asked"

    def __init__(
        self,
        candidates: int,
        *,
        seed: int = 0,
        budget: int | None = None,
        confidence: float = CONFIDENCE,
        tie_margin: float = TIE_MARGIN,
    ) -> None:
        if candidates < 1:
            raise InputError("a pairing needs at least one candidate")
        if budget is not None and budget < 0:
            raise UsageError(f"budget is {budget}; give a number of calls from 0")
        if not 0.5 < confidence < 1:
            raise UsageError(f"confidence is {confidence}; give a probability between 0.5 and 1")
        if not 0 <= tie_margin < 0.5:
            raise UsageError(f"tie_margin is {tie_margin}; give a distance from 0.5, under 0.5")
        self.n, self.budget = candidates, budget
        self.confidence, self.tie_margin = confidence, tie_margin
        self.rng = np.random.default_rng(seed)
        self.told = np.full((candidates, candidates), np.nan)
        np.fill_diagonal(self.told, _UNREAD)
        self.posterior = Posterior(candidates, lapse=self.lapse)
        self.spent = self.unread = 0
        self.reason: str | None = None
        self._waiting: dict[Match, None] = {}
        self._fitted = True
        self._forecast: Forecast | None = None

    @abstractmethod
    def _next(self) -> list[Match]:
        """The next round, all of matches never handed out; empty where there is none."""

    # The protocol -----------------------------------------------------------------------------

    def ask(self) -> list[Match]:
        if self._waiting:
            return list(self._waiting)
        if self.reason is not None:
            return []
        left = math.inf if self.budget is None else self.budget - self.spent
        matches = self._next()
        if not matches:
            self.reason = self.reason or self.ends
            return []
        if left <= 0:
            self.reason = "budget"
            return []
        self._waiting = dict.fromkeys(matches[: int(min(left, len(matches)))])
        for match in self._waiting:
            assert np.isnan(self.told[match.first, match.second]), match
            self.told[match.first, match.second] = _WAITING
        return list(self._waiting)

    def tell(self, match: Match, outcome: float | None) -> None:
        if match not in self._waiting:
            raise UsageError(f"{match} was not asked, or is told already")
        if outcome is not None and not 0 <= outcome <= 1:
            raise InputError(
                f"{match}: an outcome of {outcome}; give the share of the first from 0 to 1, or "
                "None where it was not read"
            )
        del self._waiting[match]
        self.spent += 1
        self._forecast = None
        if outcome is None:
            self.unread += 1
            self.told[match.first, match.second] = _UNREAD
            return
        self.told[match.first, match.second] = outcome
        self.posterior.add(match.first, match.second, float(outcome))
        self._fitted = False

    def standing(self) -> Standing:
        self.fit()
        forecast = self.forecast()
        order = self.order()
        certainty = tuple(forecast.above(a, b) for a, b in pairwise(order))
        shares, counts = self._shares()
        return Standing(
            order=tuple(order),
            tiers=_tiers(order, forecast.points),
            strengths=self.posterior.strengths(counts),
            shares=shares,
            win_rates=tuple(float(rate) for rate in forecast.rates()),
            expected_tau=forecast.tau(),
            certainty=certainty,
            settled=self.settled(order, forecast.z()),
            spent=self.spent,
            unread=self.unread,
            full=self.n * (self.n - 1),
            order_bias=self.posterior.bias(),
            reason=self.reason,
        )

    # What schemes build on --------------------------------------------------------------------

    def fit(self) -> None:
        if not self._fitted:
            self.posterior.fit()
            self._fitted = True

    def forecast(self) -> Forecast:
        """What asking every pair in both orders would end in."""
        if self._forecast is None:
            self.fit()
            self._forecast = forecast(self.told, self.posterior)
        return self._forecast

    def order(self) -> list[int]:
        """From best; equal ones by index."""
        points = self.forecast().points
        return [int(k) for k in np.argsort(-np.round(points / _EQUAL), kind="stable")]

    def settled(self, order: list[int], z: np.ndarray) -> tuple[bool, ...]:
        """By place: known to be under the one before and above the one after."""
        bar = NormalDist().inv_cdf(self.confidence)
        known = [bool(z[a, b] >= bar) for a, b in pairwise(order)]
        return tuple(above and below for above, below in zip([True, *known], [*known, True]))

    def unasked(self) -> np.ndarray:
        """[n, n] bool of ordered pairs never handed out."""
        return np.isnan(self.told)

    def _shares(self) -> tuple[tuple[float | None, ...], np.ndarray]:
        """Mean share of each over the matches read, and how many these are."""
        read = self.told >= 0
        points = np.where(read, self.told, 0.0).sum(1) + np.where(read, 1 - self.told, 0.0).sum(0)
        counts = read.sum(1) + read.sum(0)
        shares = (float(got / met) if met else None for got, met in zip(points, counts))
        return tuple(shares), counts


def _tiers(order: list[int], points: np.ndarray) -> tuple[tuple[int, ...], ...]:
    """Those whose points are equal share a tier."""
    tiers: list[list[int]] = [[order[0]]]
    for a, b in pairwise(order):
        if abs(points[a] - points[b]) < _EQUAL:
            tiers[-1].append(b)
        else:
            tiers.append([b])
    return tuple(tuple(tier) for tier in tiers)
