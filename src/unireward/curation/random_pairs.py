"""RandomPairs: pairs by lot, the control that every way of choosing pairs is held against."""

from __future__ import annotations

from itertools import permutations
from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.lot import lot
from unireward.curation.step import CaseStep
from unireward.errors import UsageError


class RandomPairs(CaseStep):
    """``n`` pairs of each prompt, drawn and decided by lot, no candidates twice in one order or
    the other. UsageError for an ``n`` below 1."""

    name = "random_pairs"

    def __init__(self, n: int = 1, seed: int = 0) -> None:
        if n < 1:
            raise UsageError(f"random_pairs has n {n}; give 1 pair or more")
        self.n, self.seed = n, seed

    @property
    def identity(self) -> dict[str, Any]:
        return {"n": self.n, "seed": self.seed}

    def each(self, case: Case) -> Case:
        ordered = sorted(
            permutations(case.names, 2), key=lambda pair: lot(self.seed, case.id, *pair)
        )
        drawn: dict[frozenset[str], tuple[str, str]] = {}
        for pair in ordered:
            drawn.setdefault(frozenset(pair), pair)
        chosen = list(drawn.values())[: self.n]
        pairs = [Pair(between=pair, winner=pair[0], step=self.name) for pair in chosen]
        if not pairs:
            return case.drop(self.name, "fewer than two candidates")
        return case.paired_anew(self.name, pairs)

    def most(self, case: Case) -> Case:
        return self.each(case)
