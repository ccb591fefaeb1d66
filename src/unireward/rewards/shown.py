"""Shown: what of a record's media a judge sees, written into each judgment.

Frame indices, the frame rule and pixel sizes are part of what was asked: two judgments that
differ in them are not of the same thing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.media import FrameRule, Image
from unireward.record import Part, Record

if TYPE_CHECKING:
    from unireward.families.family import Family
    from unireward.families.spec import Form

PROMPT = "prompt"


@dataclass
class Shown:
    """``media`` by candidate id (``prompt`` for what a question is about, ``source`` for the
    image before an edit); ``problems`` the reason why some of it cannot be shown."""

    media: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: dict[str | None, str] = field(default_factory=dict)
    """By candidate id; None holds the prompt's own."""

    def problem(self, order: Iterable[str]) -> str | None:
        """Why a question about ``order``'s candidates cannot be put, if so."""
        return next((self.problems[key] for key in (None, *order) if key in self.problems), None)


def shown_media(record: Record, family: Family, form: Form, *, strict: bool = False) -> Shown:
    """Look at every medium of ``record`` that ``form`` shows; nothing is decoded for images.

    A missing or unreadable one is a problem of its candidate, or raises MediaError if
    ``strict``.
    """
    shown = Shown()
    rule = family.frame_rule(form)
    bound = family.spec.max_pixels
    names = {candidate.id for candidate in record.candidates}
    if {"prompt", "source"} & set(form.media):
        for part in record.prompt:
            label = part.role if part.role == "source" else PROMPT
            key = label if label not in names else f"{label} of the record"
            _look(shown, key, None, part, rule, bound, strict)
    if {"1", "2"} & set(form.media):
        for candidate in record.candidates:
            for part in candidate.content:
                _look(shown, candidate.id, candidate.id, part, rule, bound, strict)
    return shown


def _look(
    shown: Shown,
    key: str,
    owner: str | None,
    part: Part,
    rule: FrameRule,
    bound: int | None,
    strict: bool,
) -> None:
    if part.type == "text" or owner in shown.problems:
        return
    try:
        facts = media_facts(part, rule, bound)
    except (InputError, OSError) as error:
        if strict:
            raise
        shown.problems[owner] = str(error)
        return
    # A candidate of several pictures: a, a/2, a/3.
    number = 1 + sum(1 for one in shown.media if one == key or one.startswith(f"{key}/"))
    shown.media[key if number == 1 else f"{key}/{number}"] = facts


def media_facts(part: Part, rule: FrameRule, max_pixels: int | None) -> dict[str, Any]:
    """``{"width", "height"}`` of an image, ``{"frames", "rule"}`` of a video, and the budget."""
    media = part.load()
    if isinstance(media, Image):
        width, height = media.size
        facts: dict[str, Any] = {"width": width, "height": height}
    else:
        facts = {"frames": [int(index) for index in media.frames(rule).indices], "rule": str(rule)}
    return facts if max_pixels is None else {**facts, "max_pixels": max_pixels}
