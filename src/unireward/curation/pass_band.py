"""PassBand: prompts that are neither too hard nor too easy for the policy.

The share of a prompt's candidates that pass is taken as its difficulty; where all pass, or none
does, there is little to learn (MedVLThinker and MagicGUI keep a middle band). What passes is said
by :class:`~unireward.curation.verify.Verify` (``of="truth"``) or by point scores
(``of="score"``), so one of these stands before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from unireward.curation.case import Case
from unireward.curation.step import CaseStep
from unireward.errors import UsageError


class PassBand(CaseStep):
    """Keeps cases with ``low <= share <= high`` of candidates at ``threshold`` or above. Those of
    unknown truth (or score) are not counted; a case of which nothing is known is dropped.
    UsageError for bounds that let nothing through."""

    name = "pass_band"

    def __init__(
        self,
        low: float = 0.1,
        high: float = 0.9,
        *,
        threshold: float = 0.5,
        of: Literal["truth", "score"] = "truth",
    ) -> None:
        if not 0 <= low <= high <= 1:
            raise UsageError(f"pass band is {low:g} to {high:g}; give bounds in 0 to 1")
        if of not in ("truth", "score"):
            raise UsageError(f"pass band is of {of!r}; use truth or score")
        self.low, self.high, self.threshold, self.of = low, high, threshold, of

    @property
    def identity(self) -> dict[str, Any]:
        return {"low": self.low, "high": self.high, "threshold": self.threshold, "of": self.of}

    def each(self, case: Case) -> Case:
        numbers: Mapping[str, float] = case.truth
        if self.of == "score":
            numbers = case.scored.scores if case.scored is not None else {}
        known = [numbers[name] for name in case.names if name in numbers]
        if not known:
            return case.drop(self.name, f"no {self.of} is known")
        share = sum(number >= self.threshold for number in known) / len(known)
        told = f"{share:.0%} of {len(known)} pass"
        if share < self.low:
            return case.drop(self.name, "too hard", told)
        if share > self.high:
            return case.drop(self.name, "too easy", told)
        return case
