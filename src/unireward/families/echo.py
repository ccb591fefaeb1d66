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
def _cleaned(prompt: str) -> str:
    return clean(prompt)


@lru_cache(maxsize=64)
def _flat(prompt: str) -> str:
    """The prompt on one line, in lower case, spaces collapsed."""
    return _key(_cleaned(prompt))


def in_prompt(text: str, prompt: str) -> bool:
    """Does ``text`` stand in the prompt, case and spaces apart?"""
    return _key(clean(text)) in _flat(prompt)


def strip_echo(reply: str, prompt: str) -> str:
    """``reply`` (already clean) without what it repeats of ``prompt``."""
    if len(reply) < _SHORTEST or not prompt.strip():
        return reply
    lines = reply.split("\n")
    keys = [_key(line) for line in lines]
    told = [len(key) >= _SHORTEST and _BARE.fullmatch(key) is None for key in keys]
    if not any(told):  # bare verdicts and fields only: the prompt need not be looked at
        return reply.strip()
    flat = _flat(prompt)
    whole = _cleaned(prompt)
    if len(reply) >= len(whole) >= _SHORTEST and whole in reply and not _BARE.fullmatch(flat):
        lines = reply.replace(whole, "\n").split("\n")
        keys = [_key(line) for line in lines]
        told = [len(key) >= _SHORTEST and _BARE.fullmatch(key) is None for key in keys]
    echo = [able and key in flat for able, key in zip(told, keys, strict=True)]
    if any(echo):
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
    value = _VALUE.match(text, end)
    end = value.end() if value is not None else end
    stop = text.find("\n", end, end + 240)
    tail = _key(text[start : stop if stop >= 0 else end + 240])
    bare = _BARE.fullmatch(tail) is not None
    begin = max(text.rfind("\n", 0, start) + 1, start - 240)
    alone = not text[begin:start].strip()
    if bare and alone:
        return False
    flat, field = _flat(prompt), _key(text[start:end])
    if field not in flat:
        return False
    if not bare and tail in flat:
        return True
    head = _key(text[begin:end])
    return len(head) - len(field) >= 4 and head in flat
