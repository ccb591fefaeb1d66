"""Example: one supervised unit made of a record.

A *sequence* is what goes through the model as one row: a question and, where something is to be
said, the reply. Examples of kind ``sft``, ``caption``, ``yes-no`` and ``point`` are one sequence,
``pair`` and ``dpo`` two (the better one first), ``group`` as many as there are candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from unireward.ask import Ask
from unireward.families.family import Family
from unireward.families.spec import Form
from unireward.families.writing import Pieces
from unireward.files.lines import Place
from unireward.policies.asking import Showing, plain_ask
from unireward.record import Record

Kind = Literal["sft", "caption", "pair", "group", "point", "yes-no", "dpo"]
ENGINE = "transformers"
NAN = math.nan


@dataclass(frozen=True)
class Example:
    """``order`` are the candidates: as shown where one sequence shows several, else one a
    sequence. ``replies`` has a reply for each sequence, None where nothing is said.

    ``scores`` (one row a sequence) and ``absolute`` are NaN where unknown, as are the pair's
    ``margin``, ``strength``, ``share`` (the probability that the first is better) and
    ``pair_score`` (how frequent such pairs are). ``turn`` is the number of this use of it, from
    which whatever is drawn for it comes.
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
    pair_score: float = NAN
    turn: int = 0
    place: Place | None = None

    @property
    def where(self) -> str:
        """What messages call it."""
        return f"{self.place}" if self.place is not None else f"record {self.record.id}"


def asks_of(example: Example, asked: Family | Showing) -> list[Ask]:
    """The question of each of the example's sequences, as the transformers engine is asked: by a
    judge's family or, where candidates are replies to the record's own prompt, as it stands."""
    record, form = example.record, example.form
    if form is None:
        record.check_askable()
        showing = asked if isinstance(asked, Showing) else Showing.of(asked.spec, ENGINE)
        return [plain_ask(record.prompt, showing)] * len(example.replies)
    assert isinstance(asked, Family)
    if example.kind in ("sft", "caption", "dpo"):
        return [asked.ask(form, record, example.order, ENGINE)] * len(example.replies)
    return [asked.ask(form, record, (name,), ENGINE) for name in example.order]
