"""Drawn: pairs to look at, by lot, from what a curation wrote.

Kept ones from ``records.jsonl``, dropped ones from ``dropped.jsonl`` with every reason in turn, so
that a rare one is seen too. The same seed draws the same; memory holds what is drawn.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappush, heappushpop
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

from unireward.curation.dropped import DroppedRow, read_dropped
from unireward.curation.lot import lot
from unireward.files import read_records
from unireward.record import Record


@dataclass(frozen=True)
class Drawn:
    kept: list[Record]
    dropped: list[DroppedRow]


def drawn(folder: Path, number: int, seed: int = 0) -> Drawn:
    """``number`` of them, half kept and half dropped as far as there are so many."""
    few = _Few(number, seed)
    for record in read_records(folder / "records.jsonl"):
        few.add(record.id, record)
    reasons: dict[tuple[str, str], _Few] = {}
    for row in read_dropped(folder / "dropped.jsonl"):
        some = reasons.setdefault((row.step, row.reason), _Few(number, seed))
        some.add(f"{row.id} {row.pair and row.pair['between']}", row)
    in_turn = chain.from_iterable(zip_longest(*(some.all for some in reasons.values())))
    dropped = [row for row in in_turn if row is not None]
    kept = few.all[: max(number // 2, number - len(dropped))]
    return Drawn(kept, dropped[: number - len(kept)])


class _Few:
    """Of things without end the ``most`` with the smallest lots."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._seed = most, seed
        self._heap: list[tuple[float, str, Any]] = []

    def add(self, name: str, thing: Any) -> None:
        item = (-lot(self._seed, "drawn", name), name, thing)
        if len(self._heap) < self._most:
            heappush(self._heap, item)
        elif self._heap and item[:2] > self._heap[0][:2]:
            heappushpop(self._heap, item)

    @property
    def all(self) -> list[Any]:
        return [thing for _, _, thing in sorted(self._heap, key=lambda item: (-item[0], item[1]))]
