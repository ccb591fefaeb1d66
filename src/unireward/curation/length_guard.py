"""LengthGuard: answers that were not chosen for being long.

Judges like length, and a policy trained on such pairs learns it (IXC-2.5-Reward drops pairs whose
chosen answer is much longer, for that reason). Pictures and clips have no length and pass.
"""

from __future__ import annotations

from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.step import PairFilter
from unireward.errors import UsageError
from unireward.record import Candidate


class LengthGuard(PairFilter):
    """Keeps pairs of answers whose winner has at most ``max_ratio`` times the loser's characters,
    and at least ``min_ratio`` times where that is given. UsageError for ratios that cannot be."""

    name = "length_guard"

    def __init__(self, max_ratio: float = 1.5, min_ratio: float = 0.0) -> None:
        if not 0 <= min_ratio < max_ratio:
            raise UsageError(
                f"length guard is {min_ratio:g} to {max_ratio:g} times; give max_ratio above "
                "min_ratio, min_ratio from 0"
            )
        self.most_, self.least = max_ratio, min_ratio

    @property
    def identity(self) -> dict[str, Any]:
        return {"max_ratio": self.most_, "min_ratio": self.least}

    def fault(self, case: Case, pair: Pair) -> tuple[str, str | None] | None:
        chosen, other = (_length(case.candidate(name)) for name in pair.sides)
        if chosen is None or other is None:
            return None
        told = f"{chosen:,} characters against {other:,}"
        if chosen > self.most_ * other:
            return "winner is much longer", told
        if chosen < self.least * other:
            return "winner is much shorter", told
        return None


def _length(candidate: Candidate) -> int | None:
    """Characters of an answer in words; None for what holds media."""
    words = all(part.text is not None for part in candidate.content)
    return len(candidate.text.strip()) if words else None
