"""Assembly: one record's readings, gathered in any order, into its Judgment.

The judge opens an Assembly for each record, adds what was heard to each question as replies
arrive, and takes the Judgment when all are in. What is in the Judgment depends on the readings
alone, never on the order in which they came.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from threading import Lock
from typing import Any

from unireward.families.spec import Form
from unireward.judgment import Judgment, worst
from unireward.record import TIE, Record
from unireward.rewards.calibrated import calibrated
from unireward.rewards.calibration import Confidence
from unireward.rewards.combine import (
    Combined,
    Numbers,
    OrderReading,
    argmax,
    combine_aspects,
    combine_pair,
    first_reason,
    mean_dimensions,
    mean_of,
    tiers_of,
)
from unireward.rewards.question import Question, count_questions, questions_of
from unireward.rewards.reading import Heard


@dataclass(frozen=True)
class Header:
    """The judgment's fields that come from the judge and not from any reply."""

    judge: str
    family: str
    prompt: str
    mode: str
    half: bool = False
    """Policy ``half``: an unread comparison gives half a win each."""


@dataclass(frozen=True)
class Outcome:
    """The judgment's fields that come from the readings."""

    scores: Numbers = field(default_factory=dict)
    dimensions: dict[str, Numbers] = field(default_factory=dict)
    winner: str | None = None
    preference: Numbers = field(default_factory=dict)
    ranking: tuple[tuple[str, ...], ...] | None = None
    confidence: float | None = None
    agreement: bool | float | None = None
    raw: Numbers = field(default_factory=dict)
    sigma: Numbers = field(default_factory=dict)
    unsettled: tuple[str, ...] = ()


class Assembly:
    """Thread-safe: an engine may pull questions in one thread while replies come in another."""

    def __init__(
        self,
        record: Record,
        forms: Sequence[Form],
        header: Header,
        *,
        both_orders: bool = True,
        media: dict[str, dict[str, Any]] | None = None,
        calibration: Confidence | None = None,
    ) -> None:
        self.record = record
        self.header = header
        self.media = media or {}
        self.calibration = calibration
        self._forms = tuple(forms)
        self._both = both_orders
        self._heard: dict[tuple[int, tuple[str, ...]], list[Heard]] = {}
        self._left = count_questions(len(record.candidates), forms, both_orders)
        self._lock = Lock()

    def questions(self) -> Iterator[Question]:
        return questions_of(self.record, self._forms, self._both)

    def add(self, heard: Heard) -> list[Question]:
        """Take one question's reply; the questions that follow from it, for the engine next."""
        with self._lock:
            mine = self._heard.setdefault(heard.question.seat, [])
            assert all(one.question != heard.question for one in mine), "answered twice"
            mine.append(heard)
            # By what was asked, never by what came first.
            mine.sort(key=lambda one: (one.question.draw, len(one.question.said)))
            more = self.follow(heard)
            self._left += len(more) - 1
            return more

    def follow(self, heard: Heard) -> list[Question]:
        """What is to be asked now that ``heard`` is known: nothing, where each question is asked
        once. A kind that asks again (votes, say) says here what and in :meth:`gather` what it
        makes of the replies."""
        return []

    def gather(self, heard: Sequence[Heard]) -> OrderReading:
        """All replies to one question, in the order asked, as one reading."""
        return heard[0].reading

    def notes(self) -> list[str]:
        """What is to be said of how it was asked."""
        return []

    @property
    def whole(self) -> bool:
        """Whether every question was heard."""
        return self._left == 0

    def judgment(self) -> Judgment:
        """The judgment of a record whose every question was heard."""
        assert self.whole, f"{self._left} questions of {self.record.id} are still open"
        seats = [question.seat for question in self.questions()]
        heard = [one for seat in seats for one in self._heard[seat]]
        readings = [self._read(*seat) for seat in seats]
        status, reason = first_reason(readings)
        names = [candidate.id for candidate in self.record.candidates]
        outcome = self.outcome(names, status)
        notes = [note for reading in readings for note in reading.notes] + self.notes()
        if self.calibration is not None and status == "ok":
            notes.append(self.calibration.note)
        header = self.header
        alone = len(names) <= 2
        return Judgment(
            record=self.record.id,
            judge=header.judge,
            family=header.family,
            prompt=header.prompt,
            task=self.record.task,
            mode=header.mode,
            status=status,  # pyright: ignore[reportArgumentType]
            reason=reason,
            **vars(outcome),
            spans=tuple(span for one in heard for span in one.spans),
            notes=tuple(dict.fromkeys(notes)),
            asks=tuple(one.row for one in heard),
            rationale=next((r.rationale for r in readings if r.rationale), None) if alone else None,
            calls=sum(one.calls for one in heard),
            cached=sum(one.cached for one in heard),
            tokens=sum(one.tokens for one in heard),
            seconds=round(math.fsum(one.seconds for one in heard), 6),
            media=self.media,
        )

    def outcome(self, names: list[str], status: str) -> Outcome:
        """The numbers of a judgment of ``names``; ``status`` is the worst of all readings."""
        if self._forms[0].mode == "score":
            return self._of_scores(names, status)
        if len(names) == 2:
            return self._of_pair(names[0], names[1])
        return self._of_group(names, status)

    def readings_of(self, name: str) -> list[OrderReading]:
        """What was heard of one candidate that was asked about alone, form by form."""
        return [self._read(place, (name,)) for place in range(len(self._forms))]

    def _read(self, place: int, order: tuple[str, ...]) -> OrderReading:
        return self.gather(self._heard[place, order])

    def _of_scores(self, names: list[str], status: str) -> Outcome:
        """Each candidate alone: the mean over forms (aspects) where every one was read."""
        scores: Numbers = {}
        dimensions = []
        for name in names:
            mine = self.readings_of(name)
            dimensions += [reading.dimensions for reading in mine]
            if all(reading.status == "ok" for reading in mine):
                scores |= mean_of([reading.scores for reading in mine])
        decided = status == "ok" and len(names) > 1
        return Outcome(
            scores=scores,
            dimensions=mean_dimensions(dimensions),
            winner=argmax(scores) if decided else None,
            ranking=tiers_of(scores) if decided and len(names) > 2 else None,
        )

    def _combined(self, a: str, b: str) -> Combined:
        orders = [(a, b), (b, a)] if self._both else [(a, b)]
        return combine_aspects(
            [
                combine_pair([self._read(place, order) for order in orders], a, b)
                for place in range(len(self._forms))
            ],
            a,
            b,
        )

    def _of_pair(self, a: str, b: str) -> Outcome:
        pair = self._combined(a, b)
        if pair.status != "ok" and self.header.half:
            return Outcome(scores={a: 0.5, b: 0.5}, preference={a: 0.5, b: 0.5, TIE: 0.0})
        pair = self._calibrated(pair, a, b)
        return Outcome(
            scores=pair.scores,
            dimensions=pair.dimensions,
            winner=pair.winner,
            preference=pair.preference,
            confidence=pair.confidence,
            agreement=pair.agreement,
        )

    def _calibrated(self, pair: Combined, a: str, b: str) -> Combined:
        if self.calibration is None:
            return pair
        return calibrated(pair, a, b, self.calibration)

    def _of_group(self, names: list[str], status: str) -> Outcome:
        """All pairs: mean score over a candidate's comparisons (a win rate with half ties).

        Unread comparisons are left out (or count half each); a ranking is given while every
        candidate has at least one, and a winner only where all were read. Calibration enters the
        confidence alone: a mean of calibrated shares may be in another order than one of shares.
        """
        read: list[tuple[tuple[str, str], Combined]] = []
        halves: list[Numbers] = []
        for a, b in combinations(names, 2):
            pair = self._combined(a, b)
            if pair.status == "ok":
                read.append(((a, b), pair))
            elif self.header.half:
                halves.append({a: 0.5, b: 0.5})
        by_name = mean_of([pair.scores for _, pair in read] + halves)
        scores = {name: by_name[name] for name in names if name in by_name}
        ranking = tiers_of(scores) if len(scores) == len(names) else None
        winner = None
        if status == "ok" and ranking:
            winner = ranking[0][0] if len(ranking[0]) == 1 else TIE
        votes = [pair.agreement for _, pair in read if pair.agreement is not None]
        backing = [
            self._calibrated(pair, *names_).preference[winner]
            for names_, pair in read
            if winner in names_
        ]
        return Outcome(
            scores=scores,
            dimensions=mean_dimensions([pair.dimensions for _, pair in read]),
            winner=winner,
            ranking=ranking,
            confidence=math.fsum(backing) / len(backing) if backing else None,
            agreement=sum(votes) / len(votes) if votes else None,
        )


def failed(record: Record, header: Header, status: str, reason: str) -> Judgment:
    """The judgment of a record that could not be asked at all."""
    assert worst([status]) != "ok"
    return Judgment(
        record=record.id,
        judge=header.judge,
        family=header.family,
        prompt=header.prompt,
        task=record.task,
        mode=header.mode,
        status=status,  # pyright: ignore[reportArgumentType]
        reason=reason,
    )
