"""Asking: a prompt as a model that answers it is asked, part by part as it stands.

Sampling answers, reading their log-probabilities and training on them all come through here, so
that a policy learns on the very prompt that it is asked with::

    ask = plain_ask(prompt.prompt, Showing(frames="uniform:4"), Sampling(temperature=1.0))

Parts of one role and turn are one message, in order; a part without a role, and the images with
role ``source`` or ``reference``, are the user's. Videos are shown as frames unless the layout is
``native``, which a model must be able to take.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Literal

from pydantic import Field, field_validator

from unireward.ask import Ask, Content, Message, Sampling, TextContent
from unireward.families.layout import DEFAULT, expand
from unireward.families.spec import FamilySpec, Layout
from unireward.media import FrameRule
from unireward.record import Part, Row

Role = Literal["system", "user", "assistant"]


class Showing(Row):
    """How a prompt is shown: ``frames`` a frame rule, ``resize`` (width, height), ``max_pixels``
    a bound on width x height of each picture, ``system`` a message before prompts that bring
    none along."""

    frames: str = "linspace:8"
    layout: Layout = DEFAULT
    resize: tuple[int, int] | None = None
    max_pixels: int | None = Field(default=None, ge=1)
    system: str | None = None

    @field_validator("frames")
    @classmethod
    def _a_frame_rule(cls, value: str) -> str:
        FrameRule.parse(value)
        return value

    @classmethod
    def of(cls, spec: FamilySpec, engine_kind: str) -> Showing:
        """As a judge's family shows media to engines of that kind."""
        return cls(
            frames=spec.frames, layout=spec.layouts.get(engine_kind, DEFAULT),
            resize=spec.resize, max_pixels=spec.max_pixels,
        )  # fmt: skip


def plain_ask(parts: Sequence[Part], showing: Showing, sampling: Sampling | None = None) -> Ask:
    """The question that ``parts`` are. Raises :class:`MediaError` for a clip whose frames are
    to be shown and cannot be read; pictures are read by the engine."""
    messages = [
        Message(role, tuple(content for part in said for content in _shown(part, showing)))
        for (role, _), said in groupby(parts, key=_speaker)
    ]
    if showing.system and all(message.role != "system" for message in messages):
        messages.insert(0, Message("system", (TextContent(showing.system),)))
    return Ask(tuple(messages), sampling=sampling or Sampling())


def _speaker(part: Part) -> tuple[Role, int | None]:
    return part.role if part.role in ("system", "assistant") else "user", part.turn


def _shown(part: Part, showing: Showing) -> list[Content]:
    if part.text is not None:
        return [TextContent(part.text)]
    return [*expand(part.load(), showing.layout, showing, FrameRule.parse(showing.frames))]
