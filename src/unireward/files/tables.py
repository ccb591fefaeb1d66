"""One's own columns as records: ``--map prompt=caption,a=img1,b=img2``.

The left of each ``=`` is what we call it, the right the column (``meta.caption`` reaches into a
nested one). ``prompt``, ``id``, ``task``, ``media`` (what a question is about), ``source`` (the
image before an edit), ``reference``, ``winner`` and ``label`` are known; **every other name is a
candidate's id**.

- A candidate is text in ``text`` and ``*_understanding`` tasks, else a path, bytes, a Hugging
  Face image (``{bytes, path}``) or a list of these; in ``interleaved`` and unknown tasks its
  looks decide. A task that is not given is told from what is mapped: a source makes an edit,
  media a question, an image or video candidate a generation.
- ``winner`` holds a candidate's id, its column's name, or ``tie``; an empty cell is no label.
- ``label`` holds the first of two candidates' share of the votes (1 first, 0 second, 0.5 tie),
  or the overall score of a single one.
- An id that is not mapped is ``row-1``, ``row-2`` ...
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.places import absolute
from unireward.media import Image, media_of
from unireward.media.source import IMAGE_SUFFIXES, VIDEO_SUFFIXES, clip
from unireward.record import TASKS, TIE

KNOWN = ("prompt", "id", "task", "media", "source", "reference", "winner", "label")
_EXAMPLE = "prompt=caption,a=img1,b=img2"


def parse_map(text: str | Mapping[str, str]) -> dict[str, str]:
    """``"prompt=caption,a=img1"`` as ``{"prompt": "caption", "a": "img1"}``, checked.

    :class:`InputError` for no ``=``, a name given twice, no prompt, or no candidate.
    """
    if isinstance(text, Mapping):
        mapping = dict(text)
    else:
        mapping = {}
        for pair in text.split(","):
            name, equals, column = (piece.strip() for piece in pair.partition("="))
            if not (name and equals and column):
                raise InputError(f"map: {clip(pair)!r} is no NAME=COLUMN; write like {_EXAMPLE}")
            if name in mapping:
                raise InputError(f"map: {name!r} is given twice; give each name once")
            mapping[name] = column
    if "prompt" not in mapping:
        raise InputError(f"map: no column for the prompt; write like {_EXAMPLE}")
    if not set(mapping) - set(KNOWN):
        raise InputError(f"map: no candidate; name one like {_EXAMPLE}")
    if TIE in mapping:
        raise InputError("map: the candidate id 'tie' is reserved; rename it")
    if {"winner", "label"} <= set(mapping):
        raise InputError("map: winner and label say the same; give one")
    return mapping


@dataclass(frozen=True)
class TableMap:
    """Turns a table's row into the raw object of a record (validated by who called)."""

    mapping: dict[str, str]
    task: str | None
    folder: Path
    """What relative media paths are relative to."""

    @property
    def candidates(self) -> list[str]:
        return [name for name in self.mapping if name not in KNOWN]

    @property
    def top_columns(self) -> list[str]:
        """Names of the outermost columns that are read, each once."""
        return list(dict.fromkeys(self.mapping.values()))

    def check(self, columns: list[str]) -> dict[str, str]:
        """Outermost column of each mapped one; :class:`InputError` where one is not there."""
        homes = {}
        for name, column in self.mapping.items():
            home = column if column in columns else column.partition(".")[0]
            if home not in columns:
                raise InputError(
                    f"map: {name}={column}: no such column; columns are {', '.join(columns)}"
                )
            homes[column] = home
        return homes

    def raw(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        """The record's raw object of row ``number``; :class:`InputError` names the column."""
        cells = {name: _cell(row, column) for name, column in self.mapping.items()}
        context = {name: self._media(name, cells[name]) for name in ("media", "source", "reference")
                   if cells.get(name) is not None}  # fmt: skip
        task = self._task(cells, context)
        prompt: list[dict[str, Any]] = []
        for name, parts in context.items():
            role = {} if name == "media" else {"role": name}
            prompt += [{**part, **role} for part in parts]
        prompt.append({"type": "text", "text": self._text("prompt", cells["prompt"])})
        content = {
            name: [{"type": "text", "text": self._text(name, cells[name])}]
            if self._is_text(task, cells[name])
            else self._media(name, cells[name])
            for name in self.candidates
        }
        record = {
            "schema": 1,
            "id": f"row-{number}" if cells.get("id") is None else self._text("id", cells["id"]),
            "task": task,
            "prompt": prompt,
            "candidates": [{"id": name, "content": parts} for name, parts in content.items()],
        }
        label = self._label(cells)
        return record if label is None else {**record, "label": label}

    def _task(self, cells: dict[str, Any], context: dict[str, Any]) -> str:
        given = cells.get("task")
        if given is not None:
            return self._text("task", given)
        if self.task is not None:
            return self.task
        if "source" in context:
            return "image_editing"
        if "media" in context:
            return f"{context['media'][0]['type']}_understanding"
        first = self.candidates[0]
        if looks_like_media(cells[first]):
            return f"{self._media(first, cells[first])[0]['type']}_generation"
        return "text"

    def _is_text(self, task: str, value: Any) -> bool:
        """Whether a candidate's cell is an answer: by the task, else by the looks of it."""
        if task == "text" or task.endswith("_understanding"):
            return True
        if task in TASKS and task != "interleaved":
            return False
        return "media" in self.mapping or not (value is None or looks_like_media(value))

    def _text(self, name: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(value)
        raise InputError(f"{self._column(name)}: {_said(value)}; give text")

    def _media(self, name: str, value: Any) -> list[dict[str, Any]]:
        if isinstance(value, list) and value:
            return [part for item in value for part in self._media(name, item)]
        if isinstance(value, dict) and {"bytes", "path"} & set(value):
            value = value.get("bytes") if value.get("bytes") is not None else value.get("path")
        try:
            if isinstance(value, str) and value:
                path = absolute(value, self.folder)
                return [{"type": _kind(path), "path": path}]
            if isinstance(value, bytes):
                kind = "image" if isinstance(media_of(value), Image) else "video"
                return [{"type": kind, "bytes": value}]
        except InputError as error:
            raise InputError(f"{self._column(name)}: {error}") from None
        raise InputError(f"{self._column(name)}: {_said(value)}; give a path or bytes")

    def _label(self, cells: dict[str, Any]) -> dict[str, Any] | None:
        if cells.get("winner") is not None:
            return {"ranking": self._ranking(self._winner(cells["winner"]))}
        if cells.get("label") is None:
            return None
        value, names = self._number(cells["label"]), self.candidates
        if len(names) == 1:
            return {"scores": {names[0]: {"overall": value}}}
        if len(names) > 2 or not 0 <= value <= 1:
            raise InputError(
                f"{self._column('label')}: is {value:g} for {len(names)} candidates; give the "
                "first of two candidates' share of votes, 0 to 1"
            )
        winner = TIE if value == 0.5 else names[0] if value > 0.5 else names[1]
        share = {names[0]: value, names[1]: 1 - value}
        return {"ranking": self._ranking(winner), "preference": share}

    def _winner(self, value: Any) -> str:
        word = str(value).strip().lower()
        names = {TIE: TIE}
        for name in self.candidates:
            names[self.mapping[name].lower()] = name
        for name in self.candidates:
            names[name.lower()] = name
        if isinstance(value, bool) or word not in names:
            raise InputError(
                f"{self._column('winner')}: is {clip(repr(value), 40)}; give a candidate "
                f"({', '.join(self.candidates)}), its column, or tie"
            )
        return names[word]

    def _ranking(self, winner: str) -> list[list[str]]:
        if winner == TIE:
            return [self.candidates]
        rest = [name for name in self.candidates if name != winner]
        return [[winner], rest] if rest else [[winner]]

    def _number(self, value: Any) -> float:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise InputError(f"{self._column('label')}: {_said(value)}; give a number")
        return number

    def _column(self, name: str) -> str:
        return f"column {self.mapping[name]} ({name})"


def _cell(row: Mapping[str, Any], column: str) -> Any:
    """A cell, None where it is empty or absent."""
    value: Any = row.get(column)
    if column not in row:
        value = row
        for step in column.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
    return None if isinstance(value, str) and not value.strip() else value


def _said(value: Any) -> str:
    return "is empty" if value is None or value == [] else f"is {clip(repr(value), 40)}"


def looks_like_media(value: Any) -> bool:
    """Whether a cell is an image or video rather than text: by its type, or a path's suffix."""
    if isinstance(value, list):
        return bool(value) and looks_like_media(value[0])
    if isinstance(value, str):
        suffix = Path(value).suffix.lower()
        return suffix in IMAGE_SUFFIXES | VIDEO_SUFFIXES | {".gif", ".webp"}
    return isinstance(value, bytes) or (isinstance(value, dict) and "bytes" in value)


def _kind(path: str) -> str:
    return "image" if isinstance(media_of(path), Image) else "video"
