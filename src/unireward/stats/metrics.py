"""Metrics: agreement with the truth, order correlation, agreement of the two orders.

Winners are candidate ids or ``"tie"``; ``None`` is a judgment that was not read. It never counts
as an answer: ``unread`` says what becomes of it, and reports count it apart.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError
from unireward.stats.intervals import Estimate, normal_quantile, wilson

TIE = "tie"
Ties = Literal["with", "without"]
Unread = Literal["exclude", "wrong", "half"]


def accuracy(
    winners: Sequence[str | None],
    truths: Sequence[str | None],
    *,
    ties: Ties = "with",
    unread: Unread = "exclude",
    tie_credit: float = 0.0,
    confidence: float = 0.95,
) -> Estimate | None:
    """Share of records whose winner is the truth's, with Wilson's interval.

    ``ties="with"`` is a three-way question: a true tie must be called one (GenAI-Bench's
    ``tau``). ``"without"`` keeps only records whose truth differs (its ``diff``); a judged tie
    there earns ``tie_credit`` (0 as published, 0.5 for a coin). Records of unknown truth (None)
    are left out. None where nothing is left to count.
    """
    if len(winners) != len(truths):
        raise InputError(f"{len(winners)} winners for {len(truths)} truths; give one each")
    right, n = 0.0, 0
    for winner, truth in zip(winners, truths):
        if truth is None or (truth == TIE and ties == "without"):
            continue
        if winner is None:
            n += unread != "exclude"
            right += 0.5 if unread == "half" else 0.0
            continue
        n += 1
        if winner == truth:
            right += 1
        elif winner == TIE and ties == "without":
            right += tie_credit
    return wilson(right, n, confidence) if n else None


def average_ranks(values: ArrayLike) -> np.ndarray:
    """Ranks from 1, equal values sharing the mean of their places. [n] -> [n] float."""
    array = np.asarray(values, dtype=float)
    if not np.isfinite(array).all():
        raise InputError("ranks need finite numbers; drop unread judgments first")
    _, inverse, counts = np.unique(array, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[inverse]


def spearman(x: ArrayLike, y: ArrayLike, confidence: float = 0.95) -> Estimate | None:
    """Spearman's rank correlation with ties averaged; interval by Bonett and Wright (2000).

    That is Fisher's z with standard error ``sqrt((1 + r^2 / 2) / (n - 3))``. None where it is
    undefined: fewer than four pairs, or one side constant.
    """
    a, b = average_ranks(x), average_ranks(y)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(f"spearman needs two lists of equal length, not {len(a)} and {len(b)}")
    n = len(a)
    if n < 4 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    a, b = a - a.mean(), b - b.mean()
    r = float(np.clip((a @ b) / math.sqrt((a @ a) * (b @ b)), -1, 1))
    if abs(r) > 1 - 1e-12:  # Fisher's z is infinite there
        r = round(r)
        return Estimate(r, r, r, n)
    half = normal_quantile(confidence) * math.sqrt((1 + r * r / 2) / (n - 3))
    z = math.atanh(r)
    return Estimate(r, min(r, math.tanh(z - half)), max(r, math.tanh(z + half)), n)


def concordance(scores: Sequence[float], truths: Sequence[float]) -> tuple[float, int]:
    """Pairs of one group put in the right order, and all pairs whose truth differs.

    Equal scores count half (the pair is left undecided). Sum both over groups and divide.
    """
    if len(scores) != len(truths):
        raise InputError(f"{len(scores)} scores for {len(truths)} truths; give one each")
    right, pairs = 0.0, 0
    for i in range(len(scores)):
        for j in range(i):
            expected = np.sign(truths[i] - truths[j])
            if expected:
                right += (1 + np.sign(scores[i] - scores[j]) * expected) / 2
                pairs += 1
    return float(right), pairs


def position_agreement(
    agreements: Iterable[bool | float | None], confidence: float = 0.95
) -> Estimate | None:
    """How often the two orders of showing give the same winner.

    Takes judgments' ``agreement``: a boolean for a pair, a rate for a group, None (left out)
    where only one order was asked or read. None where nothing is left.
    """
    known = [float(value) for value in agreements if value is not None]
    return wilson(sum(known), len(known), confidence) if known else None
