"""RecordMaker: which examples a record gives; what is the same for all that can be trained.

A subclass says which examples there are for which objective. They come in the same order every
time; ``turn`` is any number drawn for this use of the record, with which a maker may decide what
may differ between uses.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, TypeVar

from unireward.families.spec import Form
from unireward.families.writing import Pieces
from unireward.files.lines import Place
from unireward.record import Record
from unireward.training.data_config import RecordsConfig
from unireward.training.examples import NAN, Example, Kind
from unireward.training.labels import OVERALL, Pair, check_record, share_of, unit_score

Objective = Literal["sft", "pair", "point", "yes-no", "dpo"]
NO_RANKING = "no ranking, votes or overall scores"
NONE_GOOD = "no candidate that is any good"
NO_FAULT = ("tie", "tie, which the form has no word for", NONE_GOOD)
"""Reasons for which a record gives no example and is as it should be."""
C = TypeVar("C", bound=RecordsConfig)
Examples = Callable[[Record, int, "Counter[str]"], Iterator[Example]]
"""``(record, turn, left_out) -> examples``; ``left_out`` counts why others are not among them."""


@dataclass
class Made:
    """The examples of a record, and why others that it could have given are not among them."""

    examples: list[Example] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class RecordMaker(Generic[C]):
    """Makes a record's examples by a config."""

    def __init__(self, config: C) -> None:
        self.config = config

    def makers(self) -> list[Examples]:
        """What makes examples, one after the other."""
        raise NotImplementedError

    def __call__(self, record: Record, turn: int = 0, place: Place | None = None) -> Made:
        """Raises :class:`InputError` for a record that can be of no use: see ``check_record``,
        and what the subclass says."""
        check_record(record)
        made = Made()
        weight = self.config.task_weights.get(record.task, 1.0)
        for maker in self.makers():
            for example in maker(record, turn, made.left_out):
                own = replace(example, weight=example.weight * weight, place=place)
                made.examples.append(own)
        return made

    def pair(
        self,
        kind: Kind,
        record: Record,
        form: Form | None,
        pair: Pair,
        replies: tuple[Pieces | None, ...],
        **more: Any,
    ) -> Example:
        """Two rows, the better one first, with what the label says of them; ``more`` are other
        fields of the example."""
        label = record.label
        share = 0.5 if pair.tie else share_of(record, pair)
        strength = 0.0 if pair.tie else label.strength if label is not None else None
        return Example(
            kind, record, (pair.first, pair.second), form, replies,
            margin=self._margin(record, pair), tie=pair.tie,
            strength=NAN if strength is None else strength,
            share=NAN if share is None else share, **more,
        )  # fmt: skip

    def _margin(self, record: Record, pair: Pair) -> float:
        if self.config.margin == "strength":
            strength = record.label.strength if record.label is not None else None
            return 0.0 if pair.tie else NAN if strength is None else strength
        if self.config.margin == "scores":
            first, second = (unit_score(record, name, OVERALL) for name in pair[:2])
            if first is not None and second is not None:
                return first - second
        return NAN
