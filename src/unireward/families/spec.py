"""Family: how a judge is asked and how its reply is read, as one versioned object.

A family is a set of *forms*, one for each (task, mode) it can do and each form or aspect of it.
A form says the prompt, the media shown and their order, and which *reader* of the family's
``parse.py`` understands the reply. ``Family.ask`` fills a form for a record and an order of its
candidates; ``Family.read`` turns the reply into a :class:`Reading`. Saved as ``judge.json``
beside the weights, so that prompt, grammar, score range and frame rule cannot drift from them::

    family = get_family("unifiedreward-2")
    form, = family.forms_for("image_generation", "rank")
    ask = family.ask(form, record, ("a", "b"))
    reading = family.read(form, "Image 1 is better", finish_reason="stop", prompt=ask.text)

Candidates are called ``"1"`` and ``"2"`` here, in the order shown; the judge maps them back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import Field, FiniteFloat, field_validator, model_validator

from unireward.judgment import Status
from unireward.media import FrameRule
from unireward.record import Mode, Row, Span

Layout = Literal["native", "frames", "llava"]
"""How media are laid out: ``native`` video parts; ``frames`` as images; ``llava`` as frames of
512x512, the image tokens inside the user's text (REFERENCE 1.2)."""


@dataclass(frozen=True)
class Reading:
    """How one reply was read. Keys are ``"1"``, ``"2"`` (shown order) and ``"tie"``.

    ``preference`` is one-hot (pairwise modes only); ``scores`` in [0, 1] (pointwise and
    pair-score); ``dimensions`` maps snake_case names to numbers in the family's own range.
    Where ``status`` is not ``ok`` all of these are empty and ``reason`` says why.
    """

    status: Status = "ok"
    reason: str | None = None
    preference: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    dimensions: dict[str, dict[str, float]] = field(default_factory=dict)
    rationale: str | None = None
    notes: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


class Scale(Row):
    """A number's range in the reply. ``integer`` refuses decimals."""

    low: FiniteFloat
    high: FiniteFloat
    integer: bool = False

    @model_validator(mode="after")
    def _rises(self) -> Scale:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self


def _a_frame_rule(value: str | None) -> str | None:
    if value is not None:
        FrameRule.parse(value)
    return value


MEDIA_NAMES = ("prompt", "source", "1", "2")


class Form(Row):
    """One way of asking: a (task, mode) and, where there are several, a form or aspect.

    ``template`` holds the placeholders ``{P}`` caption, ``{Q}`` question, ``{A1}`` ``{A2}``
    answers, ``{R}`` response, ``{I}`` edit instruction, each a literal replace (braces elsewhere
    are the text's own). ``media`` lists what is shown, in order: ``prompt`` (the media a question
    is about), ``source`` (before an edit), ``1``, ``2`` (candidates). ``media_place`` is
    ``before`` (all media, then the text) or ``inline`` (the template's ``<prompt> <source> <1>
    <2>`` marks are where they stand).
    ``reader`` names a function of the family's ``parse.py``. ``choices`` are the whole verdict
    strings for (first, second) and, where the grammar has one, tie; for pointwise label choices
    they are the labels. ``scales`` are the dimensions' ranges under the names of the judgment.
    """

    task: str
    mode: Mode
    name: str = ""
    aspect: str = ""
    template: str
    origin: Literal["own", "official"] = "own"
    media: tuple[str, ...] = ()
    media_place: Literal["before", "inline"] = "before"
    reader: str
    choices: tuple[str, ...] = ()
    scales: dict[str, Scale] = Field(default_factory=dict)
    max_tokens: int = 4096
    stop_after: tuple[str, ...] = ()
    """Ends of the verdict: an engine that can ends the reply behind the first of them said, since
    nothing that the reader needs follows. A reply that goes on is read all the same."""
    frames: str | None = None
    """A frame rule of this form's own (``uniform:16``), else the family's."""
    default: bool = True
    """Asked when the caller names no form or aspect. All default forms of a (task, mode) are
    asked (both aspects of an edit), so exactly one *form* name may be default."""
    fingerprints: tuple[str, ...] = ()
    """sha256[:16] of the official templates this form corresponds to (REFERENCE 1.6)."""

    _frames = field_validator("frames")(_a_frame_rule)

    @field_validator("media")
    @classmethod
    def _known_media(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in MEDIA_NAMES:
                raise ValueError(f"{name!r} is no media name; use {', '.join(MEDIA_NAMES)}")
        return value

    @property
    def address(self) -> str:
        """Task, mode, form and aspect in one line."""
        return "/".join(part for part in (self.task, self.mode, self.name, self.aspect) if part)


class FamilySpec(Row):
    """What ``judge.json`` holds of a family. The readers stay code, found by ``name``."""

    name: str
    variant: str = ""
    version: int = 1
    summary: str = ""
    system: str | None = None
    forms: tuple[Form, ...]
    frames: str = "linspace:8"
    layouts: dict[str, Layout] = Field(default_factory=dict)
    """Engine kind -> layout; missing kinds use ``frames``."""
    max_pixels: int | None = None
    resize: tuple[int, int] | None = None
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    best_mode: dict[str, Mode] = Field(default_factory=dict)
    """Task -> the mode this judge is most accurate in (measured, written by training)."""
    card: str | None = None
    """One line said on first use on a user's own files (the tiny judge's limits)."""

    _frames = field_validator("frames")(_a_frame_rule)

    @model_validator(mode="after")
    def _forms_differ(self) -> FamilySpec:
        seen: set[str] = set()
        default: dict[tuple[str, str], str] = {}
        for form in self.forms:
            if form.address in seen:
                raise ValueError(f"form {form.address} is given twice; keep one")
            seen.add(form.address)
            if form.default and default.setdefault((form.task, form.mode), form.name) != form.name:
                raise ValueError(
                    f"{form.task} {form.mode} has two default forms; set default to false in one"
                )
        return self


Reader = Callable[[str, Form, str], Reading]
"""``(reply text, form, the prompt's text) -> Reading``; truncation is dealt with before."""
