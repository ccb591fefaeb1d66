"""Task: one ask as its line of tokens, its choices' tree, and the numbers it is compared by."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from unireward.ask import Ask
from unireward.engines.choosing import Tree
from unireward.engines.line import Line


@dataclass(frozen=True)
class Task:
    """One ask as its line."""

    index: int
    ask: Ask
    line: Line
    tree: Tree | None

    @property
    def kind(self) -> str:
        return "choose" if self.tree else "generate"

    @cached_property
    def codes(self) -> np.ndarray:
        """The line's symbols as numbers: ids, and below zero the rows of media by content."""
        code = self.line.ids.copy()
        for shown in self.line.media:
            base = _number(shown.medium.key) + shown.first
            code[shown.start : shown.stop] = -1 - np.arange(base, base + shown.stop - shown.start)
        return code

    @property
    def whole(self) -> list[tuple[int, int]]:
        return [(shown.start, shown.stop) for shown in self.line.media]


@lru_cache(10_000)
def _number(key: str) -> int:
    """A medium's first row as a number: 42 bits of its content, and 20 for its rows."""
    digest = hashlib.blake2b(key.encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 22) << 20
