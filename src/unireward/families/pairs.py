"""``[["word", 0.1], ["other", 2]]``: a list of words and numbers inside a reply."""

from __future__ import annotations

from typing import Any

from unireward.families.numbers import Unread
from unireward.families.objects import closing, decode, number_of

_LONGEST = 50_000  # characters of one list


def listed_pairs(text: str, start: int, name: str) -> list[tuple[str, float]]:
    """The list at ``text[start:]`` as (word, number) pairs. Raises :class:`Unread`."""
    while start < len(text) and text[start].isspace():
        start += 1
    end = (
        closing(text, start, min(len(text), start + _LONGEST))
        if text[start : start + 1] == "["
        else -1
    )
    if end < 0:
        raise Unread(f"{name} are no closed list of [word, number] pairs")
    listed = decode(text[start:end])
    if not isinstance(listed, list) or not listed:
        raise Unread(f"{name} are no list of [word, number] pairs")
    return [_pair(entry, name) for entry in listed]


def _pair(entry: Any, name: str) -> tuple[str, float]:
    if isinstance(entry, list | tuple) and len(entry) == 2 and isinstance(entry[0], str):
        return entry[0], number_of(entry[1], f"{name} of {entry[0][:24]!r}")
    raise Unread(f"{name} hold {str(entry)[:40]!r}, which is no [word, number] pair")
