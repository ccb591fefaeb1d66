"""Win rates of a round robin: what share of its comparisons a candidate wins.

A comparison gives each side its share: 1 and 0, half each for a tie, or a judge's probabilities
(preference plus half of the tie); a win rate is the mean share. The interval is Wilson's over
the comparisons a candidate was in: it says how sure the rate is with so few opponents, not how
the judge errs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from unireward.errors import InputError
from unireward.stats.intervals import Estimate, wilson

_ROUNDING = 1e-9


def comparisons_of(candidates: int) -> int:
    """Unordered pairs among ``candidates``: n (n - 1) / 2."""
    return candidates * (candidates - 1) // 2


def win_rate(rate: float, comparisons: int, confidence: float = 0.95) -> Estimate:
    """A mean share with its interval.

    Raises InputError for a rate outside [0, 1] (by more than rounding) or no comparisons.
    """
    wins = rate * comparisons
    if abs(wins - round(wins)) < _ROUNDING:
        wins = float(round(wins))  # a mean of whole shares, but for rounding
    if not 0 <= wins <= comparisons or comparisons < 1:
        raise InputError(
            f"a win rate of {rate} over {comparisons} comparisons; give a rate in [0, 1] over "
            "at least one"
        )
    return wilson(wins, comparisons, confidence)


def win_rates(
    candidates: int,
    comparisons: Iterable[tuple[int, int, float | None]],
    *,
    unread: Literal["exclude", "half"] = "exclude",
    decimals: int | None = None,
) -> list[float | None]:
    """Mean share of each candidate over its comparisons, None for one without any. [n]

    A comparison is (one, other, share of the one), a tie 0.5, None what was not read: left out, or
    with ``unread="half"`` half a win each. The published group rewards (Pref-GRPO, the edit
    reward) are all pairs in one order, the lower index shown first, with ``unread="half"`` and
    ``decimals=3``. Raises InputError for an index or share outside its range.
    """
    points, met = [0.0] * candidates, [0] * candidates
    for number, (one, other, share) in enumerate(comparisons):
        if not (0 <= one < candidates and 0 <= other < candidates and one != other):
            raise InputError(f"comparison {number}: {one} with {other} of {candidates} candidates")
        if share is None:
            if unread == "exclude":
                continue
            share = 0.5
        if not 0 <= share <= 1:
            raise InputError(f"comparison {number}: a share of {share}; give one in [0, 1]")
        points[one] += share
        points[other] += 1 - share
        met[one] += 1
        met[other] += 1
    rates = [got / count if count else None for got, count in zip(points, met)]
    if decimals is None:
        return rates
    return [None if rate is None else round(rate, decimals) for rate in rates]
