"""ConfidenceBand: pairs of which the judge is sure, but not so sure that nothing is learnt."""

from __future__ import annotations

from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.step import PairFilter, outside
from unireward.errors import UsageError


class ConfidenceBand(PairFilter):
    """Keeps pairs with ``low <= confidence <= high``: the judge's probability of its verdict. A
    pair of point sifting has that of none, unless its two candidates were ranked against each
    other. UsageError for bounds that let nothing through."""

    name = "confidence_band"

    def __init__(self, low: float = 0.5, high: float = 1.0) -> None:
        if not 0 <= low <= high <= 1:
            raise UsageError(f"confidence band is {low:g} to {high:g}; give bounds in 0 to 1")
        self.low, self.high = low, high

    @property
    def identity(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high}

    def fault(self, case: Case, pair: Pair) -> tuple[str, str | None] | None:
        return outside("confidence", pair.confidence, self.low, self.high, "low", "high")
