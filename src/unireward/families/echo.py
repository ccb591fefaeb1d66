"""Echoes of the prompt: text of ours that a reply repeats must not be read as its answer.

Three cases. The whole prompt inside the reply is cut out. A line of the reply that stands in
the prompt and is more than a bare verdict or field is cut out. A bare verdict or field (which a
good reply consists of) is cut out only together with such a line beside it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

from unireward.families.plain import clean

_SHORTEST = 12  # characters; a shorter common line says nothing
_BARE = re.compile(
    r"[\"'(\[]*(?:<answer>)?\s*(?:(?:edited )?(?:image|video|answer) ?#?[12] is better"
    r"(?: than (?:edited )?(?:image|video|answer) ?#?[12])?"
    r"|both (?:edited )?(?:images|videos|answers) are equally good)"
    r"\s*[.!]?\s*(?:</answer>)?[\"')\].!]*"
    r"|[\w ()/-]{1,60}[:=]\s*(?:[-+]?[0-9.]+(?:\s*/\s*[0-9.]+)?\.?)?"
)


def _key(text: str) -> str:
    return " ".join(text.lower().split())


@lru_cache(maxsize=64)
def _flat(prompt: str) -> str:
    """The prompt on one line, in lower case, spaces collapsed."""
    return _key(clean(prompt))


def in_prompt(text: str, prompt: str) -> bool:
    """Does ``text`` stand in the prompt, case and spaces apart?"""
    return _key(clean(text)) in _flat(prompt)


def strip_echo(reply: str, prompt: str) -> str:
    """``reply`` (already clean) without what it repeats of ``prompt``."""
    flat = _flat(prompt)
    if not flat or len(reply) < _SHORTEST:
        return reply
    whole = clean(prompt)
    if len(whole) >= _SHORTEST and whole in reply and _BARE.fullmatch(_key(whole)) is None:
        reply = reply.replace(whole, "\n")
    lines = reply.split("\n")
    keys = [_key(line) for line in lines]
    inside = [len(key) >= _SHORTEST and key in flat for key in keys]
    if not any(inside):
        return reply.strip()
    echo = [found and _BARE.fullmatch(key) is None for found, key in zip(inside, keys)]
    order = [index for index, key in enumerate(keys) if key]
    _spread(order, keys, echo, flat, forward=True)
    _spread(order[::-1], keys, echo, flat, forward=False)
    return "\n".join(line for line, gone in zip(lines, echo, strict=True) if not gone).strip()


def _spread(order: list[int], keys: list[str], echo: list[bool], flat: str, forward: bool) -> None:
    """Mark lines that follow (or lead) an echoed line exactly as they do in the prompt."""
    for here, there in pairwise(order):
        if echo[here] and not echo[there]:
            pair = (keys[here], keys[there]) if forward else (keys[there], keys[here])
            echo[there] = " ".join(pair) in flat


_VALUE = re.compile(r"[-+]?[\w./]{0,40}")


def is_echo(text: str, start: int, end: int, prompt: str) -> bool:
    """Is ``text[start:end]`` (a label, or a verdict) part of an echo of the prompt?

    It is where the field with its value, and the rest of its line or all that stands before it
    on the line, are the prompt's. A field alone on its line is never one.
    """
    flat = _flat(prompt)
    value = _VALUE.match(text, end)
    end = value.end() if value is not None else end
    field = _key(text[start:end])
    if field not in flat:
        return False
    stop = text.find("\n", end, end + 240)
    tail = _key(text[start : stop if stop >= 0 else end + 240])
    if _BARE.fullmatch(tail) is None and tail in flat:
        return True
    head = _key(text[max(text.rfind("\n", 0, start) + 1, start - 240) : end])
    return len(head) - len(field) >= 4 and head in flat
