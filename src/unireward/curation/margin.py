"""Margin: pairs whose winner is ahead by enough, and not by too much."""

from __future__ import annotations

from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.step import PairFilter, outside
from unireward.errors import UsageError


class Margin(PairFilter):
    """Keeps pairs with ``min <= margin <= max`` (0 to 1). A margin is that of the step which made
    the pair: of point scores, of win rates, or of the two probabilities. UsageError for bounds
    that let nothing through."""

    name = "margin"

    def __init__(self, min: float = 0.0, max: float = 1.0) -> None:
        if not 0 <= min <= max <= 1:
            raise UsageError(f"margin is {min:g} to {max:g}; give min and max in 0 to 1")
        self.least, self.most_ = min, max

    @property
    def identity(self) -> dict[str, Any]:
        return {"min": self.least, "max": self.most_}

    def fault(self, case: Case, pair: Pair) -> tuple[str, str | None] | None:
        return outside("margin", pair.margin, self.least, self.most_, "small", "large")
