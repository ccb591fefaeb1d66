"""Fields of foreign rows, checked one by one; every fault is a :class:`RowError` with its mend.

What converters share: text, numbers, words of a fixed set, media as a path, bytes, or a Hugging
Face image (``{"bytes", "path"}``), and a record built of parts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError

from unireward.data.converter import UNNAMED, RowError, Source
from unireward.errors import InputError
from unireward.files.places import absolute, is_address
from unireward.files.validate import explain
from unireward.media import Image, media_of
from unireward.media.source import VIDEO_SUFFIXES, clip
from unireward.record import TIE, Candidate, Context, Label, Part, PartRole, Record

T = TypeVar("T")
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def present(row: Mapping[str, Any], field: str) -> bool:
    """Whether a field is there and not null."""
    return row.get(field) is not None


def require(row: Mapping[str, Any], field: str) -> Any:
    """The field's value, whatever it is."""
    if row.get(field) is None:
        fault = "is null" if field in row else "is missing"
        raise RowError(f"{field} {fault}; fields are {clip(', '.join(map(str, row)), 120)}")
    return row[field]


def first_of(row: Mapping[str, Any], fields: Sequence[str]) -> str:
    """The one of several names under which a row has the field; names are told when none is."""
    for field in fields:
        if row.get(field) is not None:
            return field
    raise RowError(
        f"{' or '.join(fields)} is missing; fields are {clip(', '.join(map(str, row)), 120)}"
    )


def text(row: Mapping[str, Any], field: str) -> str:
    """Text that is not blank."""
    return as_text(require(row, field), field)


def as_text(value: Any, field: str) -> str:
    if not isinstance(value, str):
        raise RowError(f"{field} must be a string, not {clip(repr(value), 40)}")
    if not value.strip():
        raise RowError(f"{field} is empty; give its text")
    return value


def number(
    row: Mapping[str, Any], field: str, low: float = -math.inf, high: float = math.inf
) -> float:
    """A finite number in ``[low, high]``, also as text of one (CSV)."""
    return as_number(require(row, field), field, low, high)


def as_number(value: Any, field: str, low: float = -math.inf, high: float = math.inf) -> float:
    try:
        found = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise RowError(f"{field} is {clip(repr(value), 40)}; give a finite number")
    if not low <= found <= high:
        raise RowError(f"{field} is {found:g}; it must lie in {low:g} to {high:g}")
    return found


def choice(row: Mapping[str, Any], field: str, words: Mapping[Any, T]) -> T:
    """What the field's value stands for; :class:`RowError` lists the values that are known."""
    value = require(row, field)
    try:
        if not isinstance(value, bool) or any(isinstance(word, bool) for word in words):
            return words[value]
    except (KeyError, TypeError):
        pass
    known = ", ".join(map(repr, words))
    raise RowError(f"{field} is {clip(repr(value), 40)}; use one of {known}")


def listed(row: Mapping[str, Any], field: str) -> list[Any]:
    """A list that is not empty."""
    value = require(row, field)
    if not isinstance(value, list | tuple) or not value:
        raise RowError(f"{field} must be a list of at least one, not {clip(repr(value), 40)}")
    return list(value)


def image(value: Any, field: str, source: Source, role: PartRole | None = None) -> Part:
    """An image part of a path, bytes, or ``{"bytes", "path"}``."""
    return _media(value, field, source, "image", role)


def video(value: Any, field: str, source: Source, role: PartRole | None = None) -> Part:
    """A video part of a path, bytes, ``{"bytes", "path"}``, or a list of paths of frames."""
    if isinstance(value, list | tuple) and value:
        frames = [_media(frame, f"{field}[{i}]", source, "image", None) for i, frame in
                  enumerate(value)]  # fmt: skip
        if any(frame.path is None for frame in frames):
            raise RowError(f"{field} holds frames as bytes; save them and give their paths")
        return Part(type="video", frames=tuple(str(f.path) for f in frames), role=role)
    return _media(value, field, source, "video", role)


def medium(value: Any, field: str, source: Source, role: PartRole | None = None) -> Part:
    """An image or video part, told by the path's suffix or the bytes."""
    if isinstance(value, list | tuple):
        return video(value, field, source, role)
    path = _path_or_bytes(value, field)
    try:
        if isinstance(path, str):
            whole = absolute(path, source.media)
            bare = path.partition("?")[0].lower() if is_address(path) else ""
            if bare:
                kind = "video" if bare.endswith(tuple(VIDEO_SUFFIXES)) else "image"
            else:
                kind = "image" if isinstance(media_of(whole), Image) else "video"
            return _media(path, field, source, kind, role)
        kind = "image" if isinstance(media_of(path), Image) else "video"
    except RowError:
        raise
    except InputError as error:
        raise RowError(f"{field}: {error}") from None
    return _media(path, field, source, kind, role)


def images(value: Any, field: str, source: Source, role: PartRole | None = None) -> list[Part]:
    """One image or a list of them as parts; none for null or an empty list."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [image(one, f"{field}[{i}]", source, role) for i, one in enumerate(value)]
    return [image(value, field, source, role)]


def videos(value: Any, field: str, source: Source, role: PartRole | None = None) -> list[Part]:
    """One video or a list of them (a list of lists: frames each); none for null or empty."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [video(one, f"{field}[{i}]", source, role) for i, one in enumerate(value)]
    return [video(value, field, source, role)]


def _media(value: Any, field: str, source: Source, kind: str, role: PartRole | None) -> Part:
    found = _path_or_bytes(value, field)
    row: dict[str, Any] = {"type": kind, "role": role}
    if isinstance(found, str):
        return Part(**row, path=absolute(found, source.media))
    return Part(**row, bytes=found)


def _path_or_bytes(value: Any, field: str) -> str | bytes:
    if isinstance(value, Mapping) and {"bytes", "path"} & set(value):
        value = value["bytes"] if value.get("bytes") is not None else value.get("path")
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, bytes) and value:
        return value
    said = "is empty" if value in (None, "", b"", []) else f"is {clip(repr(value), 40)}"
    raise RowError(f"{field} {said}; give a path or bytes")


def own_id(row: Mapping[str, Any], field: str = "id") -> str:
    """The row's own id (text or a whole number), or ``UNNAMED``."""
    value = row.get(field)
    if value is None or value == "":
        return UNNAMED
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError(f"{field} is {clip(repr(value), 40)}; give text or a whole number")
    return str(value)


def candidate(name: str, *content: Part | str) -> Candidate:
    """A candidate of parts; a string is a text part."""
    parts = tuple(Part.of_text(p) if isinstance(p, str) else p for p in content)
    return Candidate(id=name, content=parts)


def pair(winner: str, names: tuple[str, str] = ("a", "b"), **label: Any) -> Label:
    """The label of a pair that ``winner`` (a candidate's id, or ``tie``) won."""
    if winner == TIE:
        return Label(ranking=(names,), **label)
    loser = names[1] if winner == names[0] else names[0]
    return Label(ranking=((winner,), (loser,)), **label)


def build(
    task: str,
    prompt: Iterable[Part | str],
    candidates: Iterable[Candidate],
    label: Label | Mapping[str, Any] | None = None,
    *,
    id: str = UNNAMED,
    meta: Mapping[str, Any] | None = None,
    context: Context | None = None,
) -> Record:
    """A record; :class:`RowError` for one that does not hold together. Nulls leave ``meta``."""
    parts = tuple(Part.of_text(p) if isinstance(p, str) else p for p in prompt)
    kept = {key: value for key, value in (meta or {}).items() if value is not None}
    try:
        if isinstance(label, Mapping):
            label = Label.model_validate(dict(label))
        return Record(
            id=id,
            task=task,
            prompt=parts,
            candidates=tuple(candidates),
            label=label,
            context=context,
            meta=kept,
        )
    except ValidationError as error:
        raise RowError(explain(error)) from None
