"""Ranking: candidates from best to worst, with how sure that is and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unireward.errors import UsageError
from unireward.judgment import AskRow, Judgment
from unireward.rewards.combine import tiers_of
from unireward.rewards.pairing import Pairs, rates
from unireward.stats.intervals import Estimate, normal_quantile
from unireward.stats.winrate import comparisons_of, win_rate

MAX_COMPARISONS = 5_000
"""More than this in one ranking is refused: all pairs of 100 candidates are 4,950."""


@dataclass(frozen=True)
class Ranking:
    """What :meth:`Judge.rank` gives.

    ``order`` is tiers from best: candidates in one tier are exactly equal or, where some pairs
    stood for all (:mod:`unireward.rewards.pairing`), expected to be. ``scores`` are the mean score
    over each candidate's comparisons, read or expected, with a 95 % interval; ``comparisons`` the
    pairs that were read. Where some were not, ``judgment.status`` says so; a candidate without any
    read comparison is in neither.
    """

    order: tuple[tuple[str, ...], ...]
    scores: Mapping[str, Estimate]
    comparisons: int
    judgment: Judgment

    @property
    def best(self) -> str | None:
        """The winner, ``"tie"`` where the first tier holds several, None if not all was read."""
        return self.judgment.winner

    @property
    def ok(self) -> bool:
        return self.judgment.ok

    @property
    def unsettled(self) -> tuple[str, ...]:
        """Candidates whose place is not sure, where a scheme chose the pairs."""
        return self.judgment.unsettled

    @property
    def calls(self) -> int:
        """Single-order calls spent."""
        return self.judgment.calls

    @property
    def saved(self) -> int:
        """Calls that both orders of all pairs would have cost beyond those."""
        asks = self.judgment.asks
        if _scored_alone(asks):
            return 0
        names = {name for ask in asks for name in ask.candidates}
        forms = len({ask.form for ask in asks})
        return max(0, 2 * comparisons_of(len(names)) * forms - self.calls)

    @classmethod
    def of(cls, judgment: Judgment, candidates: int, *, half: bool = False) -> Ranking:
        """From the judgment of a record of ``candidates``; ``half``: unread pairs counted."""
        alone = _scored_alone(judgment.asks)
        if judgment.raw and judgment.sigma and not alone:
            return cls._fitted(judgment)
        pairs = set() if alone else _read_pairs(judgment.asks)
        met = dict.fromkeys(judgment.scores, candidates - 1 if half else 0)
        if alone:
            met = {name: len(judgment.scores) - 1 for name in judgment.scores}
        elif not half:
            for pair in pairs:
                for name in pair:
                    met[name] = met.get(name, 0) + 1
        return cls(
            order=tiers_of(judgment.scores),
            scores={
                name: win_rate(score, met[name])
                for name, score in judgment.scores.items()
                if met.get(name)
            },
            comparisons=comparisons_of(len(judgment.scores)) if alone else len(pairs),
            judgment=judgment,
        )

    @classmethod
    def _fitted(cls, judgment: Judgment) -> Ranking:
        """Win rates, each off by what it would be off by at the ends of its strength's interval."""
        scores = {}
        for name, value in judgment.scores.items():
            low, middle, high = (
                rates(judgment.raw | {name: judgment.raw[name] + side * judgment.sigma[name]})[name]
                for side in (-normal_quantile(0.95), 0, normal_quantile(0.95))
            )
            met = sum(name in ask.candidates for ask in judgment.asks if ask.status == "ok")
            low, high = max(0.0, value - middle + low), min(1.0, value - middle + high)
            scores[name] = Estimate(value, low, high, met)
        return cls(
            order=judgment.ranking or tiers_of(judgment.scores),
            scores=scores,
            comparisons=len(_read_pairs(judgment.asks)),
            judgment=judgment,
        )


def _scored_alone(asks: tuple[AskRow, ...]) -> bool:
    """Whether each candidate got a number of its own, so that every two that have one compare."""
    return any(len(ask.candidates) == 1 for ask in asks)


def _read_pairs(asks: tuple[AskRow, ...]) -> set[frozenset[str]]:
    every = {frozenset(ask.candidates) for ask in asks}
    # A question that was asked several times (votes) was read if one of its replies was.
    asked = {(ask.candidates, ask.form) for ask in asks}
    read = {(ask.candidates, ask.form) for ask in asks if ask.status == "ok"}
    return every - {frozenset(candidates) for candidates, _ in asked - read}


def check_plan(
    candidates: int,
    limit: int,
    *,
    both_orders: bool,
    forms: int = 1,
    pairs: Pairs | None = None,
) -> None:
    """Raise :class:`UsageError` with the count where more comparisons are asked than ``limit``."""
    calls = comparisons_of(candidates) * forms * (2 if both_orders else 1)
    if pairs is not None and pairs.chooses(candidates, forms):
        calls = pairs.likely(candidates, forms)
    comparisons = -(-calls // (forms * (2 if both_orders else 1)))
    if comparisons > limit:
        orders = "both orders" if both_orders else "one order"
        raise UsageError(
            f"{candidates} candidates make {comparisons:,} comparisons ({calls:,} calls in "
            f"{orders}), over the limit of {limit:,}; rank fewer, score each alone, use pairing "
            "active with a budget, or raise max_comparisons (--max-comparisons)"
        )
