"""Example: one supervised unit made of a record.

A *sequence* is what goes through the model as one row: a question and, where something is to be
said, the reply. Examples of kind ``sft``, ``caption``, ``yes-no`` and ``point`` are one sequence,
``pair`` and ``dpo`` two (the better one first), ``group`` as many as there are candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unireward.ask import Ask, Content, Message, TextContent
from unireward.families.family import Family
from unireward.families.layout import DEFAULT, expand
from unireward.families.spec import Form
from unireward.families.writing import Pieces
from unireward.files.lines import Place
from unireward.media import FrameRule
from unireward.record import Record

Kind = Literal["sft", "caption", "pair", "group", "point", "yes-no", "dpo"]
ENGINE = "transformers"
NAN = math.nan


@dataclass(frozen=True)
class Example:
    """``order`` are the candidates: as shown where one sequence shows several, else one a
    sequence. ``replies`` has a reply for each sequence, None where nothing is said.

    ``scores`` (one row a sequence) and ``absolute`` are NaN where unknown, as are the pair's
    ``margin``, ``strength`` and ``share`` (the probability that the first is better).
    """

    kind: Kind
    record: Record
    order: tuple[str, ...]
    form: Form | None = None
    replies: tuple[Pieces | None, ...] = (None,)
    weight: float = 1.0
    scores: tuple[tuple[float, ...], ...] = ()
    absolute: tuple[float, ...] = ()
    margin: float = NAN
    strength: float = NAN
    share: float = NAN
    tie: bool = False
    tiers: tuple[int, ...] = ()
    yes: float = NAN
    place: Place | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.place}" if self.place is not None else f"record {self.record.id}"


def asks_of(example: Example, family: Family) -> list[Ask]:
    """The question of each of the example's sequences, as the transformers engine is asked."""
    record, form = example.record, example.form
    if form is None:
        return [_plain_ask(record, family)] * len(example.replies)
    if example.kind in ("sft", "caption", "dpo"):
        return [family.ask(form, record, example.order, ENGINE)] * len(example.replies)
    return [family.ask(form, record, (name,), ENGINE) for name in example.order]


def _plain_ask(record: Record, family: Family) -> Ask:
    """The record's own prompt, part by part as it stands: what a model that answers is asked."""
    record.check_askable()
    spec = family.spec
    layout, rule = spec.layouts.get(ENGINE, DEFAULT), FrameRule.parse(spec.frames)
    parts: list[Content] = []
    for part in record.prompt:
        if part.text is not None:
            parts.append(TextContent(part.text))
        else:
            parts += expand(part.load(), layout, spec, rule)
    return Ask((Message("user", tuple(parts)),))
