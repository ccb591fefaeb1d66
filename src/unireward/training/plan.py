"""Plan: which examples make up optimiser step k, from the seed and k alone.

>>> plan = Plan([Stratum(1000, 3.0), Stratum(None, 1.0)], batch=8, seed=0)
>>> plan[17]                      # 8 draws: (stratum, index, epoch), whoever asks and in what order

A *stratum* is a source, or one task of it. Strata share every stretch of draws by their weights,
to within one draw at any time (Webster's method, which never takes back a place it has given).
Within a stratum an epoch is a permutation: nothing comes twice before everything came once. With
``group`` steps dealt together, each stratum's draws of these steps are sorted by length, so that
a step's examples are of like length; every step still gets its share of every stratum.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from unireward.errors import InputError


@dataclass(frozen=True)
class Stratum:
    """``size`` examples (None: as many as are asked for), ``weight`` > 0 of the draws.
    ``lengths`` [size] is a cheap estimate of each one's tokens, for grouping."""

    size: int | None
    weight: float = 1.0
    lengths: np.ndarray | None = field(default=None, compare=False)


class Draw(NamedTuple):
    """Example ``index`` of a stratum, in that stratum's ``epoch`` (from 0)."""

    stratum: int
    index: int
    epoch: int


class Plan:
    """``plan[k]`` are the draws of step k, always ``batch`` of them, for any k from 0."""

    def __init__(self, strata: Sequence[Stratum], *, batch: int, seed: int, group: int = 0) -> None:
        """Raises :class:`InputError` where there is nothing to draw from."""
        if not strata:
            raise InputError("there is nothing to train on; name a source")
        for number, stratum in enumerate(strata):
            if stratum.size is not None and stratum.size < 1:
                raise InputError(f"stratum {number} holds no example; leave it out")
        self.strata = tuple(strata)
        self.batch = batch
        self.seed = seed
        self.group = max(1, group)
        total = math.fsum(stratum.weight for stratum in strata)
        self._shares = np.array([stratum.weight / total for stratum in strata])
        self._permutation = lru_cache(maxsize=2 * len(self.strata))(self._permuted)
        self._dealt = lru_cache(maxsize=2)(self._deal)

    def __getitem__(self, step: int) -> tuple[Draw, ...]:
        if step < 0:
            raise IndexError(step)
        return self._dealt(step // self.group)[step % self.group]

    def __getstate__(self) -> dict[str, object]:
        # What is remembered can be made again, and does not travel.
        return {k: v for k, v in vars(self).items() if k not in ("_permutation", "_dealt")}

    def __setstate__(self, state: dict[str, object]) -> None:
        vars(self).update(state)
        self._permutation = lru_cache(maxsize=2 * len(self.strata))(self._permuted)
        self._dealt = lru_cache(maxsize=2)(self._deal)

    def counts(self, draws: int) -> np.ndarray:
        """How many of the first ``draws`` draws each stratum has."""
        return webster(self._shares, draws)

    def _permuted(self, stratum: int, epoch: int) -> np.ndarray:
        size = self.strata[stratum].size
        assert size is not None
        return np.random.default_rng([self.seed, stratum, epoch]).permutation(size)

    def _draw(self, stratum: int, number: int) -> Draw:
        """Draw ``number`` of a stratum's own."""
        size = self.strata[stratum].size
        if size is None:
            return Draw(stratum, number, 0)
        epoch, at = divmod(number, size)
        return Draw(stratum, int(self._permutation(stratum, epoch)[at]), epoch)

    def _deal(self, dealing: int) -> list[tuple[Draw, ...]]:
        """The steps of one dealing (``group`` of them, or one)."""
        first = dealing * self.group
        bounds = [self.counts((first + k) * self.batch) for k in range(self.group + 1)]
        rng = np.random.default_rng([self.seed, 1_000_003, dealing])
        steps: list[list[Draw]] = [[] for _ in range(self.group)]
        # All strata in one order of steps: the long ones of each come together.
        order = rng.permutation(self.group)
        for stratum in range(len(self.strata)):
            edges = [int(bound[stratum]) for bound in bounds]
            draws = [self._draw(stratum, number) for number in range(edges[0], edges[-1])]
            if self.group > 1:
                draws = self._by_length(stratum, draws)
            sizes = np.diff(edges)
            at = 0
            for k in order:
                steps[k] += draws[at : at + sizes[k]]
                at += int(sizes[k])
        return [tuple(own[i] for i in rng.permutation(len(own))) for own in steps]

    def _by_length(self, stratum: int, draws: list[Draw]) -> list[Draw]:
        lengths = self.strata[stratum].lengths
        if lengths is None:
            return draws
        return sorted(draws, key=lambda draw: (lengths[draw.index], draw.epoch, draw.index))


def webster(shares: np.ndarray, seats: int) -> np.ndarray:
    """``seats`` places by Webster's method: the highest quotients ``share / (2 k + 1)``.

    Sums to ``seats``, and no count falls when ``seats`` rises. ``shares`` [S] sum to 1.
    """
    # Rounding down leaves at most one place a share short; the rest go one by one.
    counts = np.maximum(np.floor(shares * max(0, seats - len(shares)) - 0.5), 0).astype(np.int64)
    while counts.sum() < seats:
        counts[np.argmax(shares / (2 * counts + 1))] += 1
    return counts
