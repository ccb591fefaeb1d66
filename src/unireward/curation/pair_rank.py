"""PairRank: a judge says of pairs of candidates which is better.

As published for UnifiedReward's preference data (2N candidates, N disjoint pairs), but asked in
both orders unless told not to, and without its defaults: a tie, and a reply that cannot be read,
decide nothing; they are counted, and never go to the first one shown::

    PairRank(judge)                        # (a, b), (c, d), ...
    PairRank(judge, "all")                 # every pair
    PairRank(judge, "random:5", seed=1)    # five pairs by lot
    PairRank(judge, "swiss:3")             # or another scheme of stats.SCHEMES, of the group
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.judges import by_scheme, checked, identity_of, in_orders
from unireward.curation.lot import lot
from unireward.curation.step import JudgedStep
from unireward.curation.verdicts import verdict_of, verdicts_of
from unireward.errors import UsageError
from unireward.judgment import Judgment
from unireward.record import Record
from unireward.stats import SCHEMES, make_pairing

DISJOINT, RANDOM = "disjoint", "random"


class PairRank(JudgedStep):
    """``pairs`` is ``disjoint``, ``random:N``, or one of :data:`unireward.stats.SCHEMES`, by which
    the group is asked as one. UsageError for another."""

    name = "pair_rank"
    mode = "rank"

    def __init__(
        self, judge: Any, pairs: str = DISJOINT, *, both_orders: bool = True, seed: int = 0
    ) -> None:
        self.scheme, self.seed = pairs, seed
        self.number = _number(pairs)
        if pairs == DISJOINT or self.number:
            self.judge = in_orders(checked(judge), both_orders)
        else:
            _check_scheme(pairs)
            self.judge = by_scheme(in_orders(checked(judge), both_orders), pairs)

    @property
    def identity(self) -> dict[str, Any]:
        return {"judge": identity_of(self.judge), "pairs": self.scheme, "seed": self.seed}

    def chosen(self, case: Case) -> list[tuple[str, str]]:
        """The pairs that are put to the judge one by one; none where the group is put as one."""
        names = case.names
        if self.scheme == DISJOINT:
            return list(zip(names[::2], names[1::2]))
        every = list(combinations(names, 2))
        drawn = sorted(every, key=lambda pair: lot(self.seed, case.id, *pair))[: self.number]
        return [pair for pair in every if pair in drawn]

    def asked(self, case: Case) -> list[Record]:
        if self.scheme == DISJOINT or self.number:
            return [case.record(pair) for pair in self.chosen(case)]
        return [case.record()] if len(case.names) > 1 else []

    def told(self, case: Case, judgments: Sequence[Judgment]) -> Case:
        if self.scheme == DISJOINT or self.number:
            chosen = self.chosen(case)
            pairs = [
                verdict_of(judgment, pair).pair(self.name, judgment)
                for pair, judgment in zip(chosen, judgments)
            ]
        else:
            pairs = pairs_of_group(self.name, case, judgments)
            if not pairs:
                return unasked(self.name, case, judgments)
        if self.scheme == DISJOINT and len(case.names) % 2:
            case = case.leave_out(self.name, {case.names[-1]: "has no partner"})
        return case.paired_anew(self.name, pairs)

    def most(self, case: Case) -> Case:
        pairs = self.chosen(case) or list(combinations(case.names, 2))
        if self.scheme not in (DISJOINT, "all") and not self.number:
            # Others ask fewer, but each candidate may be in one.
            pairs = pairs[: max(1, len(case.names) - 1)]
        made = [Pair(between=pair, winner=pair[0], step=self.name) for pair in pairs]
        return case.model_copy(update={"pairs": tuple(made)})


def pairs_of_group(step: str, case: Case, judgments: Sequence[Judgment]) -> list[Pair]:
    """Every pair that the group's judgment decides or tried to."""
    return [
        verdict.pair(step, judgment)
        for judgment in judgments
        for verdict in verdicts_of(judgment, case.names)
    ]


def unasked(step: str, case: Case, judgments: Sequence[Judgment]) -> Case:
    """The case of which the judge could not be asked anything."""
    if not judgments:
        return case.drop(step, "fewer than two candidates")
    return case.drop(step, judgments[0].status, judgments[0].reason)


def _number(pairs: str) -> int:
    """N of ``random:N``, 0 for anything else."""
    head, colon, number = pairs.partition(":")
    if head != RANDOM:
        return 0
    if not (colon and number.isdecimal() and int(number) > 0):
        raise UsageError(f"pairs is {pairs!r}; write random:N, N pairs of each prompt")
    return int(number)


def _check_scheme(pairs: str) -> None:
    try:
        make_pairing(pairs, 2)
    except UsageError:
        raise UsageError(
            f"pairs is {pairs!r}; use {DISJOINT}, random:N, {', '.join(SCHEMES)}"
        ) from None
