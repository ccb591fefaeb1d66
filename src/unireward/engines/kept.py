"""Kept: what the prompts of small windows have left, for prompts that begin alike later on.

A ranking in rounds, or a training that waits for its rewards, asks a few pairs, then a few more
about the same pictures. Within a window what prompts share is planned
(:mod:`unireward.engines.prefixes`); from one window to the next it is found here::

    round 1    A | B, B | A, C | D, D | C
    round 2    A | C, C | A                  A and C are gone on from, where they stand first

A prompt's keys and values are kept whole, and any beginning of them serves. Those used longest
ago go first when ``max_bytes`` are full. Thread-safe.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from unireward.engines import kv
from unireward.engines.kv import Held, Row
from unireward.engines.prefixes import Spans, shared

DEFAULT_BYTES = 1 << 30
MOST = 64
"""Prompts that are kept: each is compared with every prompt of a window."""


@dataclass(frozen=True, eq=False)
class Entry:
    """A prompt: its ``codes`` int64 [L] and its keys and values."""

    codes: np.ndarray
    row: Row


@dataclass(frozen=True, eq=False)
class Begun:
    """The first ``length`` tokens of an entry, which a prompt begins with."""

    entry: Entry
    length: int


class Kept:
    """At most ``max_bytes`` of prompts, and at most ``MOST`` (0 bytes keep none)."""

    def __init__(self, max_bytes: int = DEFAULT_BYTES) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        """Bytes kept."""
        self._entries: list[Entry] = []
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, codes: np.ndarray, whole: Spans, *, worth: int, share: float) -> Begun | None:
        """The longest beginning of a prompt that is here, never all of it and never a part of a
        medium; None where it is shorter than ``worth`` tokens or that share of the prompt."""
        with self._lock:
            entries = list(self._entries)
        lengths = [shared(codes, entry.codes) for entry in entries]
        if not lengths:
            return None
        best = int(np.argmax(lengths))
        length = min(lengths[best], len(codes) - 1)
        for first, last in whole:
            if first < length < last:
                length = first
        if length < max(worth, share * len(codes), 1):
            return None
        self._used(entries[best])
        return Begun(entries[best], length)

    def keep(self, codes: Sequence[np.ndarray], held: Held) -> None:
        """The prompts of a batch, of which ``held`` has the rows and nothing more."""
        if not self.max_bytes:
            return
        with self._lock:
            known = {entry.codes.tobytes() for entry in self._entries}
        for place, code in enumerate(codes):
            if code.tobytes() not in known:
                known.add(code.tobytes())
                row = held.row(place)
                assert row.columns == len(code), "a prompt's columns are its tokens"
                self._add(Entry(code, row))

    def clear(self) -> None:
        """Forgets all: for weights that have changed."""
        with self._lock:
            self._entries.clear()
            self.bytes = 0

    def _add(self, entry: Entry) -> None:
        if entry.row.bytes > self.max_bytes:
            return
        with self._lock:
            self._entries.append(entry)
            self.bytes += entry.row.bytes
            while self.bytes > self.max_bytes or len(self._entries) > MOST:
                self.bytes -= self._entries.pop(0).row.bytes

    def _used(self, entry: Entry) -> None:
        with self._lock:
            if entry in self._entries:  # it may have gone since
                self._entries.remove(entry)
                self._entries.append(entry)


def parent_of(begun: Sequence[Begun]) -> Held:
    """A batch that has the beginnings as its rows, to be gone on from."""
    with torch.inference_mode():
        return kv.stacked([one.entry.row for one in begun], [one.length for one in begun])
