"""Files of other projects, made where a test needs them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from unireward.data import convert, export
from unireward.record import Record


def write_json(folder: Path, rows: Any, name: str = "rows.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return path


def touch(folder: Path, *names: str) -> list[str]:
    """Empty files (their content is not looked at when converting); their whole paths."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return [str(folder / name) for name in names]


def read_rows(folder: Path, rows: Any, format: str, **options: Any) -> list[Record]:
    return list(convert(write_json(folder, rows), format, **options))


def read_one(folder: Path, row: dict[str, Any], format: str, **options: Any) -> Record:
    (record,) = read_rows(folder, [row], format, **options)
    return record


def written(folder: Path, records: Iterable[Record], format: str, name: str = "out.json") -> Any:
    """The rows of a written JSON file."""
    export(folder / name, records, format)
    return json.loads((folder / name).read_text(encoding="utf-8"))


def again(folder: Path, record: Record, format: str) -> Record:
    """The record written and read back, without what only the way through the format adds."""
    export(folder / "again.json", [record], format)
    (back,) = convert(folder / "again.json", format)
    return back.model_copy(update={"meta": record.meta})
