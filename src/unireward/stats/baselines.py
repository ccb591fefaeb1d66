"""Baselines that look at nothing: what any judge must beat.

Each takes the candidates of every record (``ids`` in the order shown) and gives one winner a
record, to be put through the same metric as the judge. The text-only and image-only baselines
are judges shown less, and live with the benchmarks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from unireward.stats.metrics import TIE


def first_position(ids: Sequence[Sequence[str]]) -> list[str]:
    """Always the candidate shown first."""
    return [record[0] for record in ids]


def majority(ids: Sequence[Sequence[str]], truths: Sequence[str | None]) -> list[str | None]:
    """Always the commonest true answer by position (first, second, ..., or tie).

    It is told the truths of the very records it is measured on, so it is the best that any
    constant answer could do. Equal counts go to the earlier position, ties last.
    """
    places = Counter(
        len(record) if truth == TIE else list(record).index(truth)
        for record, truth in zip(ids, truths)
        if truth is not None
    )
    if not places:
        return [None for _ in ids]
    best = min(places, key=lambda place: (-places[place], place))
    # A record too short to have that place has a tie after its last candidate.
    return [record[best] if best < len(record) else TIE for record in ids]


def longer(ids: Sequence[Sequence[str]], lengths: Sequence[Sequence[float]]) -> list[str]:
    """Always the longest candidate (characters of an answer, bytes of a file); equal is a tie."""
    winners = []
    for record, sizes in zip(ids, lengths):
        best = max(sizes)
        tops = [name for name, size in zip(record, sizes) if size == best]
        winners.append(tops[0] if len(tops) == 1 else TIE)
    return winners


def random_choice(ids: Sequence[Sequence[str]], seed: int = 0) -> list[str]:
    """A seeded coin for each record."""
    rng = np.random.default_rng(seed)
    return [record[int(rng.integers(len(record)))] for record in ids]
