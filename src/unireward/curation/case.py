"""Case: one prompt on its way through the steps, with everything that was found on it.

Nothing is ever taken out of a case: a candidate that cannot be used is named in ``left_out``, a
pair or a whole case that a step refuses is marked :class:`Dropped` by it. So each step can be
counted, looked at and undone, and what a step saw can be told afterwards from the case alone::

    case = Case(prompt=prompt)
    case.dropped                    # None while it lives
    case.kept                       # its pairs that no step dropped
    case.record(["a", "b"])         # a Record of two candidates, for a judge

The models here are the lines of the journals that resumed runs go on from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import Field, FiniteFloat, model_validator

from unireward.prompt import Prompt
from unireward.record import Candidate, Label, Record, Row

SUPERSEDED = "paired anew"
"""Why a pair is dropped whose prompt was given other pairs by a later step."""


class Dropped(Row):
    """Which step refused it, and why: ``reason`` is one of few and counted, ``detail`` is of this
    one alone."""

    step: str
    reason: str
    detail: str | None = None

    def __str__(self) -> str:
        return f"{self.reason} ({self.detail})" if self.detail else self.reason


class Pair(Row):
    """Two candidates and which is better. ``winner`` is None where nobody could say: a tie, or a
    judgment that was not read; such a pair is always dropped, with that reason.

    ``margin`` is the winner's score less the loser's, or its probability less the loser's, 0 to
    1; ``confidence`` the judge's probability of the verdict; ``agreement`` whether both orders
    gave it. ``marks`` is what each step says of the pair, by step.
    """

    between: tuple[str, str]
    winner: str | None = None
    step: str
    margin: FiniteFloat | None = None
    confidence: FiniteFloat | None = None
    agreement: bool | None = None
    marks: dict[str, dict[str, Any]] = Field(default_factory=dict)
    dropped: Dropped | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Pair:
        one, other = self.between
        if one == other or self.winner not in (one, other, None):
            raise ValueError(f"winner {self.winner!r} of {one!r} and {other!r}; give one of two")
        if self.winner is None and self.dropped is None:
            raise ValueError(f"{one!r} and {other!r} have no winner; say why in dropped")
        return self

    @property
    def sides(self) -> tuple[str, str]:
        """Winner and loser of a pair that is decided."""
        assert self.winner is not None, "a pair without a winner was kept"
        return self.winner, self.between[1] if self.winner == self.between[0] else self.between[0]

    def without(self, step: str, reason: str, detail: str | None = None) -> Pair:
        """The pair dropped by a step."""
        return self.model_copy(update={"dropped": Dropped(step=step, reason=reason, detail=detail)})

    def marked(self, step: str, said: Mapping[str, Any]) -> Pair:
        return self.model_copy(update={"marks": {**self.marks, step: dict(said)}})


class Scored(Row):
    """Point scores: ``scores`` in [0, 1], ``dimensions`` (name -> candidate -> number) in the
    family's own ranges, which ``scales`` gives."""

    step: str
    scores: dict[str, FiniteFloat] = Field(default_factory=dict)
    dimensions: dict[str, dict[str, FiniteFloat]] = Field(default_factory=dict)
    scales: dict[str, tuple[FiniteFloat, FiniteFloat]] = Field(default_factory=dict)


class Case(Row):
    """See the module docstring. ``sampled`` is how candidates were made (policy, seeds, settings),
    ``left_out`` candidates that are out and why, ``truth`` what a checker says of candidates
    (higher is better), ``said`` each step's own report; ``label`` is that of the input, which
    nothing but a checker looks at."""

    prompt: Prompt
    candidates: tuple[Candidate, ...] = ()
    label: Label | None = None
    sampled: dict[str, Any] = Field(default_factory=dict)
    left_out: dict[str, Dropped] = Field(default_factory=dict)
    scored: Scored | None = None
    pairs: tuple[Pair, ...] = ()
    truth: dict[str, FiniteFloat] = Field(default_factory=dict)
    said: dict[str, dict[str, Any]] = Field(default_factory=dict)
    dropped: Dropped | None = None

    @classmethod
    def of(cls, record: Record) -> Case:
        """The case of a record that has its candidates already."""
        return cls(prompt=Prompt.of(record), candidates=record.candidates, label=record.label)

    @property
    def id(self) -> str:
        return self.prompt.id

    @property
    def alive(self) -> bool:
        return self.dropped is None

    @property
    def kept(self) -> tuple[Pair, ...]:
        """The pairs that no step dropped; none of a case that was."""
        return tuple(pair for pair in self.pairs if pair.dropped is None and self.alive)

    @property
    def names(self) -> list[str]:
        """Candidates that are not left out, in their order."""
        return [c.id for c in self.candidates if c.id not in self.left_out]

    def candidate(self, name: str) -> Candidate:
        return next(candidate for candidate in self.candidates if candidate.id == name)

    def record(self, names: Sequence[str] | None = None) -> Record:
        """A record of these candidates (all that are not left out), without any label, to be
        judged: ids of pairs name the pair."""
        chosen = self.names if names is None else list(names)
        record = self.prompt.with_candidates([self.candidate(name) for name in chosen])
        if names is None:
            return record
        return record.model_copy(update={"id": f"{self.id} {'-'.join(names)}"})

    # A case after a step ------------------------------------------------------------------------

    def drop(self, step: str, reason: str, detail: str | None = None) -> Case:
        return self.model_copy(update={"dropped": Dropped(step=step, reason=reason, detail=detail)})

    def say(self, step: str, report: Mapping[str, Any]) -> Case:
        return self.model_copy(update={"said": {**self.said, step: dict(report)}})

    def leave_out(self, step: str, reasons: Mapping[str, str]) -> Case:
        """Without these candidates, each for its reason."""
        out = {name: Dropped(step=step, reason=reason) for name, reason in reasons.items()}
        return self.model_copy(update={"left_out": {**self.left_out, **out}})

    def with_pairs(self, step: str, pairs: Iterable[Pair]) -> Case:
        """With these for its pairs; dropped by ``step`` where none of them is left."""
        case = self.model_copy(update={"pairs": tuple(pairs)})
        if case.kept:
            return case
        mine = [
            pair.dropped
            for pair in case.pairs
            if pair.dropped and pair.dropped.step == step and pair.dropped.reason != SUPERSEDED
        ]
        reasons = Counter(dropped.reason for dropped in mine)
        if len(reasons) == 1:
            return case.drop(step, mine[0].reason, mine[0].detail if len(mine) == 1 else None)
        told = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items()))
        return case.drop(step, "no pair is left", told or None)

    def paired_anew(self, step: str, pairs: Iterable[Pair]) -> Case:
        """With these pairs in place of those before, which stay as dropped by ``step``."""
        return self.with_pairs(step, [*self.superseded(step), *pairs])

    def superseded(self, step: str) -> tuple[Pair, ...]:
        """The pairs there are, the kept ones dropped by ``step``."""
        return tuple(
            pair.without(step, SUPERSEDED) if pair.dropped is None else pair for pair in self.pairs
        )
