"""Diversity: how much policies still choose for themselves where a prompt leaves them free.

Of right candidates alone: a policy that draws every second picture wrong, each wrong in a way of
its own, is not diverse. For each open choice (place, size, background ...) the entropy in bits of
what was chosen over all right candidates, with Miller and Madow's correction ``(k - 1) / 2n`` for
k kinds among n (Miller 1955), without which fewer right candidates would look less diverse. A
policy's diversity is the sum over the choices, and the ratio of two policies' is what is reported,
with a percentile bootstrap over prompts, the same prompts drawn for both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from unireward.errors import InputError
from unireward.stats.intervals import Estimate, bootstrap

Chosen = Mapping[str, Sequence[str]]
"""Choice -> what one candidate chose, a word or several."""


def entropy(counts: np.ndarray) -> float:
    """Bits, of counts [k] of kinds; 0 for none."""
    some = counts[counts > 0]
    total = some.sum()
    if not total:
        return 0.0
    shares = some / total
    plain = -float((shares * np.log2(shares)).sum())
    return plain + (len(some) - 1) / (2 * total * math.log(2))


def entropies(chosen: Sequence[Sequence[Chosen]]) -> dict[str, float]:
    """Bits by choice, for prompts [n] of right candidates each."""
    table = _Table.of([chosen])
    return dict(zip(table.choices, table.bits(table.counts[0].sum(0))))


def ratio(
    after: Sequence[Sequence[Chosen]], before: Sequence[Sequence[Chosen]], *, seed: int = 0
) -> Estimate | None:
    """Diversity after over diversity before, for the same prompts [n] in the same order; None
    where either has no right candidate, or had nothing to choose."""
    assert len(after) == len(before)
    table = _Table.of([after, before])
    if not table.choices or not all(counts.sum() for counts in table.counts):
        return None
    rows = np.stack(table.counts, axis=1)

    def statistic(drawn: np.ndarray) -> float:
        now, then = (sum(table.bits(counts)) for counts in drawn.sum(0))
        return now / then if then else math.nan

    try:
        return bootstrap(rows, statistic, resamples=1000, seed=seed)
    except InputError:  # a draw without any right candidate: too few to say
        return None


class _Table:
    """Counts [n prompts, kinds] of several policies over the same kinds."""

    def __init__(self, choices: list[str], ends: list[int], counts: list[np.ndarray]) -> None:
        self.choices, self._ends, self.counts = choices, ends, counts

    @classmethod
    def of(cls, policies: Sequence[Sequence[Sequence[Chosen]]]) -> _Table:
        kinds = sorted(
            {
                (choice, word)
                for prompts in policies
                for candidates in prompts
                for chosen in candidates
                for choice, words in chosen.items()
                for word in words
            }
        )
        place = {kind: at for at, kind in enumerate(kinds)}
        counts = []
        for prompts in policies:
            table = np.zeros((len(prompts), len(kinds)))
            for row, candidates in zip(table, prompts):
                for chosen in candidates:
                    for choice, words in chosen.items():
                        for word in words:
                            row[place[choice, word]] += 1
            counts.append(table)
        choices = sorted({choice for choice, _ in kinds})
        ends = [sum(kind[0] <= choice for kind in kinds) for choice in choices]
        return cls(choices, ends, counts)

    def bits(self, counts: np.ndarray) -> list[float]:
        """By choice, of the summed counts [kinds]."""
        starts = [0, *self._ends[:-1]]
        return [entropy(counts[low:high]) for low, high in zip(starts, self._ends)]
