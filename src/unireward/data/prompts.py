"""Prompts of a benchmark, from whatever they are written in.

Files of records (``.jsonl``, ``.parquet``), a JSON list of texts or of objects, JSON Lines of
objects, a CSV or TSV table, or plain text with a prompt a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unireward.data.contamination import Item
from unireward.errors import InputError
from unireward.files.lines import LineError, Place, loads, opened
from unireward.files.records import record_of
from unireward.media.source import clip

FIELDS = ("prompt", "caption", "instruction", "question", "problem", "query", "text",
          "prompt_en", "prompt_text")  # fmt: skip
"""Where an object's prompt is looked for, in this order."""


def read_prompts(path: str | Path, field: str | None = None) -> Iterator[Item]:
    """The prompts of a file, streaming, each with its place. ``field`` names the object's key.

    :class:`InputError` names the row that holds no prompt.
    """
    path = Path(path)
    if path.name.endswith((".txt", ".txt.gz")):
        return _lines(path)
    return _rows(path, field)


def _lines(path: Path) -> Iterator[Item]:
    with opened(path) as stream:
        for number, line in enumerate(stream, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError:
                raise InputError(f"{path}:{number}: is not UTF-8; save it as UTF-8") from None
            if text:
                yield Item(f"{path}:{number}", text)


def _rows(path: Path, field: str | None) -> Iterator[Item]:
    folder = path.absolute().parent
    for place, row in _values(path):
        if isinstance(row, LineError):
            raise row
        try:
            yield _item(str(place), row, field, folder)
        except LineError:
            raise
        except InputError as error:
            raise LineError(place, str(error)) from None


def _values(path: Path) -> Iterator[tuple[Any, Any]]:
    if path.name.endswith((".json", ".json.gz")):
        return _json(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    from unireward.data.converter import rows_of

    return rows_of(path)


def _json(path: Path) -> Iterator[tuple[Any, Any]]:
    """The elements of a JSON list, or the values of an object; a benchmark fits into memory."""
    with opened(path) as stream:
        try:
            value = loads(stream.read().decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise InputError(f"{path}: is not UTF-8; save it as UTF-8") from None
        except InputError as error:
            raise InputError(f"{path}: {error}") from None
    if isinstance(value, dict):
        lists = [inner for inner in value.values() if isinstance(inner, list)]
        value = lists[0] if len(lists) == 1 else list(value.values())
    if not isinstance(value, list):
        raise InputError(f'{path}: is no list of prompts; give ["...", ...] or [{{...}}, ...]')
    for number, row in enumerate(value, start=1):
        yield Place(path, number, True), row


def _parquet(path: Path) -> Iterator[tuple[Any, Any]]:
    from unireward.files.parquet import columns_of, read_rows
    from unireward.files.schemas import from_columns, record_schema

    ours = {"candidates", "prompt"} <= set(columns_of(path))
    for place, row in read_rows(path):
        yield place, from_columns(row, record_schema()) if ours else row


def _item(where: str, row: Any, field: str | None, folder: Path) -> Item:
    if isinstance(row, str):
        return Item(where, row)
    if not isinstance(row, Mapping):
        raise InputError(f"is no prompt but {clip(repr(row), 40)}; give texts or objects")
    if field is None and isinstance(row.get("candidates"), list) and "task" in row:
        record = record_of(dict(row), folder)
        return Item(where, record.text, record)
    names = (field,) if field is not None else FIELDS
    for name in names:
        if isinstance(row.get(name), str):
            return Item(where, row[name])
    raise InputError(
        f"has no prompt in {' or '.join(names)}; its keys are {clip(', '.join(map(str, row)))}; "
        "name one with --field"
    )
