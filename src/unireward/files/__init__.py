"""Files of records, prompts and judgments, in and out: JSON Lines (``.jsonl``, ``.jsonl.gz``) and
Parquet.

::

    for record in read_records("pairs.jsonl"): ...
    for prompt in read_prompts("captions.txt", task="image_generation"): ...
    write_records("copy.parquet", read_records("pairs.jsonl"))
    read_records("mine.csv", map="prompt=caption,a=img1,b=img2")     # one's own columns

Everything streams. What cannot be used is a :class:`LineError` that names file, line, field and
the mend. Files are replaced whole or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from unireward.files.lines import LineError, Place, Torn
from unireward.files.prompts import read_prompts, write_prompts
from unireward.files.records import Seen, check_once, record_of, row_of
from unireward.files.rows import OnError, Rows, each, is_parquet, rows_in, write
from unireward.files.tables import TableMap, parse_map
from unireward.files.validate import validate
from unireward.judgment import Judgment
from unireward.record import Record

__all__ = [
    "LineError",
    "OnError",
    "parse_map",
    "read_judgments",
    "read_prompts",
    "read_records",
    "read_table",
    "write_judgments",
    "write_prompts",
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
            return rows_in(path, torn, "records")
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

    return each(rows(), record, on_error)


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
    rows = rows_in(Path(path), torn, "judgments")
    return each(rows, lambda place, row: validate(Judgment, row), on_error)


def write_records(path: str | os.PathLike[str], records: Iterable[Record]) -> int:
    """Write records as JSON Lines or Parquet (by suffix); how many there were.

    The file appears whole, or stays as it was. Media paths become relative to it. Media in
    memory are saved beside a JSON Lines file (``media/<digest>.png``) and embedded in Parquet.
    """
    path = Path(path)
    folder, embed = path.absolute().parent, is_parquet(path)
    rows = ((f"record {r.id}", row_of(r, folder, embed)) for r in records)
    return write(path, rows, "records")


def write_judgments(path: str | os.PathLike[str], judgments: Iterable[Judgment]) -> int:
    """Write judgments as JSON Lines or Parquet (by suffix), whole or not at all; how many."""
    rows = ((f"judgment of {j.record}", j.to_dict()) for j in judgments)
    return write(Path(path), rows, "judgments")
