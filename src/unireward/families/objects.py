"""JSON objects inside a reply: in a fence, after a preamble, before more text.

The scan is one pass: it never matches greedily from the first brace to the last. An object that
stands in the prompt itself is an echo. A key given twice with different values is no reading.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterator
from typing import Any

from unireward.families.echo import in_prompt
from unireward.families.numbers import Unread
from unireward.families.plain import clean

_LONGEST_QUOTED = 20_000  # characters of an object with single quotes (read as a literal)


class TwiceError(ValueError):
    """A key stands twice in one object with different values."""


def closing(text: str, start: int, limit: int) -> int:
    """The end of the bracket or brace opened at ``text[start]``, or -1. Strings are skipped."""
    depth, at = 0, start
    quoted = False
    while at < limit:
        char = text[at]
        if quoted:
            if char == "\\":
                at += 1
            elif char == '"':
                quoted = False
        elif char == '"':
            quoted = True
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
            if depth == 0:
                return at + 1
        at += 1
    return -1


def objects_in(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """Every outermost object of ``text`` that decodes, with its source.

    Raises :class:`Unread` for a key given twice with different values.
    """
    at = text.find("{")
    while at >= 0:
        end = closing(text, at, len(text))
        if end < 0:
            return
        source = text[at:end]
        found = decode(source)
        if isinstance(found, dict):
            yield found, source
        at = text.find("{", end)


def decode(source: str) -> Any:
    """An object or list as JSON, or as the same with single quotes; None where it is neither.

    ``nan`` and infinities decode to strings, so that no reader takes them for numbers.
    """
    try:
        return json.loads(
            source, strict=False, object_pairs_hook=_once, parse_constant=lambda name: name
        )
    except TwiceError as twice:
        raise Unread(str(twice)) from None
    except (ValueError, RecursionError):
        pass
    if "'" not in source or len(source) > _LONGEST_QUOTED:
        return None
    try:
        tree = ast.parse(source, mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                _once([(ast.dump(k), ast.dump(v)) for k, v in zip(node.keys, node.values) if k])
        return ast.literal_eval(tree)
    except TwiceError:
        raise Unread("a key is given twice with different values") from None
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found and found[key] != value:
            raise TwiceError(f"{key} is given twice: {str(found[key])[:30]} and {str(value)[:30]}")
        found[key] = value
    return found


def read_object(reply: str, key: str, prompt: str = "") -> dict[str, Any]:
    """The reply's one object that holds ``key``.

    Raises :class:`Unread` where there is none, or where two differ in ``key``.
    """
    found = _holding(reply, key, prompt) or _holding(clean(reply), key, prompt)
    if not found:
        what = "is not closed or no JSON" if "{" in reply else "is missing"
        raise Unread(f"the JSON object with {key!r} {what}")
    if any(other[key] != found[0][key] for other in found[1:]):
        raise Unread(f"{key} is given twice, in two objects that differ")
    return found[0]


def _holding(text: str, key: str, prompt: str) -> list[dict[str, Any]]:
    return [
        found
        for found, source in objects_in(text)
        if key in found and not (prompt and in_prompt(source, prompt))
    ]


def number_of(value: Any, name: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A decoded JSON value as a finite number in range; booleans and strings are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unread(f"{name} is no number: {str(value)[:24]!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unread(f"{name} is no number: {str(value)[:24]!r}")
    if not low <= number <= high:
        raise Unread(f"{name} is outside {low:g} to {high:g}: {number:g}")
    return number
