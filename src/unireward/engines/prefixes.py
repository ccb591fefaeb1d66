"""Prefixes: what the prompts of a window have in common, and so need be computed once.

Prompts are compared token by token, the places of a medium by the medium's content::

    rubric | image A | image B | rank :        A computed once: rubric, image A
    rubric | image A | image C | rank :     ->    two rows of what is left, on its keys and values

A plan is a forest. An inner :class:`Node` is a stretch that several prompts share; a leaf is what
is left of one prompt, never nothing, since its last token's output is what is asked for. A
medium is never cut. Sharing costs a pass of its own and keys copied for each row, so a stretch is
shared only where that saves tokens enough.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Spans = Sequence[tuple[int, int]]
"""Stretches ``(start, stop)`` that must stay whole: a prompt's media."""

WORTH = 64
"""Tokens that sharing one stretch must save."""
SHARE = 0.1
"""Share of its prompts' tokens that it must save."""
DEEP = 6
"""Shared stretches on the way to a prompt: the keys and values of each are held meanwhile."""


@dataclass(frozen=True)
class Node:
    """Tokens ``start:stop`` of prompt ``line``. A leaf is the end of that prompt alone; what an
    inner node's children have before ``stop`` is equal to it."""

    line: int
    start: int
    stop: int
    children: tuple[Node, ...] = ()

    @property
    def length(self) -> int:
        return self.stop - self.start

    def moved(self, places: Sequence[int], start: int) -> Node:
        """The same of prompts ``places`` whose first ``start`` tokens were left aside."""
        children = tuple(child.moved(places, start) for child in self.children)
        return Node(places[self.line], self.start + start, self.stop + start, children)

    def leaves(self) -> Iterator[Node]:
        """The prompts that end here or below."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()


def plan(
    codes: Sequence[np.ndarray],
    whole: Sequence[Spans] | None = None,
    *,
    worth: int = WORTH,
    share: float = SHARE,
    deep: int = DEEP,
) -> list[Node]:
    """The forest of prompts ``codes`` (int64 [L] each, L > 0; equal codes: equal input there).

    ``whole[i]`` are the media of prompt i. Every prompt is one leaf's; the spans on the way from
    a root to it are the prompt, in order. Equal prompts share all but their last token.
    """
    keys = [np.ascontiguousarray(code, np.int64) for code in codes]
    order = sorted(range(len(keys)), key=lambda i: keys[i].tobytes())
    common = [shared(keys[a], keys[b]) for a, b in pairwise(order)]
    return _Planner(keys, whole or [()] * len(keys), order, common, worth, share, deep).nodes()


def tokens(forest: Sequence[Node]) -> int:
    """Tokens that are computed."""
    return sum(node.length + tokens(node.children) for node in forest)


def shared(a: np.ndarray, b: np.ndarray) -> int:
    """Length of the longest common prefix of two prompts' codes."""
    shorter = min(len(a), len(b))
    differs = a[:shorter] != b[:shorter]
    return int(differs.argmax()) if differs.any() else shorter


@dataclass(frozen=True)
class _Planner:
    """``order`` sorts prompts so that those with a common prefix stand together; ``common[k]`` is
    how long it is between the k-th and the next."""

    keys: list[np.ndarray]
    whole: Sequence[Spans]
    order: list[int]
    common: list[int]
    worth: int
    share: float
    deep: int

    def nodes(self) -> list[Node]:
        # Runs still to be looked at; a stack, since prompts that begin one another may be nested
        # as deep as there are many.
        found: list[_Open] = []
        roots: list[_Open] = []
        todo: list[tuple[int, int, int, _Open | None]] = [(0, len(self.order), 0, None)]
        while todo:
            low, high, start, parent = todo.pop()
            if low == high:
                continue
            here = parent
            if high - low == 1:
                here = _Open(self.order[low], start, len(self.keys[self.order[low]]), parent)
            else:
                deep = parent is not None and parent.depth >= self.deep
                cut = start if deep else self._cut(low, high, start)
                if cut > start:
                    here = _Open(self.order[low], start, cut, parent)
                todo += [(a, b, cut, here) for a, b in self._runs(low, high)]
            if here is not None and here is not parent:
                found.append(here)
                (roots if parent is None else parent.children).append(here)
        # Children are found after their parents.
        for node in reversed(found):
            node.close()
        return [node.closed for node in roots if node.closed is not None]

    def _cut(self, low: int, high: int, start: int) -> int:
        """Where the stretch that prompts ``order[low:high]`` share from ``start`` on ends; no
        further than ``start`` where there is none worth it."""
        run = self.order[low:high]
        shared = min(self.common[low : high - 1])
        cut = min(shared, min(len(self.keys[i]) for i in run) - 1)
        for first, last in self.whole[run[0]]:
            if first < cut < last:
                cut = first
        saved = (len(run) - 1) * (cut - start)
        total = sum(len(self.keys[i]) - start for i in run)
        return cut if saved >= max(self.worth, self.share * total, 1) else start

    def _runs(self, low: int, high: int) -> Iterator[tuple[int, int]]:
        """Parts of a run whose prompts share more than the whole run does."""
        shared = min(self.common[low : high - 1])
        begin = low
        for k in range(low, high - 1):
            if self.common[k] == shared:
                yield begin, k + 1
                begin = k + 1
        yield begin, high


class _Open:
    """A node whose children are still being found."""

    def __init__(self, line: int, start: int, stop: int, parent: _Open | None) -> None:
        self.line, self.start, self.stop = line, start, stop
        self.depth = parent.depth + 1 if parent is not None else 1
        self.children: list[_Open] = []
        self.closed: Node | None = None

    def close(self) -> None:
        made = [child.closed for child in self.children if child.closed is not None]
        self.closed = Node(self.line, self.start, self.stop, tuple(made))
