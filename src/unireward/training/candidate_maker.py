"""CandidateMaker: which examples a record gives to one who makes candidates like its own.

``content(record, name)`` is a candidate as an example has it: the reply of a candidate in words
(:func:`answer_of`), nothing of a picture or clip, which is read when it is shown
(:class:`PictureContent`). It raises :class:`InputError` for a candidate that is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unireward.errors import InputError
from unireward.families.writing import Pieces
from unireward.record import Record
from unireward.training.candidates_config import AnswersData, PicturesData
from unireward.training.examples import NAN, Example
from unireward.training.labels import OVERALL, Tiers, pairs_of, tiers_of, unit_score
from unireward.training.record_maker import (
    NO_RANKING,
    NONE_GOOD,
    Examples,
    Objective,
    RecordMaker,
)

Content = Callable[[Record, str], Pieces | None]
MEDIUM = {"image_generation": "image", "video_generation": "video"}


class CandidateMaker(RecordMaker[AnswersData | PicturesData]):
    """``sft``: one example a candidate that is learned; ``dpo``: one a pair. Ties are no pairs."""

    def __init__(
        self, config: AnswersData | PicturesData, objective: Objective, content: Content
    ) -> None:
        super().__init__(config)
        self.objective = objective
        self.content = content

    def makers(self) -> list[Examples]:
        return [self._pairs if self.objective == "dpo" else self._single]

    def _single(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        weights = self._weights(record)
        if weights is None:
            left_out[NO_RANKING] += 1
            return
        if not any(weights.values()):
            left_out[NONE_GOOD] += 1
        for name, weight in weights.items():
            if weight:
                reply = self.content(record, name)
                yield Example("sft", record, (name,), None, (reply,), weight)

    def _weights(self, record: Record) -> dict[str, float] | None:
        """What each candidate counts, in the record's order; None where that is not known."""
        names = [candidate.id for candidate in record.candidates]
        tiers, label = tiers_of(record), record.label
        if self.config.learn == "all" or (len(names) == 1 and tiers is None):
            return dict.fromkeys(names, 1.0)
        if self.config.learn == "weighted":
            return _said(record, names, tiers)
        if tiers is None:
            return None
        bad = label is not None and label.tie == "bad"
        return {name: float(name in tiers[0] and not bad) for name in names}

    def _pairs(self, record: Record, turn: int, left_out: Counter[str]) -> Iterator[Example]:
        for pair in pairs_of(record, self.config.pairs):
            if pair.tie:
                left_out["tie"] += 1
                continue
            contents = tuple(self.content(record, name) for name in pair[:2])
            yield self.pair("dpo", record, None, pair, contents, pair_score=self._score(record))
        if tiers_of(record) is None:
            left_out[NO_RANKING] += 1

    def _score(self, record: Record) -> float:
        """The number that ``pair_score`` names, NaN where the record has none."""
        field = self.config.pair_score if isinstance(self.config, PicturesData) else None
        if field is None:
            return NAN
        value: object = record.meta
        for step in field.removeprefix("meta.").split("."):
            value = value.get(step) if isinstance(value, dict) else None
        if value is None:
            return NAN
        if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
            raise InputError(f"record {record.id}: {field} is {value!r}; give a number above 0")
        return float(value)


def _said(record: Record, names: list[str], tiers: Tiers | None) -> dict[str, float] | None:
    """What a label says of each candidate, 0 to 1."""
    scores = [unit_score(record, name, OVERALL) for name in names]
    if None not in scores:
        return dict(zip(names, map(float, scores)))  # pyright: ignore[reportArgumentType]
    votes = record.label.preference if record.label is not None else None
    if votes is not None:
        return {name: min(1.0, max(0.0, votes.get(name, 0.0))) for name in names}
    if tiers is None:
        return None
    last = len(tiers) - 1
    places = {name: at for at, tier in enumerate(tiers) for name in tier}
    return {name: 1 - places[name] / last if last and name in places else float(name in places)
            for name in names}  # fmt: skip


def answer_of(record: Record, name: str) -> Pieces:
    """A candidate in words, as the reply to its prompt."""
    text = record.candidate(name).text.strip()
    if not text:
        raise InputError(
            f"record {record.id}: candidate {name!r} has no text, and answers are words; filter "
            "by tasks"
        )
    return ("", text)


@dataclass(frozen=True)
class PictureContent:
    """Candidates of one picture, or of one clip, by the generator's task; ``refusal`` says why a
    prompt is none that the generator can read (None: it can)."""

    task: str
    refusal: Callable[[str], str | None]

    def __call__(self, record: Record, name: str) -> None:
        if record.task != self.task:
            raise InputError(
                f"record {record.id}: is of {record.task}, the generator of {self.task}; name "
                "that in the source's tasks"
            )
        kinds = [part.type for part in record.candidate(name).content]
        if kinds != [MEDIUM[self.task]]:
            raise InputError(
                f"record {record.id}: candidate {name!r} is {' and '.join(kinds)}; give one "
                f"{MEDIUM[self.task]}"
            )
        record.check_askable()
        if refusal := self.refusal(record.text):
            raise InputError(f"record {record.id}: the prompt cannot be drawn: {refusal}")
