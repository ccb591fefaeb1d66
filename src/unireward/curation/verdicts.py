"""Verdict: what a judgment says of one pair, whether two candidates were judged or a group.

The rows of a group's judgment (``asks``) are brought together pair by pair by the same rule by
which a pair's two orders are (:mod:`unireward.rewards.combine`). A judge that scores each
candidate alone says of every pair which number is the larger.

Edge rules: a tie and what was not read are verdicts without a winner, with the reason; they are
never given to the first one shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from unireward.curation.case import Dropped, Pair
from unireward.curation.judged import source_of
from unireward.judgment import AskRow, Judgment, worst
from unireward.record import TIE
from unireward.rewards.combine import (
    Combined,
    OrderReading,
    argmax,
    combine_aspects,
    combine_pair,
    mean_of,
)

A_TIE = "tie"
_PLACES = 12


@dataclass(frozen=True)
class Verdict:
    """``winner`` is a candidate, ``"tie"``, or None where ``status`` is not ok. ``preference`` is
    empty where candidates were scored alone; ``orders`` counts the orders shown."""

    between: tuple[str, str]
    winner: str | None
    status: str = "ok"
    reason: str | None = None
    preference: Mapping[str, float] | None = None
    confidence: float | None = None
    agreement: bool | None = None
    orders: int = 0

    def pair(self, step: str, judgment: Judgment) -> Pair:
        """The pair that the verdict makes; dropped by ``step`` where it decides nothing."""
        preference = self.preference or {}
        decided = self.winner not in (None, TIE)
        pair = Pair(
            between=self.between,
            winner=self.winner if decided else None,
            step=step,
            margin=self._margin() if decided else None,
            confidence=self.confidence if decided else None,
            agreement=self.agreement,
            dropped=None if decided else self._dropped(step),
        )
        said = {
            **source_of(judgment),
            "status": self.status,
            "orders": self.orders,
            "winner": self.winner,
            "preference": {name: round(p, _PLACES) for name, p in preference.items()},
            "confidence": self.confidence,
            "agreement": self.agreement,
        }
        return pair.marked(step, said)

    def _margin(self) -> float | None:
        if not self.preference or self.winner is None:
            return None
        loser = next(name for name in self.between if name != self.winner)
        return self.preference[self.winner] - self.preference[loser]

    def _dropped(self, step: str) -> Dropped:
        if self.status == "ok":
            return Dropped(step=step, reason=A_TIE)
        return Dropped(step=step, reason=self.status, detail=self.reason)


def verdict_of(judgment: Judgment, between: tuple[str, str]) -> Verdict:
    """What the judgment of a record of two says of them."""
    return Verdict(
        between,
        judgment.winner if judgment.ok else None,
        judgment.status,
        judgment.reason,
        judgment.preference,
        judgment.confidence,
        judgment.agreement if isinstance(judgment.agreement, bool) else None,
        len({ask.candidates for ask in judgment.asks if len(ask.candidates) == 2}),
    )


def verdicts_of(judgment: Judgment, names: Sequence[str]) -> list[Verdict]:
    """Of a group's judgment, a verdict for each pair that was asked (or scored), in the order of
    ``names``; none where the record could not be asked at all."""
    if any(len(ask.candidates) == 1 for ask in judgment.asks):
        return [_of_scores(judgment, pair) for pair in combinations(names, 2)]
    asked = {frozenset(ask.candidates) for ask in judgment.asks}
    return [
        _of_asks([ask for ask in judgment.asks if set(ask.candidates) == set(pair)], pair)
        for pair in combinations(names, 2)
        if frozenset(pair) in asked
    ]


def _of_scores(judgment: Judgment, pair: tuple[str, str]) -> Verdict:
    scores = {name: judgment.scores[name] for name in pair if name in judgment.scores}
    if len(scores) == len(pair):
        return Verdict(pair, argmax(scores))
    unread = [ask for ask in judgment.asks if ask.candidates[0] in pair and ask.status != "ok"]
    status = worst([ask.status for ask in unread]) if unread else "error"
    reason = next((ask.reason for ask in unread if ask.status == status), judgment.reason)
    return Verdict(pair, None, status, reason)


def _of_asks(asks: Sequence[AskRow], pair: tuple[str, str]) -> Verdict:
    """One pair's asks: votes of an order together, then the orders, then the forms."""
    forms = dict.fromkeys(ask.form for ask in asks)
    orders = dict.fromkeys(ask.candidates for ask in asks)
    parts = []
    for form in forms:
        mine = [[a for a in asks if a.form == form and a.candidates == order] for order in orders]
        parts.append(combine_pair([_reading(some) for some in mine if some], *pair))
    found: Combined = combine_aspects(parts, *pair)
    return Verdict(
        pair,
        found.winner,
        found.status,
        found.reason,
        found.preference,
        found.confidence,
        found.agreement,
        len(orders),
    )


def _reading(asks: Sequence[AskRow]) -> OrderReading:
    """The replies to one question (its votes) as one reading."""
    read = [ask for ask in asks if ask.status == "ok"]
    if not read:
        status = worst([ask.status for ask in asks])
        reason = next((ask.reason for ask in asks if ask.status == status), None)
        return OrderReading(asks[0].candidates, status, reason)
    preference = mean_of([ask.preference for ask in read])
    soft = len(asks) == 1 and any(0 < share < 1 for share in preference.values())
    # Of probabilities the two orders' geometric mean is taken, as the judge itself does.
    logs = {name: math.log(p) if p else -math.inf for name, p in preference.items()}
    return OrderReading(asks[0].candidates, preference=preference, logprobs=logs if soft else None)
