"""Pairings: which two candidates to show next, and what is known when that ends.

A pairing hands out matches and is told what came of each. A match is one call in one order, the
unit of cost; all pairs in both orders are n (n - 1)::

    pairing = make_pairing("active", 8, seed=0, budget=24)
    while matches := pairing.ask():
        for match in matches:                        # a round: may all be put at once
            pairing.tell(match, share_of_the_first)  # 1, 0, 0.5 or in between; None if unread
    pairing.standing().order

Edge rules: no ordered pair is ever asked twice, since a judge without randomness says the same
again. An unread match is spent and counted, and is never a number. ``ask`` before all of a round
is told hands out what is still open. Under one seed and the same outcomes a pairing does the same
again, so a job that stopped is taken up by telling it the outcomes that were kept. Candidates are
numbers here: nothing depends on their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from unireward.errors import UsageError
from unireward.stats.intervals import Estimate


@dataclass(frozen=True)
class Match:
    """Candidates by index, in the order shown."""

    first: int
    second: int


@dataclass(frozen=True)
class Standing:
    """What is known so far, against what asking every pair in both orders would give.

    ``order`` is from best by ``win_rates`` (by candidate: the mean share over all others in both
    orders, read or expected), ``tiers`` the same with equal ones in one tier. ``certainty[k]`` is
    the probability that ``order[k]`` would end above ``order[k + 1]``; ``settled[k]``, whether the
    candidate at place k is where it is, as far as the goal asks and at its confidence. So a place
    is settled when the calls left would hardly change it, not when the judge is right.
    ``strengths`` (log odds, summing to 0) have 95 % intervals that say the latter, as far as
    agreement among its replies can. ``shares`` are means over the matches read, None for none.

    ``spent`` counts calls told, ``unread`` those of them without an outcome, ``full`` the calls of
    both orders of all pairs. ``reason`` is why it ended, None while it goes on: ``settled``,
    ``budget``, ``asked`` (all that the scheme asks), ``exhausted`` (no call that is left can
    settle what is open)."""

    order: tuple[int, ...]
    tiers: tuple[tuple[int, ...], ...]
    strengths: tuple[Estimate, ...]
    shares: tuple[float | None, ...]
    win_rates: tuple[float, ...]
    expected_tau: float
    certainty: tuple[float, ...]
    settled: tuple[bool, ...]
    spent: int
    unread: int
    full: int
    order_bias: Estimate
    reason: str | None

    @property
    def unsettled(self) -> tuple[int, ...]:
        """Places (from 0) that are not settled."""
        return tuple(place for place, known in enumerate(self.settled) if not known)


class Pairing(Protocol):
    """What a judge and a simulation both drive."""

    def ask(self) -> list[Match]:
        """The next round; empty when it has ended."""
        ...

    def tell(self, match: Match, outcome: float | None) -> None:
        """The share of the first shown, in [0, 1]; None where the reply was not read."""
        ...

    def standing(self) -> Standing: ...


SCHEMES = ("all", "all-one-order", "anchors:K", "knockout", "swiss:R", "active", "active:best",
           "active:top:K")  # fmt: skip


def make_pairing(
    name: str,
    candidates: int,
    *,
    seed: int = 0,
    budget: int | None = None,
    confidence: float = 0.9,
    batch: int = 1,
) -> Pairing:
    """A pairing by name: one of :data:`SCHEMES`, K and R being numbers.

    ``budget`` is the most calls it may spend, ``batch`` the most matches in a round of the active
    scheme. ``confidence`` is the probability at which a place is settled, and the expected tau at
    which the active scheme ends. Raises UsageError for another name.
    """
    from unireward.stats.active import Active
    from unireward.stats.schedule import AllPairs, Anchors, Knockout, OneOrder, Swiss

    common = {"seed": seed, "budget": budget, "confidence": confidence}
    head, _, number = name.partition(":")
    made: dict[str, Callable[[], Pairing]] = {
        "all": lambda: AllPairs(candidates, **common),
        "all-one-order": lambda: OneOrder(candidates, **common),
        "knockout": lambda: Knockout(candidates, **common),
        "active": lambda: Active(candidates, batch=batch, **common),
    }
    if name in made:
        return made[name]()
    if head == "active" and (number == "best" or _count(number.removeprefix("top:"))):
        return Active(candidates, goal=number, batch=batch, **common)
    if head == "anchors" and _count(number):
        return Anchors(candidates, int(number), **common)
    if head == "swiss" and _count(number):
        return Swiss(candidates, int(number), **common)
    raise UsageError(f"no pairing {name!r}; choose one of {', '.join(SCHEMES)}")


def _count(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text) > 0
