"""Files of records with any row at hand: JSON Lines by byte offset, Parquet by row group, tar
shards by record (:mod:`tar_rows`).

What is kept of a file in memory is 12 bytes a line, or the last few row groups. A file must stay
as it is while it is trained on.
"""

from __future__ import annotations

import os
from array import array
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from unireward.errors import InputError
from unireward.files.lines import LineError, Place, loads, opened, read_lines

Rows = Iterator[tuple[int, Place, dict[str, Any] | LineError]]
KEPT_GROUPS = 4
SUFFIXES = (".jsonl", ".ndjson", ".parquet", ".tar")


class RowFile(Protocol):
    """A file of records. ``rows`` once; then any ``row`` by its number from 0."""

    path: Path
    own_media: bool
    """Whether its media are in it, and not files that a look could miss."""

    def rows(self) -> Rows: ...
    def row(self, number: int) -> dict[str, Any]: ...
    def place(self, number: int) -> Place: ...


class JsonLines:
    """One file of JSON Lines; rows are counted from 0 and blank lines are none."""

    own_media = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets = array("q")
        self._lines = array("i")
        self._size = 0
        self._stream: tuple[int, Any] | None = None

    def rows(self) -> Rows:
        """Every row as its raw object (or its error), once; afterwards any can be read."""
        starts = array("q")
        with opened(self.path) as stream:
            at = 0
            for line in stream:
                starts.append(at)
                at += len(line)
        self._offsets, self._lines, self._size = array("q"), array("i"), at
        for number, (place, row) in enumerate(read_lines(self.path)):
            self._offsets.append(starts[place.line - 1])
            self._lines.append(place.line)
            yield number, place, row

    def row(self, number: int) -> dict[str, Any]:
        """The raw object of a row. :class:`InputError` where the file is not what it was."""
        stream = self._opened()
        stream.seek(self._offsets[number])
        try:
            found = loads(stream.readline().decode("utf-8-sig"))
            assert isinstance(found, dict)
        except (InputError, UnicodeDecodeError, AssertionError):
            raise InputError(_changed(self.path)) from None
        return found

    def place(self, number: int) -> Place:
        return Place(self.path, self._lines[number])

    def _opened(self) -> Any:
        # A process made by fork shares its parent's place in the file: each opens its own.
        if self._stream is None or self._stream[0] != os.getpid():
            try:
                stream = self.path.open("rb")
            except OSError as error:
                raise InputError(f"{self.path}: {error.strerror}; check the path") from None
            if os.fstat(stream.fileno()).st_size != self._size:
                raise InputError(_changed(self.path))
            self._stream = os.getpid(), stream
        return self._stream[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_stream": None}


class Parquet:
    """One Parquet file of records, the last row groups kept."""

    own_media = False

    def __init__(self, path: Path) -> None:
        self.path = path
        self._first: list[int] = []
        self._groups: OrderedDict[int, Any] = OrderedDict()

    def rows(self) -> Rows:
        import pyarrow.parquet as pq

        from unireward.files.parquet import read_rows, reading_arrow

        with reading_arrow(self.path):
            about = pq.read_metadata(self.path)
        names = {about.schema.column(k).path.split(".")[0] for k in range(about.num_columns)}
        if "candidates" not in names:
            raise InputError(
                f"{self.path}: is no file of records; convert it with unireward data convert"
            )
        self._first = [0]
        for group in range(about.num_row_groups):
            self._first.append(self._first[-1] + about.row_group(group).num_rows)
        for number, (place, row) in enumerate(read_rows(self.path)):
            try:
                yield number, place, _from_columns(row)
            except InputError as error:
                yield number, place, LineError(place, str(error))

    def row(self, number: int) -> dict[str, Any]:
        from bisect import bisect_right

        group = bisect_right(self._first, number) - 1
        table = self._group(group)
        (row,) = table.slice(number - self._first[group], 1).to_pylist()
        return _from_columns(row)

    def place(self, number: int) -> Place:
        return Place(self.path, number + 1, True)

    def _group(self, group: int) -> Any:
        import pyarrow.parquet as pq

        from unireward.files.parquet import reading_arrow

        if group not in self._groups:
            with reading_arrow(self.path), pq.ParquetFile(self.path) as file:
                self._groups[group] = file.read_row_group(group)
            while len(self._groups) > KEPT_GROUPS:
                self._groups.popitem(last=False)
        self._groups.move_to_end(group)
        return self._groups[group]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_groups": OrderedDict()}


def _from_columns(row: dict[str, Any]) -> dict[str, Any]:
    from unireward.files.schemas import from_columns, record_schema

    return from_columns(row, record_schema())


def _changed(path: Path) -> str:
    return f"{path}: is not the file it was when training began; start again"


def row_file(path: Path) -> RowFile:
    """Raises :class:`InputError` for a suffix that has no rows at hand."""
    if path.suffix == ".tar":
        from unireward.training.tar_rows import TarRows

        return TarRows(path)
    if path.suffix == ".parquet":
        return Parquet(path)
    if path.suffix in (".jsonl", ".ndjson"):
        return JsonLines(path)
    if path.suffix == ".gz":
        raise InputError(f"{path}: packed lines cannot be read in any order; unpack it (gunzip)")
    raise InputError(f"{path}: is of no known format; name it .jsonl, .parquet or .tar")


def files_of(pattern: str) -> list[Path]:
    """The files of a path, a folder or a pattern, in the order of their names. What is there under
    the very name is no pattern."""
    path = Path(pattern)
    if path.is_dir():
        _check_shards(path)
        found = sorted(p for p in path.iterdir() if p.suffix in SUFFIXES)
        mend = "it holds no .jsonl, .parquet or .tar file"
    elif any(mark in pattern for mark in "*?[") and not path.is_file():
        from glob import glob

        found = sorted(Path(name) for name in glob(pattern, recursive=True))
        mend = "no file fits the pattern"
    else:
        return [path]
    if not found:
        raise InputError(f"{pattern}: {mend}; check the path")
    return found


def _check_shards(folder: Path) -> None:
    """A folder whose shards are still being written is no training data."""
    from unireward.data.shards import MANIFEST, read_manifest

    if (folder / MANIFEST).is_file() and not read_manifest(folder).complete:
        raise InputError(f"{folder}: its shards are not all written; run unireward data shards on")
