"""Records written in another project's format: streamed, and whole or not at all.

Media are named as the project's loader will look for them: relative to the file, absolute, or as
bytes in Parquet. Media of memory are saved beside the file.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Literal

from unireward.data.converter import Container, Format, Row, get_format
from unireward.errors import InputError, UsageError
from unireward.files import LineError, OnError
from unireward.files.lines import Place, dumps, replacing
from unireward.files.places import is_address, part_row
from unireward.media.source import one_line
from unireward.record import Part, Record

MediaAs = Literal["path", "absolute", "bytes"]
_SUFFIX: dict[str, Container] = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
_GROUP = 256
"""Rows of one Parquet row group, and rows from which the columns' types are told."""
_GROUP_BYTES = 64 << 20


def export(
    path: str | os.PathLike[str],
    records: Iterable[Record],
    format: str | Format,
    media: MediaAs = "path",
    *,
    on_error: OnError = "raise",
) -> int:
    """Write records in a format; how many were written.

    The container goes by the file's suffix (``.json``, ``.jsonl``, ``.csv``, ``.parquet``), else
    by the format's own. A record that the format cannot hold is an :class:`InputError` naming
    it: raised, left out (``"skip"``) or handed to ``on_error`` as a :class:`LineError` whose row
    is the record's number.
    """
    path = Path(path)
    found = format if isinstance(format, Format) else get_format(format)
    if found.write is None:
        raise UsageError(f"format {found.name} can be read but not written")
    container = _SUFFIX.get(path.suffix.lower(), found.container)
    if media == "bytes" and container != "parquet":
        raise UsageError(f"{path}: media as bytes need Parquet; name the file .parquet")
    if media not in ("path", "absolute", "bytes"):
        raise UsageError(f"media {media!r}; use path, absolute or bytes")
    counted = _Counted(records, found, path, media, on_error)
    with replacing(path) as stream:
        _WRITERS[container](stream, counted.rows())
    return counted.written


class _Counted:
    """The rows of records, and how many records gave some."""

    def __init__(
        self,
        records: Iterable[Record],
        format: Format,
        path: Path,
        media: MediaAs,
        on_error: OnError,
    ) -> None:
        self.records, self.format, self.path = records, format, path
        self.media: MediaAs = media
        self.on_error, self.written = on_error, 0

    def rows(self) -> Iterator[Row]:
        assert self.format.write is not None
        folder = self.path.absolute().parent
        for number, record in enumerate(self.records, start=1):
            try:
                made = self.format.write(_placed(record, folder, self.media))
            except InputError as error:
                fault = InputError(f"record {record.id}: {error}")
                if self.on_error == "raise":
                    raise fault from None
                if callable(self.on_error):
                    place = Place(self.path, number, True)
                    self.on_error(LineError(place, str(fault)))
                continue
            self.written += 1
            yield from [made] if isinstance(made, dict) else made


def _placed(record: Record, folder: Path, media: MediaAs) -> Record:
    """The record with its media as the file will name them."""

    def parts(content: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(_part(part, folder, media) for part in content)

    candidates = [c.model_copy(update={"content": parts(c.content)}) for c in record.candidates]
    return record.model_copy(
        update={"prompt": parts(record.prompt), "candidates": tuple(candidates)}
    )


def _part(part: Part, folder: Path, media: MediaAs) -> Part:
    if part.type == "text":
        return part
    if media == "bytes":
        if part.bytes is not None:
            return part
        if part.path is not None and not is_address(part.path):
            try:
                data = Path(part.path).read_bytes()
            except OSError as error:
                raise InputError(f"{part.path}: cannot be read ({one_line(error)})") from None
            return part.model_copy(update={"path": None, "bytes": data})
    row = part_row(part, folder, embed=media == "bytes")
    if media == "absolute":
        for name in ("path", "frames"):
            if name in row:
                value = row[name]
                row[name] = (
                    _whole(value, folder)
                    if isinstance(value, str)
                    else [_whole(frame, folder) for frame in value]
                )
    return Part.model_validate(row)


def _whole(path: str, folder: Path) -> str:
    return path if is_address(path) else os.path.normpath(folder / path)


def _write_json(stream: BinaryIO, rows: Iterator[Row]) -> None:
    before = b"[\n"
    for row in rows:
        stream.write(before + dumps(row).encode("utf-8"))
        before = b",\n"
    stream.write(b"[]\n" if before == b"[\n" else b"\n]\n")


def _write_lines(stream: BinaryIO, rows: Iterator[Row]) -> None:
    for row in rows:
        stream.write(dumps(row).encode("utf-8") + b"\n")


def _write_csv(stream: BinaryIO, rows: Iterator[Row]) -> None:
    text = io.TextIOWrapper(stream, "utf-8", newline="", write_through=True)
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if any(isinstance(value, dict | list | bytes) for value in row.values()):
            raise InputError("a row holds lists or objects, which CSV has no form for; use .json")
        if writer is None:
            writer = csv.DictWriter(text, list(row), lineterminator="\n")
            writer.writeheader()
        if set(row) - set(writer.fieldnames):
            extra = sorted(set(row) - set(writer.fieldnames))[0]
            raise InputError(f"column {extra!r} is not in the first row; use .json")
        writer.writerow(row)
    text.detach()


def _write_parquet(stream: BinaryIO, rows: Iterator[Row]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    groups = _groups(rows)
    first = next(groups, [])
    names = list(dict.fromkeys(name for row in first for name in row))
    try:
        schema = pa.Table.from_pylist([{n: row.get(n) for n in names} for row in first]).schema
        with pq.ParquetWriter(stream, schema, compression="zstd") as writer:
            for group in chain([first] if first else [], groups):
                extra = {name for row in group for name in row} - set(schema.names)
                if extra:
                    raise InputError(
                        f"column {sorted(extra)[0]!r} comes after the first {_GROUP} rows; "
                        "write .json"
                    )
                writer.write_table(pa.Table.from_pylist(group, schema=schema))
    except (pa.ArrowException, OverflowError, TypeError) as error:
        raise InputError(
            f"rows of different shapes have no place in Parquet ({one_line(error)}); use .json"
        ) from None


def _groups(rows: Iterator[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    held = 0
    for row in rows:
        group.append(row)
        held += sum(len(value) for value in row.values() if isinstance(value, bytes))
        if len(group) >= _GROUP or held >= _GROUP_BYTES:
            yield group
            group, held = [], 0
    if group:
        yield group


_WRITERS = {
    "json": _write_json,
    "jsonl": _write_lines,
    "csv": _write_csv,
    "parquet": _write_parquet,
}
