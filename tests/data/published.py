"""Rows as published sets have them, written to files and converted; media that exist."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from unireward.data import convert
from unireward.files import LineError
from unireward.record import Record

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 24
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 24


def media(folder: Path, *names: str) -> None:
    """Files of these names, each of other bytes."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(PNG + name.encode())


def written(folder: Path, rows: list[dict[str, Any]], suffix: str = "json") -> Path:
    path = folder / f"rows.{suffix}"
    if suffix == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == "csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif suffix == "jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(json.dumps(rows), encoding="utf-8")
    return path


def records(
    folder: Path, name: str, rows: list[dict[str, Any]], suffix: str = "json", **options: Any
) -> list[Record]:
    return list(convert(written(folder, rows, suffix), name, **options))


def one(folder: Path, name: str, row: dict[str, Any], suffix: str = "json", **how: Any) -> Record:
    (record,) = records(folder, name, [row], suffix, **how)
    return record


def refused(
    folder: Path, name: str, row: dict[str, Any], *words: str, suffix: str = "json", **how: Any
) -> None:
    """The row is refused in one line that names the file, the row and each of ``words``."""
    with pytest.raises(LineError) as caught:
        records(folder, name, [row], suffix, **how)
    message = str(caught.value)
    assert "\n" not in message
    assert f"rows.{suffix}" in message
    assert caught.value.line == (2 if suffix == "csv" else 1)
    for word in words:
        assert word in message, message


def ranking(record: Record) -> list[list[str]]:
    assert record.label is not None
    assert record.label.ranking is not None
    return [list(tier) for tier in record.label.ranking]


def texts(record: Record) -> dict[str, str]:
    return {candidate.id: candidate.text for candidate in record.candidates}


def paths(record: Record, folder: Path) -> dict[str, str]:
    """Where each candidate's media lie, relative to ``folder``."""
    return {c.id: str(Path(str(c.content[0].path)).relative_to(folder)) for c in record.candidates}
