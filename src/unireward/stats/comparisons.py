"""Comparisons: who was shown first, who second, and what came of it.

The one input of every fit of this room::

    Comparisons.from_rows([
        {"first": "a", "second": "b", "outcome": 1},
        {"first": "b", "second": "a", "outcome": {"first": 0.2, "tie": 0.1, "second": 0.7}},
        {"first": "b", "second": "c", "outcome": "tie", "weight": 2},
    ])

An outcome is the share of the first: 1, 0, or a judge's probability in between. Exactly 0.5 is a
tie. A comparison that was not read is not a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError

_WORDS = {"first": (1.0, 0.0, 0.0), "tie": (0.0, 1.0, 0.0), "second": (0.0, 0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Comparisons:
    """``names`` of N items; for each of M rows the index of the one shown ``first`` and of the
    ``second`` [M], and the weight of ``wins`` of the first, ``ties`` and ``losses`` [M], all
    finite and at least 0."""

    names: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray
    wins: np.ndarray
    ties: np.ndarray
    losses: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    @classmethod
    def of(
        cls,
        first: ArrayLike,
        second: ArrayLike,
        outcome: ArrayLike,
        weight: ArrayLike | None = None,
        *,
        items: int | None = None,
        names: Sequence[str] | None = None,
    ) -> Comparisons:
        """From arrays [M] of indices, shares of the first in [0, 1] and weights (1 unless given).

        ``items`` is N (one more than the largest index unless given). Raises InputError with the
        row that cannot be used.
        """
        i, j = np.asarray(first), np.asarray(second)
        share = np.asarray(outcome, dtype=float)
        heavy = np.ones(share.shape) if weight is None else np.asarray(weight, dtype=float)
        if share.ndim != 1 or not i.shape == j.shape == share.shape == heavy.shape:
            raise InputError("first, second, outcome and weight must be lists of equal length")
        if len(i) and not (_whole(i) and _whole(j)):
            raise InputError("first and second must be whole numbers; from_rows takes names")
        i, j = i.astype(np.int64), j.astype(np.int64)
        if names is not None:
            items = len(names)
        elif items is None:
            items = int(max(i.max(), j.max())) + 1 if len(i) else 0
        names = tuple(str(k) for k in range(items)) if names is None else tuple(names)
        _refuse(~((i >= 0) & (i < items) & (j >= 0) & (j < items)), f"an item beyond {items}")
        _refuse(i == j, "an item compared with itself")
        _refuse(~((share >= 0) & (share <= 1)), "an outcome outside [0, 1]")
        _refuse(~((heavy >= 0) & np.isfinite(heavy)), "a weight that is not a number from 0")
        tie = share == 0.5
        return cls(
            names,
            i,
            j,
            wins=np.where(tie, 0.0, share * heavy),
            ties=np.where(tie, heavy, 0.0),
            losses=np.where(tie, 0.0, (1 - share) * heavy),
        )

    @classmethod
    def from_rows(
        cls, rows: Iterable[Mapping[str, Any]], names: Sequence[str] | None = None
    ) -> Comparisons:
        """From mappings with ``first``, ``second``, ``outcome`` and perhaps ``weight``.

        ``outcome`` is a share, one of ``"first"``, ``"tie"``, ``"second"``, or their
        probabilities. Items are taken in the order in which they appear unless ``names`` lists
        them (then others are refused, and items without any comparison may be among them).
        """
        index = {name: k for k, name in enumerate(names or ())}
        columns: list[tuple[int, int, float, float, float]] = []
        for number, row in enumerate(rows):
            pair = []
            for key in ("first", "second"):
                name = row.get(key)
                if not isinstance(name, str) or (names is not None and name not in index):
                    raise InputError(f"comparison {number}: {key} is {name!r}; name an item")
                pair.append(index.setdefault(name, len(index)))
            if pair[0] == pair[1]:
                raise InputError(f"comparison {number}: an item compared with itself")
            heavy = row.get("weight", 1.0)
            if not _number(heavy) or not 0 <= heavy < np.inf:
                raise InputError(f"comparison {number}: weight is {heavy!r}; give a number from 0")
            shares = _shares(row.get("outcome"), number)
            columns.append((pair[0], pair[1], *(share * heavy for share in shares)))  # pyright: ignore[reportArgumentType]
        table = np.array(columns, dtype=float).reshape(-1, 5).T
        first, second = table[:2].astype(np.int64)
        return cls(tuple(index), first, second, *table[2:])

    def merged(self) -> Comparisons:
        """The same with one row for each ordered pair that has any weight, by rising indices."""
        keys, at = np.unique(self.first * len(self.names) + self.second, return_inverse=True)
        sums = [
            np.bincount(at, column, len(keys)) for column in (self.wins, self.ties, self.losses)
        ]
        kept = sum(sums) > 0
        first, second = np.divmod(keys[kept], max(1, len(self.names)))
        return Comparisons(self.names, first, second, *(column[kept] for column in sums))

    def weighted(self, factors: ArrayLike) -> Comparisons:
        """Each row's weight times its factor [M]."""
        by = np.asarray(factors, dtype=float)
        return Comparisons(
            self.names, self.first, self.second, self.wins * by, self.ties * by, self.losses * by
        )

    def components(self) -> list[list[int]]:
        """Items that a chain of comparisons links, the largest group first."""
        both = np.concatenate([self.first, self.second]), np.concatenate([self.second, self.first])
        left, found = np.ones(len(self.names), dtype=bool), []
        while left.any():
            here = reached(*both, start=int(left.argmax()), items=len(self.names))
            found.append([int(k) for k in np.flatnonzero(here)])
            left &= ~here
        return sorted(found, key=lambda group: (-len(group), group))


def reached(tail: np.ndarray, head: np.ndarray, *, start: int, items: int) -> np.ndarray:
    """Items [N] bool that can be reached from ``start`` along arrows from ``tail`` to ``head``."""
    order = np.argsort(tail, kind="stable")
    head, begins = head[order], np.searchsorted(tail[order], np.arange(items + 1))
    seen = np.zeros(items, dtype=bool)
    seen[start] = True
    frontier = [start]
    while frontier:
        beyond = np.concatenate([head[begins[k] : begins[k + 1]] for k in frontier])
        frontier = [int(k) for k in np.unique(beyond[~seen[beyond]])]
        seen[frontier] = True
    return seen


def _whole(array: np.ndarray) -> bool:
    return bool(array.dtype.kind in "iu")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _refuse(bad: np.ndarray, what: str) -> None:
    if bad.any():
        raise InputError(f"comparison {int(bad.argmax())}: {what}")


def _shares(outcome: Any, number: int) -> tuple[float, float, float]:
    """(win, tie, loss) of the first; they sum to 1."""
    if isinstance(outcome, str) and outcome in _WORDS:
        return _WORDS[outcome]
    if not isinstance(outcome, str) and _number(outcome) and 0 <= outcome <= 1:
        return _WORDS["tie"] if outcome == 0.5 else (float(outcome), 0.0, 1.0 - float(outcome))
    if isinstance(outcome, Mapping) and set(outcome) <= set(_WORDS):
        parts = [outcome.get(key, 0.0) for key in _WORDS]
        if all(_number(part) and part >= 0 for part in parts) and abs(sum(parts) - 1) < 1e-6:
            total = float(sum(parts))
            return parts[0] / total, parts[1] / total, parts[2] / total
    raise InputError(
        f"comparison {number}: outcome is {outcome!r}; give the share of the first from 0 to 1, "
        "first, second, tie, or probabilities of these that sum to 1; leave out what was not read"
    )
