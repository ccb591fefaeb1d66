"""Ranks and ratings as a label: tiers from best, equal ones together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unireward.data.converter import RowError
from unireward.data.fields import LETTERS


def names_of(count: int) -> list[str]:
    """Ids of that many candidates: ``a``, ``b`` ... ``z``, then ``c27``, ``c28`` ..."""
    return [LETTERS[i] if i < len(LETTERS) else f"c{i + 1}" for i in range(count)]


def tiers(ranks: Mapping[str, float], *, best: str) -> list[list[str]]:
    """Tiers of candidates by number; ``best`` says which end wins, ``"lowest"`` (ranks: 1 is
    first) or ``"highest"`` (ratings). Equal numbers share a tier; order within one is as given."""
    assert best in ("lowest", "highest")
    levels = sorted(set(ranks.values()), reverse=best == "highest")
    return [[name for name, rank in ranks.items() if rank == level] for level in levels]


def side_by_side(fields: Mapping[str, Sequence[object]]) -> int:
    """How many candidates parallel lists speak of; :class:`RowError` where they differ."""
    sizes = {name: len(values) for name, values in fields.items()}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {size}" for name, size in sizes.items())
        raise RowError(f"lists differ in length ({told}); give one entry for each candidate")
    return next(iter(sizes.values()))
