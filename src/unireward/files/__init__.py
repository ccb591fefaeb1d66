"""Files of records and judgments, in and out: JSON Lines (``.jsonl``, ``.jsonl.gz``) and Parquet.

::

    for record in read_records("pairs.jsonl"): ...
    write_records("copy.parquet", read_records("pairs.jsonl"))
    read_records("mine.csv", map="prompt=caption,a=img1,b=img2")     # one's own columns

Everything streams. What cannot be used is a :class:`LineError` that names file, line, field and
the mend. Files are replaced whole or not at all.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar, cast

from unireward.errors import InputError
from unireward.files.lines import LineError, Place, Torn, dumps, read_lines, replacing
from unireward.files.records import Seen, check_once, record_of, row_of
from unireward.files.tables import TableMap, parse_map
from unireward.files.validate import validate
from unireward.judgment import Judgment
from unireward.record import Record

OnError = Literal["raise", "skip"] | Callable[[LineError], None]
Rows = Iterator[tuple[Place, dict[str, Any] | LineError]]
T = TypeVar("T")
_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")

__all__ = [
    "LineError",
    "parse_map",
    "read_judgments",
    "read_records",
    "read_table",
    "write_judgments",
    "write_records",
]


def read_records(
    path: str | os.PathLike[str],
    *,
    map: str | Mapping[str, str] | None = None,
    task: str | None = None,
    on_error: OnError = "raise",
    torn: Torn = "error",
) -> Iterator[Record]:
    """Records of a JSON Lines or Parquet file, streaming, media paths made absolute.

    With ``map`` a table of one's own columns is read (:mod:`files.tables`), ``task`` being the
    task of rows that name none. A bad line, or an id given before, raises its
    :class:`LineError`; ``on_error="skip"`` leaves it out, a callable is handed it and reading
    goes on. ``torn="drop"`` leaves out a last line that was cut short.
    """
    path = Path(path)
    if map is None:
        folder = path.absolute().parent

        def rows() -> Rows:
            return _rows(path, torn, "records")
    else:
        from unireward.files.sources import table_folder, table_rows

        folder = table_folder(path).absolute()
        table = TableMap(parse_map(map), task, folder)

        def rows() -> Rows:
            return table_rows(path, table)

    seen = Seen()

    def record(place: Place, row: dict[str, Any]) -> Record:
        found = record_of(row, folder)
        check_once(seen, found.id, place, rows())
        return found

    return _each(rows(), record, on_error)


def read_table(
    path: str | os.PathLike[str],
    mapping: str | Mapping[str, str],
    task: str | None = None,
    on_error: OnError = "raise",
) -> Iterator[Record]:
    """Records of a CSV, TSV, JSON Lines, Parquet or Arrow table, or of a saved data set's folder.

    ``mapping`` as of :func:`parse_map`, the rest as of :func:`read_records`.
    """
    return read_records(path, map=mapping, task=task, on_error=on_error)


def read_judgments(
    path: str | os.PathLike[str], *, on_error: OnError = "raise", torn: Torn = "error"
) -> Iterator[Judgment]:
    """Judgments of a JSON Lines or Parquet file, streaming; errors as of :func:`read_records`."""
    rows = _rows(Path(path), torn, "judgments")
    return _each(rows, lambda place, row: validate(Judgment, row), on_error)


def write_records(path: str | os.PathLike[str], records: Iterable[Record]) -> int:
    """Write records as JSON Lines or Parquet (by suffix); how many there were.

    The file appears whole, or stays as it was. Media paths become relative to it. Media in
    memory are saved beside a JSON Lines file (``media/<digest>.png``) and embedded in Parquet.
    """
    path = Path(path)
    folder, embed = path.absolute().parent, _is_parquet(path)
    rows = ((f"record {r.id}", row_of(r, folder, embed)) for r in records)
    return _write(path, rows, "records")


def write_judgments(path: str | os.PathLike[str], judgments: Iterable[Judgment]) -> int:
    """Write judgments as JSON Lines or Parquet (by suffix), whole or not at all; how many."""
    rows = ((f"judgment of {j.record}", j.to_dict()) for j in judgments)
    return _write(Path(path), rows, "judgments")


def _each(rows: Rows, make: Callable[[Place, dict[str, Any]], T], on_error: OnError) -> Iterator[T]:
    for place, row in rows:
        try:
            if isinstance(row, LineError):
                raise row
            made = make(place, row)
        except InputError as fault:
            error = fault if isinstance(fault, LineError) else LineError(place, str(fault))
            if on_error == "raise":
                raise error from None
            if callable(on_error):
                on_error(error)
        else:
            yield made


def _rows(path: Path, torn: Torn, what: str) -> Rows:
    if _is_parquet(path):
        return _parquet_rows(path, what)
    return _text_rows(path, torn)


def _text_rows(path: Path, torn: Torn) -> Rows:
    for place, row in read_lines(path, torn):
        if isinstance(row, dict) and (at := _first_bytes(row)):
            row = LineError(
                place, f"{at}: bytes belong in Parquet; save the file and give its path"
            )
        yield place, row


def _first_bytes(row: dict[str, Any]) -> str | None:
    """Where a line gives ``bytes``, which JSON has no form for."""
    candidates = row.get("candidates")
    places = {"prompt": row.get("prompt")}
    for i, candidate in enumerate(candidates if isinstance(candidates, list) else ()):
        if isinstance(candidate, dict):
            places[f"candidates[{i}].content"] = candidate.get("content")
    for place, parts in places.items():
        for k, part in enumerate(parts if isinstance(parts, list) else ()):
            if isinstance(part, dict) and part.get("bytes") is not None:
                return f"{place}[{k}].bytes"
    return None


def _parquet_rows(path: Path, what: str) -> Rows:
    from unireward.files.parquet import columns_of, read_rows
    from unireward.files.schemas import from_columns

    schema = _schema(what)
    columns = columns_of(path)
    if not {"candidates" if what == "records" else "status"} <= set(columns):
        mend = "give --map prompt=COLUMN,a=COLUMN" if what == "records" else "is this the file?"
        raise InputError(
            f"{path}: is no file of {what}; its columns are {', '.join(columns)}; {mend}"
        )
    for place, row in read_rows(path):
        try:
            yield place, from_columns(row, schema)
        except InputError as error:
            yield place, LineError(place, str(error))


def _write(path: Path, rows: Iterable[tuple[str, dict[str, Any]]], what: str) -> int:
    if _is_parquet(path):
        from unireward.files.parquet import write_rows

        return write_rows(path, rows, _schema(what))
    count = 0
    with replacing(path) as raw, _packed(path, raw) as stream:
        for name, row in rows:
            try:
                stream.write(dumps(row).encode("utf-8") + b"\n")
            except InputError as error:
                raise InputError(f"{name}: {error}") from None
            count += 1
    return count


@contextmanager
def _packed(path: Path, raw: BinaryIO) -> Iterator[BinaryIO]:
    if path.suffix != ".gz":
        yield raw
        return
    # No name and no time in the header: the same records give the same bytes.
    with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as stream:
        yield cast(BinaryIO, stream)


def _schema(what: str) -> Any:
    from unireward.files.schemas import judgment_schema, record_schema

    return record_schema() if what == "records" else judgment_schema()


def _is_parquet(path: Path) -> bool:
    """Whether to read or write Parquet; :class:`InputError` for a suffix of neither format."""
    if path.suffix == ".parquet":
        return True
    if not path.name.endswith(_LINES):
        raise InputError(
            f"{path}: is of no known format; name it .jsonl, .jsonl.gz or .parquet "
            "(other tables are read with --map)"
        )
    return False
