"""Share: which examples of a step's global batch are this process's, micro-batch by micro-batch.

The global batch of step k depends on the seed and k alone. Cut into ``processes x accumulation``
interleaved shares, it is the same batch however many of either there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """``steps`` optimiser steps of ``size`` examples; process ``rank`` of ``world`` takes them in
    ``accumulation`` micro-batches. Item ``i`` of its data set is micro-batch ``i % accumulation``
    of step ``i // accumulation``."""

    steps: int
    size: int
    seed: int = 0
    rank: int = 0
    world: int = 1
    accumulation: int = 1

    def __len__(self) -> int:
        return self.steps * self.accumulation

    def place(self, item: int) -> tuple[int, int]:
        """(step, micro-batch) of an item. IndexError past the end, as data sets have it."""
        if not 0 <= item < len(self):
            raise IndexError(item)
        return divmod(item, self.accumulation)

    def of(self, examples: Sequence[T], micro: int) -> Sequence[T]:
        """This process's part of a step's examples."""
        return examples[micro * self.world + self.rank :: self.accumulation * self.world]
