"""PointSift: of the winners the one with the best score, against the loser with the worst.

As published for UnifiedReward's preference data, with its defects mended: scores are numbers and
are compared as numbers, decimals are not cut, a score that could not be read takes its candidate
out with the reason (it is no 0), and a pair is kept only if its winner's score is strictly the
greater. Of candidates with equal scores one is taken by the judge's confidence in its pair, then
by lot; never the first because it is first::

    PointSift(judge)
    PointSift(judge, form="sift")           # UnifiedReward's points from 1 to 10

The pairs that were ranked stay in the case as dropped by this step; the pair it makes is new, and
its ``margin`` is the difference of the scores in [0, 1]. Where its two were ranked against each
other it keeps that confidence, and is dropped if the ranking said the reverse.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unireward.curation.case import Case, Pair, Scored
from unireward.curation.judged import source_of
from unireward.curation.judges import checked, identity_of, in_form
from unireward.curation.lot import lot
from unireward.curation.scores import scored_of
from unireward.curation.step import JudgedStep
from unireward.judgment import Judgment
from unireward.record import Record


class PointSift(JudgedStep):
    """``form`` and ``aspect`` name another of the family's forms of score."""

    name = "point_sift"
    mode = "score"

    def __init__(
        self, judge: Any, *, form: str | None = None, aspect: str | None = None, seed: int = 0
    ) -> None:
        self.judge = in_form(checked(judge), form, aspect)
        self.seed = seed

    @property
    def identity(self) -> dict[str, Any]:
        return {"judge": identity_of(self.judge), "seed": self.seed}

    def asked(self, case: Case) -> list[Record]:
        """The case's winners and losers, each to be scored alone."""
        met = {name for pair in case.kept for name in pair.between}
        names = [name for name in case.names if name in met]
        return [case.record(names)] if names else []

    def told(self, case: Case, judgments: Sequence[Judgment]) -> Case:
        if not judgments:
            return case.drop(self.name, "no pair to sift")
        (judgment,) = judgments
        ranked = case.kept
        scored, unread = scored_of(self.name, judgment, self.judge, case)
        winners = [(pair.sides[0], pair.confidence) for pair in ranked]
        losers = [(pair.sides[1], pair.confidence) for pair in ranked]
        best = self._first(case, scored, winners, sign=-1)
        worst = self._first(case, scored, losers, sign=1)
        case = case.leave_out(self.name, unread).model_copy(update={"scored": scored})
        if best is None or worst is None:
            side = "winner" if best is None else "loser"
            return case.drop(self.name, f"no {side} was scored", judgment.reason)
        if best == worst:
            return case.drop(self.name, "best winner and worst loser are one", best)
        met = next((pair for pair in ranked if set(pair.between) == {best, worst}), None)
        new = self._sifted(scored, best, worst, met).marked(
            self.name, {**source_of(judgment), "scores": _both(scored, best, worst)}
        )
        return case.paired_anew(self.name, [_with_ranks(new, ranked)])

    def _first(
        self, case: Case, scored: Scored, sides: Sequence[tuple[str, float | None]], *, sign: int
    ) -> str | None:
        """The candidate with the lowest ``sign`` times score; of equals the one whose pair is the
        surest, then by lot."""
        sure: dict[str, float] = {}
        for name, confidence in sides:
            if name in scored.scores:
                sure[name] = max(sure.get(name, 0.0), confidence or 0.0)
        return min(
            sure,
            key=lambda n: (sign * scored.scores[n], -sure[n], lot(self.seed, case.id, n)),
            default=None,
        )

    def _sifted(self, scored: Scored, best: str, worst: str, met: Pair | None) -> Pair:
        """The new pair; ``met`` is that of the same two where they were ranked together."""
        high, low = scored.scores[best], scored.scores[worst]
        pair = Pair(between=(best, worst), winner=best, step=self.name, margin=high - low)
        if not high > low:
            return pair.without(self.name, "score is not greater", f"{high:g} against {low:g}")
        if met is None:
            return pair
        if met.winner != best:
            return pair.without(self.name, "ranks and scores disagree")
        return pair.model_copy(update={"confidence": met.confidence, "agreement": met.agreement})

    def most(self, case: Case) -> Case:
        return case.model_copy(update={"pairs": case.kept[:1]})


def _both(scored: Scored, best: str, worst: str) -> dict[str, float]:
    return {name: scored.scores[name] for name in (best, worst)}


def _with_ranks(new: Pair, ranked: Sequence[Pair]) -> Pair:
    """The pair with what was said of those that its two candidates come from."""
    for pair in ranked:
        if set(pair.between) & set(new.between):
            before = new.marks.get(pair.step, {}).get("ranked", [])
            said = {"between": list(pair.between), **pair.marks.get(pair.step, {})}
            new = new.marked(pair.step, {"ranked": [*before, said]})
    return new
