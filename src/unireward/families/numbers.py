"""Numbers of a reply: signed decimals on a known scale, or a reason why not."""

from __future__ import annotations

import math
import re

from unireward.families.spec import Scale


class Unread(Exception):  # noqa: N818  (a state of the reply, not an error of the program)
    """The reply cannot be read; ``reason`` says which field and why, in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


# The value may stand on the next line; a pair of quotes or brackets may be around it.
_NUMBER = re.compile(
    r"[ \t]*(?P<newline>\n[ \t]*)?(?P<open>[\"'(\[<]?)[ \t]*"
    r"(?P<number>[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+))"
)
_OUT_OF = re.compile(r"[ \t]*(?:/|out of)[ \t]*(?P<top>[0-9]+(?:\.[0-9]+)?)(?![\w.]*[0-9])")
# What may follow a number: nothing, an end of sentence, a remark in brackets or after a dash.
_AFTER = re.compile(
    r"(?:[ \t]*(?:points?|stars?)\b)?[ \t]*"
    r"(?:$|[.,;!]+(?=$|[ \t]+(?![ \t0-9.+-])|[\"')\]])"
    r"|\((?![ \t]*[-+]?[0-9.]+[ \t]*\))|[-–—]+[ \t]+(?![ \t0-9.+-])|because\b)"
)
_CLOSING = {'"': '"', "'": "'", "(": ")", "[": "]", "<": ">"}
_LONE_NUMBER = re.compile(
    r"\s*\n[ \t]*[-+]?[0-9][0-9.]*[ \t]*(?:/[ \t]*[0-9.]+[ \t]*)?\.?[ \t]*(?:\n|$)"
)
_WORD = re.compile(r"\s*([^\s]{0,24})")
_WINDOW = 160  # characters after a number that are looked at: enough for every rule above


def number_at(
    text: str, start: int, name: str, scale: Scale | None = None, limit: int | None = None
) -> float:
    """The number at ``text[start:limit]``, the value of field ``name``.

    Accepts ``3``, ``3.5``, ``-0.5``, ``.5``, ``85/100`` (when 100 is the scale's end), one pair
    of brackets or quotes around it, and a remark after it. Raises :class:`Unread` for anything
    else: nan, inf, booleans, ``3,5``, ranges, percentages, other numbers directly after it,
    values outside the scale.
    """
    limit = len(text) if limit is None else limit
    match = _NUMBER.match(text, start, limit)
    if match is None:
        word = (_WORD.match(text, start, limit) or [""])[0].strip().rstrip(".,;")
        raise Unread(f"{name} is no number: {word!r}" if word else f"{name} has no value")
    stop = text.find("\n", match.end(), min(limit, match.end() + _WINDOW))
    rest = text[match.end() : stop if stop >= 0 else min(limit, match.end() + _WINDOW)]
    shown = match.group("number")
    written = (match.group("open") + shown + rest.rstrip())[:24]
    rest, top = _without_brackets(rest.rstrip(), match.group("open"))
    if rest is None or _AFTER.match(rest) is None:
        raise Unread(f"{name} is no plain number: {written!r}")
    if match.group("newline") and rest.strip(" .\t"):
        raise Unread(f"{name} has no value on its line")
    if stop >= 0 and _LONE_NUMBER.match(text, stop):
        raise Unread(f"{name} is broken over two lines")
    value = float(shown)
    if not math.isfinite(value):
        raise Unread(f"{name} is no number a computer can hold: {shown[:12]}...")
    _check(name, shown, value, scale, top)
    return value


def _without_brackets(rest: str, opened: str) -> tuple[str | None, float | None]:
    """What follows the number and its bracket, and the ``/ 100`` if one was said."""
    top = _OUT_OF.match(rest)
    if top is not None:
        rest = rest[top.end() :]
    if opened:
        rest = rest.lstrip(" \t")
        if not rest.startswith(_CLOSING[opened]):
            return None, None
        rest = rest[1:]
        if top is None:
            top = _OUT_OF.match(rest)
            rest = rest[top.end() :] if top is not None else rest
    return rest, float(top.group("top")) if top is not None else None


def _check(name: str, shown: str, value: float, scale: Scale | None, top: float | None) -> None:
    if scale is None:
        if top is not None:
            raise Unread(f"{name} is said out of {top:g}, the scale has no end")
        return
    if top is not None and top != scale.high:
        raise Unread(f"{name} is said out of {top:g}, the scale ends at {scale.high:g}")
    if not scale.low <= value <= scale.high:
        raise Unread(f"{name} is outside {scale.low:g} to {scale.high:g}: {shown[:24]}")
    if scale.integer and value != int(value):
        raise Unread(f"{name} is no whole number: {shown[:24]}")
