"""Prompts of a benchmark, from whatever they are written in.

Files of records or prompts (``.jsonl``, ``.parquet``), a JSON list of texts or of objects, JSON
Lines of objects, a CSV or TSV table, or plain text with a prompt a line.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from unireward.data.contamination import Item
from unireward.errors import InputError
from unireward.files.lines import LineError, Place, loads, opened, read_texts
from unireward.files.prompts import TEXT, asked_of
from unireward.media.source import clip

FIELDS = ("prompt", "caption", "instruction", "question", "problem", "query", "text",
          "prompt_en", "prompt_text")  # fmt: skip
"""Where an object's prompt is looked for, in this order."""


def read_prompts(path: str | Path, field: str | None = None) -> Iterator[Item]:
    """The prompts of a file, streaming, each with its place. ``field`` names the object's key.

    :class:`InputError` names the row that holds no prompt.
    """
    path = Path(path)
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


def _values(path: Path) -> Iterator[tuple[Place, Any]]:
    if path.name.endswith(TEXT):
        return read_texts(path)
    if path.name.endswith((".json", ".json.gz")):
        return _json(path)
    if path.suffix == ".parquet":
        return _parquet(path)
    from unireward.data.converter import rows_of

    return rows_of(path)


def _json(path: Path) -> Iterator[tuple[Place, Any]]:
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


def _parquet(path: Path) -> Iterator[tuple[Place, Any]]:
    from unireward.files.parquet import read_rows
    from unireward.files.schemas import from_columns, record_schema

    for place, row in read_rows(path):
        try:
            yield place, from_columns(row, record_schema()) if _is_ours(row) else row
        except InputError as error:
            yield place, LineError(place, str(error))


def _is_ours(row: Mapping[str, Any]) -> bool:
    """Whether it is a record or a prompt, as :mod:`unireward.files` writes them."""
    listed = any(isinstance(row.get(name), list) for name in ("prompt", "candidates"))
    return listed and "id" in row and "task" in row


def _item(where: str, row: Any, field: str | None, folder: Path) -> Item:
    if isinstance(row, str):
        return Item(where, row)
    if not isinstance(row, Mapping):
        raise InputError(f"is no prompt but {clip(repr(row), 40)}; give texts or objects")
    if field is None and _is_ours(row):
        asked = asked_of(dict(row), folder)
        return Item(where, asked.text, asked)
    names = (field,) if field is not None else FIELDS
    for name in names:
        if isinstance(row.get(name), str):
            return Item(where, row[name])
    raise InputError(
        f"has no prompt in {' or '.join(names)}; its keys are {clip(', '.join(map(str, row)))}; "
        "name one with --field"
    )
