"""Reads the replies of both Think generations: ``<think>`` dimensions and totals, ``<answer>``.

The answer alone decides. What stands in the thinking is kept beside it: each dimension's scores
keyed by their label (the order of the labels varies), and notes where the sums or the verdict do
not follow from them. So a wrong sum never changes a verdict, but a score that cannot be trusted
(out of range, no number, given twice differently) makes the reply ``unparsed``.

Edge rules: the opening ``<think>`` may be missing (some chat templates prefill it), and a server
may strip the thinking altogether; thinking that is opened and never closed, a second thinking
part, or no ``<answer>`` is ``unparsed``. Template letters (``(x/10)``) and the prompt's own
example lines (``(9/10) - ...``) are no scores.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from unireward.families.reading import (
    Unread,
    answer_bodies,
    clean,
    read_verdict,
    verdict_reading,
)
from unireward.families.spec import Form, Reader, Reading
from unireward.families.unifiedreward_think.spec import OUT_OF_TEN

_LABELS = {"image_generation": "Image", "video_generation": "Video"}
_TOTAL = "total"
_CUT = 80
"""Longer heads are prose, not names of dimensions."""
_SHORTEST = 3
_PROMPT = 200
"""Characters; a shorter prompt is none of ours, and cutting it out could cut a reply."""
_TAG = re.compile(r"<[ \t]{0,4}(/?)[ \t]{0,4}think[ \t]{0,4}>", re.IGNORECASE)
_NUMBERED = re.compile(r"[ \t]*#?[0-9]{1,2}[.):][ \t]*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_PLACEHOLDER = re.compile(r"[xyn]|score", re.IGNORECASE)
_NAME = re.compile(r"[^\W_]+")


def read_rank(reply: str, form: Form, prompt: str) -> Reading:
    """The verdict of ``<answer>``, with the thinking's scores out of ten beside it."""
    text = _without_prompt(clean(reply), prompt)
    label = _LABELS.get(form.task, "Answer")
    thinking, rest = _split(text)
    verdict = _verdict(rest, label)
    sheet = _read_sheet(thinking or "", label, prompt)
    if sheet.echoed and not sheet.complete():
        raise Unread("the reply only repeats the prompt's example")
    return verdict_reading(
        verdict,
        rationale=thinking.strip() if thinking else None,
        dimensions=sheet.complete(),
        notes=tuple(_notes(sheet, verdict, label, thinking is not None)),
    )


READERS: dict[str, Reader] = {"rank": read_rank}


# The two parts ------------------------------------------------------------------------------


def _without_prompt(text: str, prompt: str) -> str:
    """The reply without a whole echo of the prompt.

    Only the whole: single lines of the prompt (``1. Semantic consistency:``) are also lines of
    every good reply. What is left of a partial echo shows as a second thinking part.
    """
    whole = clean(prompt)
    # A system message stands on the first line of the prompt and is no part of an echo.
    for part in (whole, whole.partition("\n")[2].strip()):
        if len(part) > _PROMPT:
            text = text.replace(part, "\n")
    return text


def _split(text: str) -> tuple[str | None, str]:
    """``(thinking, all the rest)``; thinking is None where the reply holds no tag of it."""
    tags = [(match.start(), match.end(), bool(match.group(1))) for match in _TAG.finditer(text)]
    closings = [tag for tag in tags if tag[2]]
    if not tags:
        return None, text
    if not closings:
        raise Unread("<think> is opened and never closed")
    if len(closings) > 1 or len(tags) > 2 or (len(tags) == 2 and tags[0][2]):
        raise Unread("more than one <think> part")
    close_start, close_end, _ = closings[0]
    if len(tags) == 1:
        return text[:close_start], text[close_end:]
    open_start, open_end, _ = tags[0]
    return text[open_end:close_start], text[:open_start] + "\n" + text[close_end:]


def _verdict(rest: str, label: str) -> str:
    bodies = answer_bodies(rest)
    if not bodies:
        raise Unread("<answer> is missing after the thinking")
    said = {read_verdict(body, label.lower()) for body in bodies}
    if len(said) > 1:
        raise Unread("two <answer> parts that differ")
    return said.pop()


# The scores ---------------------------------------------------------------------------------


@dataclass
class _Sheet:
    """What the thinking says: scores by dimension and label, sums by label; and whether it
    repeats the prompt's example."""

    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    sums: dict[str, tuple[tuple[float, ...], float | None]] = field(default_factory=dict)
    echoed: bool = False

    def complete(self) -> dict[str, dict[str, float]]:
        """Dimensions in which both candidates have a score, ``"1"`` first."""
        return {
            name: {key: held[key] for key in ("1", "2")}
            for name, held in self.scores.items()
            if len(held) == 2
        }

    def add(self, name: str, key: str, value: float) -> None:
        held = self.scores.setdefault(name, {})
        if held.setdefault(key, value) != value:
            raise Unread(f"{name} of {key} is given twice: {held[key]:g} and {value:g}")


@lru_cache(maxsize=8)
def _mark(label: str) -> re.Pattern[str]:
    """``Image 1 (8/10)`` or ``Image 1: 8/10``; the value is any word, to be refused by name."""
    return re.compile(
        rf"\b{label}[ \t]{{0,4}}#?(?P<key>[12])[ \t]{{0,4}}"
        rf"(?:[:=-]?[ \t]{{0,4}}[(\[][ \t]{{0,4}}(?P<inner>[^\s()\[\]/;]{{1,16}})"
        rf"|[:=-][ \t]{{0,4}}(?P<plain>[-+]?[0-9.][0-9.,-]{{0,15}}|nan|inf))"
        rf"[ \t]{{0,4}}/[ \t]{{0,4}}(?P<top>[0-9]{{1,6}}(?:\.[0-9]{{1,6}})?)[ \t]{{0,4}}[)\]]?",
        re.IGNORECASE,
    )


@lru_cache(maxsize=8)
def _sum(label: str) -> re.Pattern[str]:
    """``Image 1: 9+8+8=25``."""
    return re.compile(
        rf"\b{label}[ \t]{{0,4}}#?([12])[ \t]{{0,4}}[:=][ \t]{{0,4}}([0-9][0-9.+= \t]{{0,200}})",
        re.IGNORECASE,
    )


def _read_sheet(thinking: str, label: str, prompt: str) -> _Sheet:
    sheet = _Sheet()
    mark = _mark(label)
    current: str | None = None
    for line in thinking.split("\n"):
        if len(line) < _SHORTEST:
            continue
        first = mark.search(line)
        head = _head(line, first, label)
        if head is not None:
            current = head.name
            if head.numbered and not head.total:
                sheet.scores.setdefault(current, {})
        elif _NUMBERED.match(line) and current != _TOTAL:
            current = None  # a new point with no name we can read: its scores are nobody's
        if current == _TOTAL:
            _add_sums(sheet, line, label)
        elif first is not None and current is not None:
            for match in mark.finditer(line):
                if _of_example(match, line, prompt):
                    sheet.echoed = True
                else:
                    _add_score(sheet, current, match)
    return sheet


class _Head(NamedTuple):
    """What a line opens: a dimension by its name in snake_case, or the totals."""

    name: str
    numbered: bool

    @property
    def total(self) -> bool:
        return self.name == _TOTAL


def _head(line: str, first: re.Match[str] | None, label: str) -> _Head | None:
    """What this line opens, or None.

    A numbered line opens a dimension; another line only if nothing but a score, or nothing at
    all, follows its colon.
    """
    numbered = _NUMBERED.match(line)
    start = numbered.end() if numbered else len(line) - len(line.lstrip())
    body = line[start : first.start() if first is not None else len(line)]
    head, colon, after = body.partition(":")
    name = _snake(head.partition("(")[0])
    if not name or len(head) > _CUT or _is_label(head, label):
        return None
    if name in ("total", "totals", "total_score", "total_scores"):
        return _Head(_TOTAL, numbered is not None)
    plain = not after.strip(" \t-")
    if plain and (colon or (numbered and first is not None)):
        return _Head(name, numbered is not None)
    return None


def _is_label(head: str, label: str) -> bool:
    words = _NAME.findall(head.lower())
    return words[:2] in ([label.lower(), "1"], [label.lower(), "2"])


def _snake(name: str) -> str:
    return "_".join(_NAME.findall(name.lower()))


@lru_cache(maxsize=64)
def _flat(prompt: str) -> str:
    return " ".join(clean(prompt).lower().split())


def _of_example(match: re.Match[str], line: str, prompt: str) -> bool:
    """Is this score one of the prompt's example: with the same reason (or dots) after it?"""
    if not prompt:
        return False
    stop = line.find(";", match.end(), match.end() + _CUT)
    why = line[match.end() : stop if stop >= 0 else match.end() + _CUT]
    shown = " ".join((match.group() + why).lower().split())
    return bool(why.strip(" \t-–—:")) and shown in _flat(prompt)


def _add_score(sheet: _Sheet, name: str, match: re.Match[str]) -> None:
    shown = match.group("inner") or match.group("plain")
    if _PLACEHOLDER.fullmatch(shown):
        return
    key, top = match.group("key"), float(match.group("top"))
    where = f"{name} of {key}"
    if not _NUMBER.fullmatch(shown):
        raise Unread(f"{where} is no number: {shown!r}")
    if top != OUT_OF_TEN.high:
        raise Unread(f"{where} is said out of {top:g}, the scale ends at {OUT_OF_TEN.high:g}")
    value = float(shown)
    if not OUT_OF_TEN.low <= value <= OUT_OF_TEN.high:
        raise Unread(f"{where} is outside {OUT_OF_TEN.low:g} to {OUT_OF_TEN.high:g}: {shown}")
    sheet.add(name, key, value)


def _add_sums(sheet: _Sheet, line: str, label: str) -> None:
    for match in _sum(label).finditer(line):
        parts_text, equals, total_text = match.group(2).partition("=")
        parts = [part.strip() for part in parts_text.split("+")]
        if not all(_NUMBER.fullmatch(part) for part in parts):
            continue
        total = total_text.strip().rstrip(".")
        stated = float(total) if equals and _NUMBER.fullmatch(total) else None
        if stated is None and len(parts) == 1:
            parts, stated = [], float(parts[0])
        sheet.sums[match.group(1)] = (tuple(float(part) for part in parts), stated)


# What does not follow -----------------------------------------------------------------------


def _notes(sheet: _Sheet, verdict: str, label: str, thought: bool) -> list[str]:
    notes = [] if thought else ["no <think> part: the scores are not known"]
    complete = sheet.complete()
    whole = len(complete) == len(sheet.scores)
    if thought and not complete:
        notes.append("no dimension with a score of both")
    for name, held in sheet.scores.items():
        if len(held) == 1 or (not held and complete):
            lacking = ", ".join(f"{label} {key}" for key in ("1", "2") if key not in held)
            notes.append(f"{name} left out: no score of {lacking}")
    totals = {}
    for key in ("1", "2"):
        own = [held[key] for held in complete.values()] if whole else []
        parts, stated = sheet.sums.get(key, ((), None))
        notes += _sum_notes(f"{label} {key}", own, parts, stated)
        if stated is not None or parts or own:
            totals[key] = stated if stated is not None else sum(parts or own)
    if len(totals) == 2 and totals["1"] != totals["2"]:
        ahead = max(totals, key=lambda key: totals[key])
        if ahead != verdict:
            notes.append(
                f"the answer names {label} {verdict}, the totals favour {label} {ahead}: "
                f"{totals['1']:g} to {totals['2']:g}"
            )
    return notes


def _sum_notes(
    who: str, own: list[float], parts: tuple[float, ...], stated: float | None
) -> list[str]:
    notes = []
    if parts and stated is not None and abs(sum(parts) - stated) > 1e-6:
        written = "+".join(f"{part:g}" for part in parts)
        notes.append(f"total of {who}: {written} is {sum(parts):g}, the reply says {stated:g}")
    held = sum(parts) if parts else stated
    if own and held is not None and abs(sum(own) - held) > 1e-6:
        notes.append(f"total of {who}: the scores given add up to {sum(own):g}, not {held:g}")
    return notes
