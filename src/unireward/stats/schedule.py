"""Schedules: pairings whose rounds follow a rule rather than what was learnt of each pair.

All but the knockout rank by Bradley-Terry strengths with the order's bias taken out. Where every
pair was asked in both orders that is the order of their win rates.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unireward.errors import UsageError
from unireward.stats.book import Book
from unireward.stats.pairings import Match


class AllPairs(Book):
    """All pairs, in both orders or (seeded, half the time each first) in one.

    n (n - 1) calls, or half. The matches come in a seeded order, so that a budget cuts fairly.
    """

    def __init__(self, candidates: int, both_orders: bool = True, **common: Any) -> None:
        super().__init__(candidates, **common)
        self.both_orders = both_orders

    def _pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for i in range(self.n) for j in range(self.n) if i != j]

    def _next(self) -> list[Match]:
        if self.spent:
            return []
        matches = [Match(*pair) for pair in self._pairs()]
        if not self.both_orders:
            heads = self.rng.random((self.n, self.n)) < 0.5
            matches = [
                match
                for match in matches
                if heads[min(match.first, match.second), max(match.first, match.second)]
                == (match.first < match.second)
            ]
        return [matches[k] for k in self.rng.permutation(len(matches))]


class OneOrder(AllPairs):
    """All pairs, the one of lower index always shown first: n (n - 1) / 2 calls.

    What published group rewards do (``win_rates`` gives their numbers). The order's bias is then
    partly told from the strengths, and partly taken for them.
    """

    def _pairs(self) -> list[tuple[int, int]]:
        return [(i, j) for i in range(self.n) for j in range(i + 1, self.n)]


class Anchors(AllPairs):
    """Everyone against ``k`` seeded anchors, and these against each other, in one order each
    (seeded, half the time first): k (n - k) + k (k - 1) / 2 calls, or twice that in both."""

    def __init__(
        self, candidates: int, k: int = 1, both_orders: bool = False, **common: Any
    ) -> None:
        super().__init__(candidates, both_orders, **common)
        if k < 1:
            raise UsageError(f"anchors is {k}; give at least 1")
        self.anchors = [int(a) for a in self.rng.permutation(candidates)[:k]]

    def _pairs(self) -> list[tuple[int, int]]:
        anchored = set(self.anchors)
        return [pair for pair in super()._pairs() if anchored & set(pair)]


class Swiss(Book):
    """``rounds`` rounds in which those of like points meet, never the same two twice: rounds times
    n // 2 calls. Who has been shown first less often is."""

    def __init__(self, candidates: int, rounds: int = 5, **common: Any) -> None:
        super().__init__(candidates, **common)
        if rounds < 1:
            raise UsageError(f"rounds is {rounds}; give at least 1")
        self.rounds, self.played = rounds, 0
        self.draw = self.rng.permutation(candidates)
        self.byes = np.zeros(candidates, dtype=int)

    def _next(self) -> list[Match]:
        if self.played == self.rounds:
            return []
        self.played += 1
        read = self.told >= 0
        points = np.where(read, self.told, 0.0).sum(1) + np.where(read, 1 - self.told, 0.0).sum(0)
        free = sorted(self.draw, key=lambda k: -(points[k] + self.byes[k] / 2))
        if len(free) % 2:
            rests = min(reversed(free), key=lambda k: self.byes[k])
            free.remove(rests)
            self.byes[rests] += 1
        matches, asked = [], ~self.unasked()
        firsts = asked.sum(1) - asked.sum(0)
        while len(free) > 1:
            one = free.pop(0)
            other = next((k for k in free if not (asked[one, k] or asked[k, one])), None)
            if other is None:
                continue
            free.remove(other)
            ahead = firsts[one] < firsts[other] or (
                firsts[one] == firsts[other] and self.rng.random() < 0.5
            )
            matches.append(Match(*map(int, (one, other) if ahead else (other, one))))
        return matches


class Knockout(Book):
    """The best alone, in n - 1 calls (about twice that in both orders): losers are out.

    The draw and who is shown first are seeded. A match in both orders that is split, or one that
    was not read in either, goes to the stronger so far, then to the draw. The order is by the
    round reached, then by strength; only its head means something.
    """

    def __init__(self, candidates: int, both_orders: bool = False, **common: Any) -> None:
        super().__init__(candidates, **common)
        self.both_orders = both_orders
        self.alive = [int(k) for k in self.rng.permutation(candidates)]
        self.reached = np.zeros(candidates, dtype=int)
        self.bracket: list[tuple[int, int]] = []

    def _next(self) -> list[Match]:
        self.fit()
        again = [Match(b, a) for a, b in self.bracket if self._point(a, b) is None]
        again = [match for match in again if self.unasked()[match.first, match.second]]
        if again:
            return again
        self._close()
        if len(self.alive) < 2:
            return []
        pairs = list(zip(self.alive[::2], self.alive[1::2]))
        self.bracket = [(a, b) if self.rng.random() < 0.5 else (b, a) for a, b in pairs]
        matches = [Match(a, b) for a, b in self.bracket]
        return matches + [Match(b, a) for a, b in self.bracket] * self.both_orders

    def _close(self) -> None:
        """Send home the losers of the round that was told."""
        for a, b in self.bracket:
            point = self._point(a, b)
            if point is None or point == 0.5:
                strengths = self.posterior.mean
                point = float(strengths[a] >= strengths[b])
            winner, loser = (a, b) if point > 0.5 else (b, a)
            self.alive.remove(loser)
            self.reached[winner] += 1
        self.bracket = []

    def _point(self, a: int, b: int) -> float | None:
        """Mean share of ``a`` over the orders read."""
        told = self.told[a, b], 1 - self.told[b, a]
        read = [told[0]] * bool(self.told[a, b] >= 0) + [told[1]] * bool(self.told[b, a] >= 0)
        return float(np.mean(read)) if read else None

    def order(self) -> list[int]:
        strengths = self.posterior.mean
        return sorted(range(self.n), key=lambda k: (-self.reached[k], -strengths[k], k))

    def settled(self, order: list[int], z: np.ndarray) -> tuple[bool, ...]:
        """Nothing but the best is looked for, and it only where it is the stronger of all."""
        known = super().settled(order, z)
        return (known[0], *[False] * (self.n - 1)) if self.n > 1 else known
