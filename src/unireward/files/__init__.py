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
from pathlib import Path
from typing import Literal

from unireward.errors import InputError
from unireward.files.lines import LineError, Torn, dumps, read_lines, replacing
from unireward.files.records import Seen, check_once, record_of, row_of, with_line
from unireward.files.validate import validate
from unireward.judgment import Judgment
from unireward.record import Record

OnError = Literal["raise", "skip"] | Callable[[LineError], None]

__all__ = [
    "LineError",
    "read_judgments",
    "read_records",
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
    path = Path(path).absolute()
    seen = Seen()
    for line, row in read_lines(path, torn):
        try:
            if isinstance(row, LineError):
                raise row
            record = record_of(row, path.parent)
            check_once(seen, record, path, line, read_lines(path))
        except InputError as error:
            _report(with_line(path, line, error), on_error)
            continue
        yield record


def _report(error: LineError, on_error: OnError) -> None:
    if on_error == "raise":
        raise error
    if callable(on_error):
        on_error(error)


def write_records(path: str | os.PathLike[str], records: Iterable[Record]) -> int:
    path = Path(path).absolute()
    count = 0
    with replacing(path) as stream:
        for record in records:
            stream.write(dumps(row_of(record, path.parent)).encode() + b"\n")
            count += 1
    return count


def read_judgments(
    path: str | os.PathLike[str], *, on_error: OnError = "raise", torn: Torn = "error"
) -> Iterator[Judgment]:
    path = Path(path).absolute()
    for line, row in read_lines(path, torn):
        try:
            if isinstance(row, LineError):
                raise row
            judgment = validate(Judgment, row)
        except InputError as error:
            _report(with_line(path, line, error), on_error)
            continue
        yield judgment


def write_judgments(path: str | os.PathLike[str], judgments: Iterable[Judgment]) -> int:
    path = Path(path).absolute()
    count = 0
    with replacing(path) as stream:
        for judgment in judgments:
            stream.write(dumps(judgment.to_dict()).encode() + b"\n")
            count += 1
    return count
