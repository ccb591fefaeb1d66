"""Readers of 2.0: those of 1.0, and the three blocks of pair scores."""

from __future__ import annotations

import math
import re
from functools import cache

from unireward.families.reading import (
    Unread,
    check_same,
    is_echo,
    number_at,
    one_hot,
    prepare,
)
from unireward.families.spec import Form, Reader, Reading
from unireward.families.unifiedreward.parse import READERS as READERS_1

SUM_TOLERANCE = 1e-3
"""How far two shares may be from adding up to one before it is noted."""


@cache
def _marks(noun: str) -> re.Pattern[str]:
    """Either the head of a block (``Coherence Score:``) or a candidate's label in it."""
    return re.compile(
        rf"(?<!\w)(?:{noun}[ \t]*#?[ \t]*(?P<who>[12])|(?P<axis>[a-z]+)[ \t]+scores?)"
        r"[ \t]*(?:\([^()\n]{0,24}\)[ \t]*)?[:=][ \t]*",
        re.IGNORECASE,
    )


def _pair_scores(reply: str, form: Form, prompt: str, noun: str) -> Reading:
    text = prepare(reply, prompt)
    found: dict[str, dict[str, float]] = {name: {} for name in form.scales}
    marks = list(_marks(noun).finditer(text))
    axis: str | None = None
    for at, mark in enumerate(marks):
        if prompt and is_echo(text, mark.start(), mark.end(), prompt):
            axis = None if mark.group("axis") else axis
            continue
        if mark.group("axis"):
            axis = mark.group("axis").lower()
            continue
        if axis not in found:  # a block of another name, or none
            continue
        who, limit = mark.group("who"), (*marks, None)[at + 1]
        name = f"{axis} of {noun.capitalize()} {who}"
        value = number_at(
            text, mark.end(), name, form.scales[axis], limit.start() if limit else len(text)
        )
        found[axis][who] = check_same(name, found[axis].get(who), value)
    for name, values in found.items():
        for who in ("1", "2"):
            if who not in values:
                raise Unread(f"{name} of {noun.capitalize()} {who} is missing")
    return pair_reading({name: {"1": v["1"], "2": v["2"]} for name, v in found.items()})


def pair_reading(dimensions: dict[str, dict[str, float]]) -> Reading:
    """Shares by axis into scores (their mean) and a one-hot preference."""
    scores = {
        who: math.fsum(values[who] for values in dimensions.values()) / len(dimensions)
        for who in ("1", "2")
    }
    notes = tuple(
        f"{name}: the shares add up to {total:g}, not 1"
        for name, values in dimensions.items()
        if abs((total := values["1"] + values["2"]) - 1) > SUM_TOLERANCE
    )
    return Reading(
        preference=one_hot(leader(scores)), scores=scores, dimensions=dimensions, notes=notes
    )


def leader(scores: dict[str, float]) -> str:
    if scores["1"] == scores["2"]:
        return "tie"
    return "1" if scores["1"] > scores["2"] else "2"


def pair_image(reply: str, form: Form, prompt: str) -> Reading:
    return _pair_scores(reply, form, prompt, "image")


def pair_video(reply: str, form: Form, prompt: str) -> Reading:
    return _pair_scores(reply, form, prompt, "video")


READERS: dict[str, Reader] = {**READERS_1, "pair_image": pair_image, "pair_video": pair_video}
