"""Split: records into train and held-out parts that share no prompt.

A prompt's side is a hash of it and the seed, so the same prompt is always on the same side,
whatever file it is in, and adding data moves nobody across. Prompts are the same when their
normalised words and the bytes of their media are (:mod:`content`)::

    parts = Split({"test": 0.1}, seed=0)
    parts.part_of(record)        # "train" or "test"

``by`` asks for more than prompts to be kept apart: ``media`` (any image or video of the prompt,
such as the picture that is edited), ``user`` (``context.user.id``) or ``meta.KEY``. With
several, a record whose keys fall on different sides can be on neither and is left out: of two
keys at a share of 0.1 that is about a sixth of the data, and the report says how much.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any

from unireward.data.content import Content, digest
from unireward.data.seen import Seen
from unireward.errors import InputError, UsageError
from unireward.record import Record

REST = "train"
KEYS = "prompt, media, user or meta.KEY"
_BETWEEN = 255
_META = re.compile(r"meta\..")


@dataclass
class SplitReport:
    """Records in each part, prompts in each part, records ``between`` parts (left out), and
    ``shared`` prompts that stand in several parts (0 whenever ``by`` names the prompt)."""

    records: Counter[str] = field(default_factory=Counter)
    prompts: Counter[str] = field(default_factory=Counter)
    between: int = 0
    shared: int = 0

    def to_dict(self) -> dict[str, Any]:
        return {
            "records": dict(self.records),
            "prompts": dict(self.prompts),
            "between": self.between,
            "shared": self.shared,
        }


class Split:
    """Which part a record belongs to.

    ``shares`` are the expected shares of keys in each named part (0 to 1, together under 1); the
    rest is ``train``. :class:`UsageError` for other shares or unknown keys.
    """

    def __init__(
        self,
        shares: Mapping[str, float],
        seed: int = 0,
        by: Sequence[str] = ("prompt",),
        by_path: bool = False,
    ) -> None:
        self.names, self._edges = _edges(shares)
        self.seed = seed
        self.by = tuple(by)
        for key in self.by:
            if key not in ("prompt", "media", "user") and not _META.match(key):
                raise UsageError(f"by {key!r} is no key to split by; use {KEYS}")
        if not self.by:
            raise UsageError(f"by names no key to split by; use {KEYS}")
        self.content = Content(by_path)

    def part_of(self, record: Record) -> str | None:
        """The part's name, or None for a record whose keys belong to different parts.

        :class:`InputError` where a record lacks a key that is split by.
        """
        found = {self._side(key) for name in self.by for key in self._keys(name, record)}
        return self.names[found.pop()] if len(found) == 1 else None

    def _side(self, key: bytes) -> int:
        """Where a key falls on the line from 0 to 1 that the shares divide."""
        drawn = hashlib.blake2b(key, digest_size=8, salt=self.seed.to_bytes(8, "little"))
        place = int.from_bytes(drawn.digest(), "little") / 2**64
        return next(i for i, edge in enumerate(self._edges) if place < edge)

    def _keys(self, name: str, record: Record) -> list[bytes]:
        if name == "prompt":
            return [self.content.prompt(record)]
        if name == "media":
            media = [self.content.media(p, record.id) for p in record.prompt if p.text is None]
            return [digest("split", "media", key) for key in media] or [
                self.content.prompt(record)  # a prompt of words alone has no media to share
            ]
        if name == "user":
            user = record.context.user if record.context is not None else None
            value: Any = None if user is None else user.id
            where = "context.user.id"
        else:
            value, where = _reach(record.meta, name.removeprefix("meta.")), name
        if value is None or isinstance(value, dict | list):
            raise InputError(
                f"record {record.id}: {where} is missing; add it, or split by another key"
            )
        return [digest("split", name, f"{type(value).__name__} {value}")]


def _reach(value: Any, path: str) -> Any:
    """``a.b`` of nested objects, None where it leads nowhere."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def _edges(shares: Mapping[str, float]) -> tuple[list[str], list[float]]:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise UsageError(f"share of {name} is {share:g}; give a number between 0 and 1")
        if not name or name == REST or "/" in name or name.startswith("."):
            raise UsageError(f"{name!r} is no name for a part; {REST} is what is left over")
    edges = list(accumulate(shares.values()))
    if not edges or edges[-1] >= 1:
        total = edges[-1] if edges else 0
        raise UsageError(f"shares are {total:g} together; leave something for {REST}")
    # The last edge is the end of the line: rounding must leave no gap there.
    return [*shares, REST], [*edges, 1.1]


def split_records(
    read: Callable[[], Iterable[Record]],
    out: str | os.PathLike[str],
    split: Split,
    suffix: str = ".jsonl",
) -> SplitReport:
    """Write each part to ``out/PART.jsonl`` (or ``.parquet``); a part may be empty.

    ``read`` gives a fresh pass over the records: one decides (a byte a record is kept), and one
    more writes each part. Whatever is wrong with a record stops it before anything is written.
    """
    from unireward.files import write_records

    report = SplitReport(Counter(dict.fromkeys(split.names, 0)))
    sides = bytearray()
    with Seen("prompts", "shared") as seen:
        for record in read():
            part = split.part_of(record)
            if part is None:
                report.between += 1
                sides.append(_BETWEEN)
                continue
            sides.append(split.names.index(part))
            report.records[part] += 1
            _count_prompt(report, seen, split, sides[-1], split.content.prompt(record))
    for side, name in enumerate(split.names):
        mine = (record for record, at in zip(read(), sides) if at == side)
        write_records(Path(out) / f"{name}{suffix}", mine)
    return report


def _count_prompt(report: SplitReport, seen: Seen, split: Split, side: int, prompt: bytes) -> None:
    before = seen.first("prompts", prompt, side)
    if before is None:
        report.prompts[split.names[side]] += 1
    elif before != side and seen.first("shared", prompt, 0) is None:
        report.shared += 1
