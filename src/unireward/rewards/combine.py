"""Two orders into one judgment: the arithmetic, and nothing else.

A judge that sees ``a`` first and then ``b`` first gives two distributions over (a, b, tie). This
module maps each back to the candidates' own ids and merges them (DESIGN, "Two orders into one
judgment")::

    first = OrderReading(order=("a", "b"), preference={"a": 1.0, "b": 0.0, "tie": 0.0})
    second = OrderReading(order=("b", "a"), preference={"a": 0.0, "b": 1.0, "tie": 0.0})
    combine_pair([first, second], "a", "b").winner        # 'tie': opposed hard verdicts

Edge rules: probabilities merge by the renormalised geometric mean, one-hots by the arithmetic
mean; where one order gave probabilities and the other only words, the arithmetic mean, since a
one-hot's zeros would decide alone in a product. A pair with an unread order has no numbers at
all: half a pair says where a judge looks, not what it prefers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from unireward.judgment import worst
from unireward.record import TIE

Numbers = dict[str, float]


@dataclass(frozen=True)
class OrderReading:
    """What one ask said, keyed by candidate ids (and ``"tie"``).

    ``logprobs`` are natural log-probabilities, not necessarily normalised, where the engine gave
    them; ``preference`` is then their softmax, else one-hot (empty for a pointwise ask).
    """

    order: tuple[str, ...]
    status: str = "ok"
    reason: str | None = None
    preference: Numbers = field(default_factory=dict)
    logprobs: Numbers | None = None
    scores: Numbers = field(default_factory=dict)
    dimensions: dict[str, Numbers] = field(default_factory=dict)
    rationale: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Combined:
    """One pair's (or one candidate's) outcome. Empty numbers where ``status`` is not ``ok``."""

    status: str
    reason: str | None = None
    winner: str | None = None
    preference: Numbers = field(default_factory=dict)
    scores: Numbers = field(default_factory=dict)
    dimensions: dict[str, Numbers] = field(default_factory=dict)
    confidence: float | None = None
    agreement: bool | None = None


def softmax(logprobs: Mapping[str, float]) -> Numbers:
    """Probabilities of log-probabilities; ``-inf`` is 0. All ``-inf`` gives an empty dict."""
    top = max(logprobs.values(), default=-math.inf)
    if top == -math.inf:
        return {}
    weights = {key: math.exp(value - top) for key, value in logprobs.items()}
    total = math.fsum(weights.values())
    return {key: weight / total for key, weight in weights.items()}


def argmax(preference: Mapping[str, float]) -> str:
    """The key of the largest number, ``"tie"`` where two are exactly equal."""
    top = max(preference.values())
    best = [key for key, value in preference.items() if value == top]
    return best[0] if len(best) == 1 else TIE


def mean_of(rows: Sequence[Mapping[str, float]]) -> Numbers:
    """Arithmetic mean key by key, over the rows that have the key, in first-seen order."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        for key, value in row.items():
            columns.setdefault(key, []).append(value)
    return {key: math.fsum(values) / len(values) for key, values in columns.items()}


def mean_dimensions(rows: Sequence[Mapping[str, Numbers]]) -> dict[str, Numbers]:
    """Mean of each dimension for each candidate, over the readings that have it."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: mean_of([row[name] for row in rows if name in row]) for name in names}


def merge_preferences(readings: Sequence[OrderReading], a: str, b: str) -> Numbers:
    """One distribution over ``a``, ``b`` and ``"tie"`` from one reading of each order."""
    soft = [r.logprobs for r in readings if r.logprobs is not None]
    if len(soft) == len(readings):
        # Sums of raw log-probabilities: addition commutes, so mirrored orders are equal to the
        # bit, and each order's own normalisation cancels.
        keys = [key for key in (a, b, TIE) if all(key in row for row in soft)]
        merged = softmax({key: sum(row[key] for row in soft) / len(soft) for key in keys})
        if merged:
            return {key: merged.get(key, 0.0) for key in (a, b, TIE)}
    merged = mean_of([r.preference for r in readings])
    return {key: merged.get(key, 0.0) for key in (a, b, TIE)}


def pair_scores(preference: Mapping[str, float], a: str, b: str) -> Numbers:
    """Preference plus half of the tie."""
    half = preference.get(TIE, 0.0) / 2
    return {a: preference[a] + half, b: preference[b] + half}


def first_reason(readings: Sequence[OrderReading]) -> tuple[str, str | None]:
    """The worst status, and the reason of the first reading that has it."""
    status = worst([reading.status for reading in readings]) if readings else "ok"
    reason = next((r.reason for r in readings if r.status == status and r.reason), None)
    return status, reason


def combine_pair(readings: Sequence[OrderReading], a: str, b: str) -> Combined:
    """One form's readings of a pair, one for each asked order, into one outcome.

    Scores are the readings' own (pair-score) averaged over the orders where there are any, else
    preference plus half of the tie.
    """
    status, reason = first_reason(readings)
    if status != "ok":
        return Combined(status=status, reason=reason)
    preference = merge_preferences(readings, a, b)
    winner = argmax(preference)
    own = [r.scores for r in readings if r.scores]
    agreement = None
    if len(readings) > 1:
        agreement = len({argmax(reading.preference) for reading in readings}) == 1
    return Combined(
        status="ok",
        winner=winner,
        preference=preference,
        scores=mean_of(own) if own else pair_scores(preference, a, b),
        dimensions=mean_dimensions([r.dimensions for r in readings]),
        confidence=preference[winner],
        agreement=agreement,
    )


def combine_aspects(parts: Sequence[Combined], a: str, b: str) -> Combined:
    """Several forms' outcomes of one pair (both aspects of an edit, say) into their mean."""
    if len(parts) == 1:
        return parts[0]
    failed = [part for part in parts if part.status != "ok"]
    if failed:
        status = worst([part.status for part in failed])
        return Combined(status, next(p.reason for p in failed if p.status == status))
    preference = mean_of([part.preference for part in parts])
    winner = argmax(preference)
    agreements = [part.agreement for part in parts if part.agreement is not None]
    return Combined(
        status="ok",
        winner=winner,
        preference=preference,
        scores=mean_of([part.scores for part in parts]),
        dimensions=mean_dimensions([part.dimensions for part in parts]),
        confidence=preference[winner],
        agreement=all(agreements) if agreements else None,
    )


def tiers_of(scores: Mapping[str, float]) -> tuple[tuple[str, ...], ...]:
    """Candidates from best to worst; exactly equal scores share a tier."""
    levels = sorted(set(scores.values()), reverse=True)
    return tuple(tuple(k for k, v in scores.items() if v == level) for level in levels)
