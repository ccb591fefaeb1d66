"""RankPairs: the whole group is ranked, and pairs are taken from the ranking.

::

    RankPairs(judge)                                    # all pairs asked; the best and the worst
    RankPairs(judge, "active", budget=40)               # those pairs that tell most
    RankPairs(judge, take="adjacent")                   # each place and the next
    RankPairs(judge, take="decided")                    # every pair that was asked and decided

Of candidates that share a place one is taken by lot. A pair's ``margin`` is the difference of its
win rates; its ``confidence`` the judge's own where the two were shown together, else that of the
fitted strengths (Bradley and Terry). A group in which all are equal gives no pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

from unireward.curation.case import Case, Pair
from unireward.curation.judged import source_of
from unireward.curation.judges import by_scheme, checked, identity_of, in_orders
from unireward.curation.lot import lot
from unireward.curation.pair_rank import pairs_of_group, unasked
from unireward.curation.step import JudgedStep
from unireward.curation.verdicts import A_TIE, Verdict, verdicts_of
from unireward.errors import UsageError
from unireward.families.head.parse import logistic
from unireward.judgment import Judgment
from unireward.record import Record

Take = Literal["extremes", "adjacent", "decided"]


class RankPairs(JudgedStep):
    """``scheme`` is one of :data:`unireward.stats.SCHEMES`, ``budget`` the most calls of a prompt,
    ``confidence`` where an active scheme ends; ``take`` says which pairs. UsageError for what is
    none of these."""

    name = "rank_pairs"
    mode = "rank"

    def __init__(
        self,
        judge: Any,
        scheme: str = "all",
        *,
        budget: int | None = None,
        confidence: float | None = None,
        take: Take = "extremes",
        both_orders: bool = True,
        seed: int = 0,
    ) -> None:
        if take not in get_args(Take):
            raise UsageError(f"take is {take!r}; use {', '.join(get_args(Take))}")
        self.scheme, self.take, self.seed = scheme, take, seed
        self.judge = by_scheme(in_orders(checked(judge), both_orders), scheme, budget, confidence)

    @property
    def identity(self) -> dict[str, Any]:
        return {"judge": identity_of(self.judge), "scheme": self.scheme, "take": self.take,
                "seed": self.seed}  # fmt: skip

    def asked(self, case: Case) -> list[Record]:
        return [case.record()] if len(case.names) > 1 else []

    def told(self, case: Case, judgments: Sequence[Judgment]) -> Case:
        if self.take == "decided":
            pairs = pairs_of_group(self.name, case, judgments)
            return (
                case.paired_anew(self.name, pairs) if pairs else unasked(self.name, case, judgments)
            )
        if not judgments or not judgments[0].scores:
            return unasked(self.name, case, judgments)
        (judgment,) = judgments
        status = judgment.status if judgment.status != "ok" else "unread"
        unread = {name: status for name in case.names if name not in judgment.scores}
        places = [self._one(case, tier) for tier in _tiers(judgment)]
        case = case.leave_out(self.name, unread)
        if len(places) < 2:
            return case.drop(self.name, A_TIE if len(judgment.scores) > 1 else "one was read")
        taken = [(places[0], places[-1])] if self.take == "extremes" else list(pairwise(places))
        verdicts = {frozenset(v.between): v for v in verdicts_of(judgment, case.names)}
        pairs = [
            self._pair(judgment, better, worse, verdicts.get(frozenset((better, worse))))
            for better, worse in taken
        ]
        return case.paired_anew(self.name, pairs)

    def _one(self, case: Case, tier: Sequence[str]) -> str:
        return min(tier, key=lambda name: lot(self.seed, case.id, name))

    def _pair(self, judgment: Judgment, better: str, worse: str, shown: Verdict | None) -> Pair:
        gap = judgment.scores[better] - judgment.scores[worse]
        said = {
            **source_of(judgment),
            "status": judgment.status,
            "scheme": self.scheme,
            "scores": {name: judgment.scores[name] for name in (better, worse)},
            "agreement_rate": judgment.agreement,
            "orders": shown.orders if shown is not None else 0,
            "unsettled": [name for name in judgment.unsettled if name in (better, worse)],
        }
        pair = Pair(
            between=(better, worse),
            winner=better,
            step=self.name,
            # Strengths and win rates of unequal places may, rarely, be in another order.
            margin=max(0.0, gap),
            confidence=_confidence(judgment, better, worse, shown),
            agreement=shown.agreement if shown is not None else None,
        )
        return pair.marked(self.name, said)

    def most(self, case: Case) -> Case:
        names = case.names
        taken = list(pairwise(names)) if self.take != "extremes" else [(names[0], names[-1])]
        made = [Pair(between=pair, winner=pair[0], step=self.name) for pair in taken]
        return case.model_copy(update={"pairs": tuple(made)})


def _tiers(judgment: Judgment) -> list[tuple[str, ...]]:
    """Places from best: the judgment's own ranking, else by score among those that have one."""
    if judgment.ranking is not None:
        return list(judgment.ranking)
    levels = sorted(set(judgment.scores.values()), reverse=True)
    return [tuple(n for n, s in judgment.scores.items() if s == level) for level in levels]


def _confidence(judgment: Judgment, better: str, worse: str, shown: Verdict | None) -> float | None:
    """The probability that ``better`` is: as the judge said it of the two, else as strengths do."""
    if shown is not None and shown.preference:
        return shown.preference[better]
    if judgment.sigma and {better, worse} <= set(judgment.raw):
        return logistic(judgment.raw[better] - judgment.raw[worse])
    return None
