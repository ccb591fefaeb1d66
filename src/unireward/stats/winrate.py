"""Win rates of a round robin: what share of its comparisons a candidate wins.

A comparison gives each side its share: 1 and 0, half each for a tie, or a judge's probabilities
(preference plus half of the tie); a win rate is the mean share. The interval is Wilson's over
the comparisons a candidate was in: it says how sure the rate is with so few opponents, not how
the judge errs.
"""

from __future__ import annotations

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
