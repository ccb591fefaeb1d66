"""Mix: one stream of records from several files, by counts or by weights.

Each file is taken by a strategy, in the grammar that LLaVA-style training lists use, or by a
weight::

    all             every record, once
    first:N end:N   the first or the last N
    random:N        N of them by lot
    first:20%       N may be a share of the file, rounded up
    0.3             a weight: the file's share of the mix, relative to the other weights

Weights decide how much is taken where ``total`` says how many records the weighted files give
together; without it, as many as no file must be repeated for. A file that has fewer than its
part is an error unless ``repeat`` allows whole further rounds of it.

Lots are drawn by a hash of seed and id: ``random:200`` holds every record of ``random:100``, and
a record's chance does not depend on what else is in the file. The files are then read once more,
each in its own order, and shuffled into one another by the seed, so that memory stays flat (8
bytes a record); within a file the order is kept.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from unireward.data.seen import Seen
from unireward.errors import InputError, UsageError
from unireward.record import Record

GRAMMAR = "all, first:N, end:N, random:N (N a number or a share such as 20%), or a weight"
_STRATEGY = re.compile(r"(first|end|random):(\d+)(%?)|(first|end|random):(\d*\.\d+)%")
Kind = Literal["all", "first", "end", "random", "weight"]


@dataclass(frozen=True)
class Strategy:
    """How much of a file is taken. ``value`` is a number of records, of percent, or a weight."""

    kind: Kind = "all"
    value: float = 0.0
    is_share: bool = False

    @classmethod
    def parse(cls, text: str) -> Strategy:
        """Read ``"random:20%"`` and its like; :class:`UsageError` for anything else."""
        word = text.strip().lower()
        if word == "all":
            return cls()
        if match := _STRATEGY.fullmatch(word):
            kind = match[1] or match[4]
            is_share = bool(match[3] or match[4])
            value = float(match[2] or match[5])
            if is_share and value > 100:
                raise UsageError(f"{text!r} takes over 100 %; give a weight with repeat instead")
            return cls(kind, value, is_share)  # type: ignore[arg-type]
        try:
            weight = float(word)
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0):
            raise UsageError(f"{text!r} is no way to take a file; use {GRAMMAR}")
        return cls("weight", weight)

    def __str__(self) -> str:
        if self.kind == "all":
            return "all"
        number = f"{self.value:g}" if self.kind == "weight" else f"{self.value:.12g}"
        return number if self.kind == "weight" else f"{self.kind}:{number}{'%' * self.is_share}"

    def count(self, available: int) -> int:
        """Records taken of ``available``; a share is rounded up. Not for weights."""
        assert self.kind != "weight"
        if self.kind == "all":
            return available
        # A share such as 30 % of 10 must not become 4 for a rounding error.
        wanted = math.ceil(round(self.value * available / 100, 9)) if self.is_share else self.value
        return int(wanted)


def parse_part(text: str) -> tuple[Path, Strategy]:
    """``FILE`` or ``FILE=STRATEGY``; a path that holds ``=`` and exists is a path."""
    name, equals, word = text.rpartition("=")
    if not equals or Path(text).exists():
        return Path(text), Strategy()
    return Path(name), Strategy.parse(word)


@dataclass(frozen=True)
class Part:
    """One file of a mix: ``name`` for messages and for ids that clash, ``read`` a fresh pass."""

    name: str
    read: Callable[[], Iterable[Record]]
    strategy: Strategy = field(default_factory=Strategy)


@dataclass
class Taken:
    """What a mix took of one part; ``rounds`` is above 1 where it was repeated."""

    name: str
    strategy: str
    available: int
    taken: int
    renamed: int = 0

    @property
    def rounds(self) -> float:
        return self.taken / self.available if self.available else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "strategy": self.strategy,
            "available": self.available,
            "taken": self.taken,
            "renamed": self.renamed,
        }


class Mix:
    """The plan of a mix, then its records: iterate it after looking at ``taken``.

    Making it reads every part once, to count and to draw lots. ``in_order`` gives the parts one
    after the other. :class:`UsageError` where a part has less than is asked of it.
    """

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        total: int | None = None,
        seed: int = 0,
        repeat: bool = False,
        in_order: bool = False,
    ) -> None:
        if not parts:
            raise UsageError("a mix needs a file; name one or more")
        self.parts, self.seed, self.in_order = list(parts), seed, in_order
        self._lots = [_lots(part, seed) for part in self.parts]
        available = [len(lots) for lots in self._lots]
        counts = _counts(self.parts, available, total, repeat)
        self.taken = [
            Taken(part.name, str(part.strategy), have, count)
            for part, have, count in zip(self.parts, available, counts)
        ]

    def __len__(self) -> int:
        return sum(taken.taken for taken in self.taken)

    def __iter__(self) -> Iterator[Record]:
        """The records; an id given again becomes ``NAME:ID``, further rounds ``ID-2`` ..."""
        streams = [self._stream(index) for index in range(len(self.parts))]
        for taken in self.taken:
            taken.renamed = 0
        with Seen("ids") as seen:
            for index in self._turns():
                record = next(streams[index])
                fresh = seen.fresh("ids", record.id, self.parts[index].name)
                if fresh != record.id:
                    self.taken[index].renamed += 1
                    record = record.model_copy(update={"id": fresh})
                yield record

    def _turns(self) -> Iterator[int]:
        """Whose record is next. A uniformly random riffle: each order of turns is as likely."""
        left = [taken.taken for taken in self.taken]
        if self.in_order:
            for index, count in enumerate(left):
                yield from [index] * count
            return
        lot = random.Random(f"mix {self.seed}")
        for remaining in range(sum(left), 0, -1):
            place, index = lot.randrange(remaining), 0
            while place >= left[index]:
                place -= left[index]
                index += 1
            left[index] -= 1
            yield index

    def _stream(self, index: int) -> Iterator[Record]:
        lots, count = self._lots[index], self.taken[index].taken
        if not len(lots):
            return
        rounds, rest = divmod(count, len(lots))
        for number in range(rounds + bool(rest)):
            wanted = len(lots) if number < rounds else rest
            chosen = _chosen(self.parts[index].strategy, lots, wanted)
            given = 0
            for record, is_in in zip(self.parts[index].read(), chosen):
                if is_in:
                    given += 1
                    yield (
                        record
                        if number == 0
                        else record.model_copy(update={"id": f"{record.id}-{number + 1}"})
                    )
            if given != wanted:
                raise InputError(f"{self.parts[index].name}: changed while it was read; mix again")


def _lots(part: Part, seed: int) -> np.ndarray:
    """A uint64 for each record, by which lots are drawn: [records]."""
    drawn = bytearray()
    start = hashlib.blake2b(f"{seed} ".encode(), digest_size=8)
    for record in part.read():
        lot = start.copy()
        lot.update(record.id.encode("utf-8", "surrogatepass"))
        drawn += lot.digest()
    return np.frombuffer(bytes(drawn), dtype="<u8")


def _chosen(strategy: Strategy, lots: np.ndarray, wanted: int) -> np.ndarray:
    """Which records are taken: bool [records], ``wanted`` of them true."""
    chosen = np.zeros(len(lots), dtype=bool)
    if strategy.kind == "end":
        chosen[len(lots) - wanted :] = True
    elif strategy.kind in ("random", "weight"):
        chosen[np.argsort(lots, kind="stable")[:wanted]] = True
    else:
        chosen[:wanted] = True
    return chosen


def _counts(
    parts: Sequence[Part], available: Sequence[int], total: int | None, repeat: bool
) -> list[int]:
    weights = [p.strategy.value if p.strategy.kind == "weight" else 0.0 for p in parts]
    whole = sum(weights)
    if total is not None and not whole:
        raise UsageError("a total needs weights to divide it by; write FILE=0.5")
    if total is not None and total < 1:
        raise UsageError(f"total is {total}; set it to 1 or more")
    if whole and total is None:
        # The most that repeats nothing: the file that is used up first decides.
        total = math.floor(min(have / w for have, w in zip(available, weights) if w) * whole + 1e-9)
    shares = _divided(total or 0, weights) if whole else [0] * len(parts)
    counts = []
    for part, have, share in zip(parts, available, shares):
        is_weighted = part.strategy.kind == "weight"
        count = share if is_weighted else part.strategy.count(have)
        if count > have and not (is_weighted and repeat and have):
            mend = "allow repeats, or lower the total" if is_weighted and have else "ask for less"
            raise UsageError(f"{part.name} holds {have:,} records, not {count:,}; {mend}")
        counts.append(count)
    return counts


def _divided(total: int, weights: Sequence[float]) -> list[int]:
    """Whole numbers in the ratio of ``weights`` that sum to ``total``: largest remainders."""
    whole = sum(weights)
    exact = [total * weight / whole for weight in weights]
    counts = [math.floor(share + 1e-9) for share in exact]
    by_rest = sorted(range(len(exact)), key=lambda i: (counts[i] - exact[i], i))
    for index in by_rest[: total - sum(counts)]:
        counts[index] += 1
    return counts
