"""Sources: files of records, or the drawn world, as strata of examples that any step can draw.

A file is read through once at the start: every row is checked (a bad one names file and row),
its examples are counted, and 25 bytes of it are kept. ``example(stratum, index, turn)`` reads
that row again. Nothing is ever replaced by a neighbour: what cannot be used stops the training
or is left out and counted by its reason, as the config says.
"""

from __future__ import annotations

import os
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from unireward.errors import FamilyError, InputError
from unireward.files.lines import LineError, Place
from unireward.files.places import is_address
from unireward.files.records import Seen, record_of
from unireward.record import Part, Record
from unireward.training.data_config import RecordsConfig, SourceConfig
from unireward.training.examples import Example
from unireward.training.plan import Stratum
from unireward.training.record_maker import NO_FAULT, Made, RecordMaker
from unireward.training.row_files import RowFile, files_of, row_file

IMAGE_TOKENS, CLIP_TOKENS = 256, 1024
"""What a picture or a clip counts in the estimate of a length; only the order matters."""


class Source(Protocol):
    """``left_out`` counts, by reason, what could have been an example and is none."""

    strata: list[Stratum]
    left_out: Counter[str]

    def example(self, stratum: int, index: int, turn: int) -> tuple[Example | None, str]:
        """An example, or None and the reason why there is none."""
        ...


class RecordsSource:
    """Files of records (see the module docstring)."""

    def __init__(
        self, source: SourceConfig, config: RecordsConfig, maker: RecordMaker[Any]
    ) -> None:
        assert source.records is not None
        self.source = source
        self.config = config
        self.maker = maker
        self.left_out: Counter[str] = Counter()
        self.files = [row_file(path) for path in files_of(source.records)]
        self._index = _Index()
        for number, file in enumerate(self.files):
            self._read(number, file)
        self.strata, self._rows = self._index.strata(source)
        if not self.strata:
            raise InputError(f"{source.records}: gives no example{self._why()}")

    def _read(self, number: int, file: RowFile) -> None:
        seen = Seen()
        folder = file.path.absolute().parent
        taken = 0
        for row, place, raw in file.rows():
            if isinstance(raw, LineError):
                raise raw
            if not passes(self.source, raw):
                continue
            if taken == self.source.limit:
                # The rest is read all the same: a bad row is better known now than later.
                continue
            taken += 1
            try:
                record = record_of(raw, folder)
                if seen.repeated(record.id):
                    self._check_id(file, record.id, place)
                looks = self.config.check_media and not file.own_media
                if looks and not self._media_there(record, place):
                    continue
                made = self.maker(record, place=place)
            except LineError:
                raise
            except FamilyError as error:
                raise LineError(place, f"{error}; or name the tasks to train on") from None
            except InputError as error:
                raise LineError(place, str(error)) from None
            self.left_out.update(made.left_out)
            if made.examples:
                self._index.add(number, row, len(made.examples), record)
            else:
                self._none(made, record, place)

    def _check_id(self, file: RowFile, name: str, place: Place) -> None:
        for row in row_file(file.path).rows():
            if row[1] == place:
                return  # two ids of one hash
            if isinstance(row[2], dict) and row[2].get("id") == name:
                kind = "row" if place.is_row else "line"
                raise LineError(
                    place, f"id {name!r} is given on {kind} {row[1].line} already; make ids unique"
                )

    def _media_there(self, record: Record, place: Place) -> bool:
        for where, path in paths_of(record):
            if is_address(path) or os.path.exists(path):
                continue
            if self.config.media == "stop":
                raise LineError(
                    place,
                    f"record {record.id}: {where}: {path}: no such file; mend the path, or set "
                    "media to skip",
                )
            self.left_out["media missing or unreadable"] += 1
            return False
        return True

    def _none(self, made: Made, record: Record, place: Place) -> None:
        """A record that gives no example; one that only ties keep from it is no fault."""
        reasons = [reason for reason in made.left_out if reason not in NO_FAULT]
        if self.config.unusable == "skip":
            if not made.left_out:
                self.left_out["no label"] += 1
            return
        if reasons or not made.left_out:
            why = reasons[0] if reasons else "has no label to learn from"
            raise LineError(
                place, f"record {record.id}: gives no example: {why}; or set unusable to skip"
            )

    def _why(self) -> str:
        told = ", ".join(f"{reason}: {n:,}" for reason, n in self.left_out.most_common(3))
        return f" ({told})" if told else "; it is empty, or tasks, where or quotas leave all out"

    def example(self, stratum: int, index: int, turn: int) -> tuple[Example | None, str]:
        """Raises :class:`LineError` where the row is not what it was at the start."""
        number, row, local = self._index.locate(self._rows[stratum], index)
        file = self.files[number]
        record = record_of(file.row(row), file.path.absolute().parent)
        made = self.maker(record, turn, file.place(row))
        return made.examples[local], ""


@dataclass
class _Index:
    """Row by row: file, row number, number of examples, length estimate, task."""

    def __init__(self) -> None:
        self.files = array("i")
        self.rows = array("q")
        self.counts = array("i")
        self.lengths = array("i")
        self.tasks = array("i")
        self.names: dict[str, int] = {}

    def add(self, file: int, row: int, count: int, record: Record) -> None:
        self.files.append(file)
        self.rows.append(row)
        self.counts.append(count)
        self.lengths.append(length_of(record))
        self.tasks.append(self.names.setdefault(record.task, len(self.names)))

    def strata(self, source: SourceConfig) -> tuple[list[Stratum], list[_Rows]]:
        """One stratum of all rows, or one for each task that has a quota."""
        if source.quotas is None:
            chosen = [(np.arange(len(self.rows)), 1.0)]
        else:
            tasks = np.asarray(self.tasks)
            missing = source.quotas.keys() - self.names.keys()
            if missing:
                raise InputError(
                    f"{source.name}: has no example of {min(missing)}, which has a quota; it has "
                    f"{', '.join(self.names) or 'none of those named'}"
                )
            chosen = [
                (np.flatnonzero(tasks == self.names[task]), share)
                for task, share in source.quotas.items()
            ]
        total = sum(share for _, share in chosen)
        strata, rows = [], []
        for which, share in chosen:
            counts = np.asarray(self.counts)[which]
            if not counts.sum():
                continue
            lengths = np.repeat(np.asarray(self.lengths)[which], counts)
            strata.append(Stratum(len(lengths), source.weight * share / total, lengths))
            rows.append(_Rows(which, np.cumsum(counts)))
        return strata, rows

    def locate(self, rows: _Rows, index: int) -> tuple[int, int, int]:
        """(file, row of the file, which of the row's examples) of a stratum's example."""
        at = int(np.searchsorted(rows.ends, index, side="right"))
        entry = int(rows.which[at])
        before = int(rows.ends[at - 1]) if at else 0
        return self.files[entry], self.rows[entry], index - before


@dataclass(frozen=True)
class _Rows:
    """A stratum's entries of the index, and the number of examples up to each one's end."""

    which: np.ndarray
    ends: np.ndarray


def passes(source: SourceConfig, raw: dict[str, Any]) -> bool:
    """Whether a row is one of those that the source's filters let through."""
    if source.tasks is not None and raw.get("task") not in source.tasks:
        return False
    if source.quotas is not None and raw.get("task") not in source.quotas:
        return False
    for field, wanted in source.where.items():
        value: Any = raw
        for step in field.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value not in (wanted if isinstance(wanted, list | tuple) else (wanted,)):
            return False
    return True


def paths_of(record: Record) -> Iterator[tuple[str, str]]:
    """Where a record names files, and which."""
    for part in record.prompt:
        yield from (("prompt", path) for path in _paths(part))
    for candidate in record.candidates:
        for part in candidate.content:
            yield from ((f"candidate {candidate.id!r}", path) for path in _paths(part))


def _paths(part: Part) -> tuple[str, ...]:
    return (part.path,) if part.path is not None else part.frames or ()


def length_of(record: Record) -> int:
    """A cheap estimate of a record's tokens: a quarter of its letters, and its media."""
    parts = [*record.prompt, *(part for c in record.candidates for part in c.content)]
    letters = sum(len(part.text) for part in parts if part.text is not None)
    reply = record.meta.get("reply")
    letters += len(reply) if isinstance(reply, str) else 0
    media = {"text": 0, "image": IMAGE_TOKENS, "video": CLIP_TOKENS}
    return letters // 4 + sum(media[part.type] for part in parts)
