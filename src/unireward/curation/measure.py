"""Measure: how often the winners are truly better, and by how much, where the truth is known.

::

    measure_pairs(read_records("runs/pairs/records.jsonl"))          # by the truth in their meta
    measure_pairs(records, truth=lambda record: {"a": 1.0, "b": 0.0})
    measure_arms(read_cases("runs/pairs"))    # random pairs, ranked ones, sifted ones, one run

The truth is never the judge's. Pairs of equal truth are counted apart: no choice of theirs is
right or wrong. Intervals are at 95 %: Wilson's for the accuracy where each prompt has one pair,
else, and for the gap, a bootstrap over prompts, since pairs of one prompt are not independent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import numpy as np

from unireward.curation.case import Case
from unireward.curation.kept import META
from unireward.curation.lot import lot
from unireward.record import Record
from unireward.stats.intervals import Estimate, bootstrap, wilson

Truth = Callable[[Record], "Mapping[str, float] | None"]
RANDOM = "random"


@dataclass(frozen=True)
class Measured:
    """``pairs`` there are, ``known`` those of known truth: ``right``, ``wrong`` or ``tied``.
    ``accuracy`` is the share of right ones among those that differ, ``gap`` the mean truth of the
    winner less that of the loser over all known ones; None where there is none."""

    pairs: int
    right: int
    wrong: int
    tied: int
    accuracy: Estimate | None
    gap: Estimate | None

    @property
    def known(self) -> int:
        return self.right + self.wrong + self.tied

    def to_dict(self) -> dict[str, Any]:
        return {
            "pairs": self.pairs,
            "known": self.known,
            "right": self.right,
            "wrong": self.wrong,
            "tied": self.tied,
            "accuracy": self.accuracy.to_dict() if self.accuracy else None,
            "gap": self.gap.to_dict() if self.gap else None,
        }


def truth_in_meta(record: Record) -> Mapping[str, float] | None:
    """What a checker (:class:`~unireward.curation.verify.Verify`) said of a curated pair."""
    return record.meta.get(META, {}).get("truth")


def measure_pairs(
    records: Iterable[Record], truth: Truth = truth_in_meta, *, seed: int = 0
) -> Measured:
    """Of curated pairs. A record without a winner and a loser counts as a pair of unknown truth."""
    tally = _Tally()
    for record in records:
        tiers = record.label.ranking if record.label is not None else None
        known = truth(record) or {}
        prompt = str(record.meta.get(META, {}).get("prompt", record.id))
        if tiers is None or [len(tier) for tier in tiers] != [1, 1]:
            tally.add(prompt, None)
            continue
        (winner,), (loser,) = tiers
        both = winner in known and loser in known
        tally.add(prompt, known[winner] - known[loser] if both else None)
    return tally.measured(seed)


def measure_arms(cases: Iterable[Case], *, seed: int = 0) -> dict[str, Measured]:
    """Each way of pairing that one curation tells of, by the truth of its cases: a pair by lot
    of each prompt (``random``), and the pairs that each step made, before later steps chose among
    them."""
    tallies: dict[str, _Tally] = {RANDOM: _Tally()}
    for case in cases:
        if len(case.names) > 1:
            better, worse = min(
                permutations([c.id for c in case.candidates], 2),
                key=lambda pair: lot(seed, "random", case.id, *pair),
            )
            tallies[RANDOM].add(case.id, _gap(case, better, worse))
        for pair in case.pairs:
            refused = pair.dropped is not None and pair.dropped.step == pair.step
            if pair.winner is not None and not refused:
                tally = tallies.setdefault(pair.step, _Tally())
                tally.add(case.id, _gap(case, *pair.sides))
    return {name: tally.measured(seed) for name, tally in tallies.items()}


def _gap(case: Case, better: str, worse: str) -> float | None:
    if better in case.truth and worse in case.truth:
        return case.truth[better] - case.truth[worse]
    return None


class _Tally:
    """Gaps by prompt."""

    def __init__(self) -> None:
        self.pairs = 0
        self._by_prompt: dict[str, list[float]] = {}

    def add(self, prompt: str, gap: float | None) -> None:
        self.pairs += 1
        if gap is not None:
            self._by_prompt.setdefault(prompt, []).append(gap)

    def measured(self, seed: int) -> Measured:
        gaps = [gap for mine in self._by_prompt.values() for gap in mine]
        right, wrong = sum(gap > 0 for gap in gaps), sum(gap < 0 for gap in gaps)
        return Measured(
            self.pairs, right, wrong, len(gaps) - right - wrong,
            self._accuracy(right, right + wrong, seed), self._mean_gap(gaps, seed),
        )  # fmt: skip

    def _accuracy(self, right: int, decided: int, seed: int) -> Estimate | None:
        if not decided:
            return None
        rows = [(sum(g > 0 for g in mine), sum(g != 0 for g in mine))
                for mine in self._by_prompt.values()]  # fmt: skip
        rows = [row for row in rows if row[1]]
        if all(count == 1 for _, count in rows):
            return wilson(right, decided)
        found = bootstrap(np.array(rows), _ratio, seed=seed)
        return Estimate(found.value, found.low, found.high, decided)

    def _mean_gap(self, gaps: list[float], seed: int) -> Estimate | None:
        if not gaps:
            return None
        rows = np.array([(sum(mine), len(mine)) for mine in self._by_prompt.values()])
        found = bootstrap(rows, _ratio, seed=seed)
        return Estimate(found.value, found.low, found.high, len(gaps))


def _ratio(rows: np.ndarray) -> float:
    return float(rows[:, 0].sum() / rows[:, 1].sum())
