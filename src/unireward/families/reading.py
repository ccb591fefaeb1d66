"""The careful readers that every family's ``parse.py`` is built from.

A reply is text that a model wrote, and what is read from it becomes a number that people trust;
so the rule is: read what the grammar says, at the place where the grammar says it, or raise
:class:`Unread` with a reason. Nothing is ever guessed from a number that stands elsewhere.

A reader of a family is ``(reply, form, prompt) -> Reading``; it may raise :class:`Unread`, which
``Family.read`` turns into status ``unparsed``::

    def read_rank(reply, form, prompt):
        text = prepare(reply, prompt)
        return verdict_reading(read_verdict(text, "image", tie=True, prompt=prompt))

Everything here is linear in the length of the reply.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from unireward.families.echo import is_echo, strip_echo
from unireward.families.numbers import Unread, number_at
from unireward.families.plain import clean
from unireward.families.spec import Reading, Scale
from unireward.families.verdict import read_verdict

__all__ = [
    "Unread",
    "answer_bodies",
    "check_same",
    "clean",
    "field_values",
    "final_score",
    "is_echo",
    "looks_refused",
    "mean_of_rescaled",
    "number_at",
    "one_hot",
    "prepare",
    "read_dimensions",
    "read_verdict",
    "rescale",
    "strip_echo",
    "unparsed",
    "verdict_reading",
]


def unparsed(reason: str) -> Reading:
    return Reading(status="unparsed", reason=reason)


def prepare(reply: str, prompt: str = "") -> str:
    """The reply with markdown, line ends and full-width characters normalised, echoes removed."""
    text = clean(reply)
    return strip_echo(text, prompt) if prompt else text


def one_hot(verdict: str) -> dict[str, float]:
    """``"1"``, ``"2"`` or ``"tie"`` as a preference over all three."""
    return {name: float(name == verdict) for name in ("1", "2", "tie")}


def verdict_reading(verdict: str, rationale: str | None = None, **more: object) -> Reading:
    """A pairwise Reading of one verdict (``scores`` are the judge's to make)."""
    return Reading(preference=one_hot(verdict), rationale=rationale or None, **more)  # type: ignore[arg-type]


def rescale(value: float, scale: Scale) -> float:
    """``(x - low) / (high - low)``: the family's own range onto [0, 1]."""
    return (value - scale.low) / (scale.high - scale.low)


def mean_of_rescaled(values: Mapping[str, float], scales: Mapping[str, Scale]) -> float:
    """The mean over dimensions of their values rescaled to [0, 1]."""
    return sum(rescale(value, scales[name]) for name, value in values.items()) / len(values)


# Labelled numbers ---------------------------------------------------------------------------


@lru_cache(maxsize=256)
def _labels(labels: tuple[str, ...], suffix: str) -> re.Pattern[str]:
    words = "|".join(
        r"[- \t]+".join(re.escape(word) for word in re.split("[- ]", label))
        for label in sorted(labels, key=len, reverse=True)
    )
    return re.compile(
        rf"(?<![\w-])({words}){suffix}[ \t]*(?:\([^()\n]{{0,24}}\)[ \t]*)?[:=][ \t]*", re.IGNORECASE
    )


def _stands_free(text: str, start: int) -> bool:
    """Is the label its own: not the end of a longer name ("Overall Alignment Score")?"""
    before = text[max(0, start - 2) : start].rstrip(" \t")
    return not before or not before[-1].isalpha()


def field_values(
    text: str, labels: Iterable[str], *, suffix: str = "", prompt: str = ""
) -> list[tuple[str, int, int]]:
    """Where labelled fields stand: ``(label in lower case, value's start, value's limit)``.

    A label is followed by ``:`` or ``=`` (a range in brackets between is its own), in any case,
    anywhere on a line as long as no word stands directly before it. Echoes of the prompt are
    left out. The limit is where the next label begins.
    """
    found = [
        match
        for match in _labels(tuple(labels), suffix).finditer(text)
        if _stands_free(text, match.start())
    ]
    limits = [*(match.start() for match in found[1:]), len(text)][: len(found)]
    return [
        (" ".join(match.group(1).lower().replace("-", " ").split()), match.end(), limit)
        for match, limit in zip(found, limits, strict=True)
        if not (prompt and is_echo(text, match.start(), match.end(), prompt))
    ]


def check_same(name: str, old: float | None, new: float) -> float:
    """``new``, unless the field was given before with another value."""
    if old is not None and old != new:
        raise Unread(f"{name} is given twice: {old:g} and {new:g}")
    return new


def read_dimensions(
    text: str, labels: Mapping[str, str], scales: Mapping[str, Scale], *, suffix: str = "",
    prompt: str = "",
) -> dict[str, float]:  # fmt: skip
    """One number for each label: ``{name: value}`` for ``labels`` of ``{label: name}``.

    Raises :class:`Unread` for a dimension that is missing, given twice with different values,
    out of its scale, or no number.
    """
    values: dict[str, float] = {}
    for label, start, limit in field_values(text, labels, suffix=suffix, prompt=prompt):
        name = labels[label]
        values[name] = check_same(
            name, values.get(name), number_at(text, start, name, scales.get(name), limit)
        )
    for name in labels.values():
        if name not in values:
            raise Unread(f"{name} is missing")
    return {name: values[name] for name in labels.values()}


_FINAL = ("final score", "the final score", "my final score")


def final_score(text: str, scale: Scale, *, prompt: str = "") -> float | None:
    """The last ``Final Score:`` of the reply, or None where there is none."""
    fields = field_values(text, _FINAL, prompt=prompt)
    if not fields:
        return None
    _, start, limit = fields[-1]
    return number_at(text, start, "Final Score", scale, limit)


# The answer tag and refusals ----------------------------------------------------------------

_ANSWER = re.compile(r"<[ \t]*(/?)[ \t]*answer[ \t]*>", re.IGNORECASE)


def answer_bodies(text: str) -> list[str]:
    """What stands inside each ``<answer>...</answer>``.

    Raises :class:`Unread` where a tag is opened and not closed, or closed and not opened.
    """
    bodies: list[str] = []
    opened: int | None = None
    for match in _ANSWER.finditer(text):
        if bool(match.group(1)) == (opened is None):
            raise Unread("<answer> and </answer> do not match")
        if opened is None:
            opened = match.end()
        else:
            bodies.append(text[opened : match.start()].strip())
            opened = None
    if opened is not None:
        raise Unread("<answer> is opened and never closed")
    return bodies


_REFUSAL = re.compile(
    r"\bi\s*(?:'m|am)\s+(?:very\s+|so\s+|really\s+)?sorry\b|\bsorry,|\bi\s+apologi[sz]e\b"
    r"|\bi\s*(?:can\s?not|can't|won't|will\s+not|(?:'m|am)\s+(?:not\s+able|unable)\s+to"
    r"|must\s+(?:decline|refuse))\s+(?:to\s+)?(?:\w+\s+)?(?:help|assist|compare|judge|evaluate|rate|score"
    r"|grade|assess|provide|comply|answer|view|see|process|give|fulfil+|engage|do)\b"
    r"|\bas\s+an\s+ai\b|\bunable\s+to\s+(?:assist|help|judge|evaluate|comply|provide)\b"
    r"|\bagainst\s+(?:my|our|the)\s+(?:policy|policies|guidelines)\b"
    r"|抱歉|对不起|无法协助|不能协助",
    re.IGNORECASE,
)


def looks_refused(text: str) -> bool:
    """Does a reply in which nothing was read begin as a refusal?"""
    return _REFUSAL.search(text[:300].replace("’", "'")) is not None
