"""Rows of our own files, in and out: JSON Lines (``.jsonl``, ``.jsonl.gz``) and Parquet.

What a file holds is named by a word (``records``, ``prompts``, ``judgments``); each has a schema
for Parquet and a column by which such a file is known. Files are replaced whole or not at all.
"""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeVar, cast

from unireward.errors import InputError
from unireward.files.lines import LineError, Place, Torn, dumps, read_lines, replacing

What = Literal["records", "prompts", "judgments"]
OnError = Literal["raise", "skip"] | Callable[[LineError], None]
Rows = Iterator[tuple[Place, dict[str, Any] | LineError]]
T = TypeVar("T")
_LINES = (".jsonl", ".ndjson", ".jsonl.gz", ".ndjson.gz")
_KNOWN_BY = {"records": "candidates", "prompts": "prompt", "judgments": "status"}


def each(rows: Rows, make: Callable[[Place, dict[str, Any]], T], on_error: OnError) -> Iterator[T]:
    """What is made of each row, streaming; a fault is raised, left out, or handed to
    ``on_error``, as its :class:`LineError`."""
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


def rows_in(path: Path, torn: Torn, what: What) -> Rows:
    """Place and object of each row; one that cannot be read is yielded as its error."""
    if is_parquet(path, what):
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


def _parquet_rows(path: Path, what: What) -> Rows:
    from unireward.files.parquet import columns_of, read_rows
    from unireward.files.schemas import from_columns

    # A file of prompts may be one of whole records.
    schema = _schema("records" if what == "prompts" else what)
    columns = columns_of(path)
    if _KNOWN_BY[what] not in columns:
        mend = "give --map prompt=COLUMN,a=COLUMN" if what == "records" else "is this the file?"
        raise InputError(
            f"{path}: is no file of {what}; its columns are {', '.join(columns)}; {mend}"
        )
    for place, row in read_rows(path):
        try:
            yield place, from_columns(row, schema)
        except InputError as error:
            yield place, LineError(place, str(error))


def write(path: Path, rows: Iterable[tuple[str, dict[str, Any]]], what: What) -> int:
    """Write ``(name for messages, JSON object)`` rows, whole or not at all; how many."""
    if is_parquet(path):
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


def _schema(what: What) -> Any:
    from unireward.files.schemas import judgment_schema, prompt_schema, record_schema

    return {"records": record_schema, "prompts": prompt_schema, "judgments": judgment_schema}[
        what
    ]()


def is_parquet(path: Path, what: What = "records") -> bool:
    """Whether to read or write Parquet; :class:`InputError` for a suffix of neither format."""
    if path.suffix == ".parquet":
        return True
    if not path.name.endswith(_LINES):
        more = "plain text .txt" if what == "prompts" else "other tables are read with --map"
        raise InputError(
            f"{path}: is of no known format; name it .jsonl, .jsonl.gz or .parquet ({more})"
        )
    return False
