"""Step: what all steps share, and how several become one.

A step has a ``name`` (what provenance and counts call it), an ``identity`` (what a resumed run
must find the same) and ``most`` (the most that may come of a case, from which calls are counted
before any is made). Three shapes exist: whatever makes candidates, a :class:`JudgedStep` that
asks a judge about each case, and a :class:`PairFilter` that finds fault with pairs.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from unireward.curation.case import Case, Pair
from unireward.curation.judged import judge_said, judged
from unireward.errors import UsageError
from unireward.record import Record

if TYPE_CHECKING:
    from unireward.judgment import Judgment

Chain = Callable[[Iterable[Case]], Iterator[Case]]


class Step(ABC):
    """``name`` may be set anew where two steps of a kind follow each other (:func:`chain`)."""

    name: str
    costly: bool = False
    """Whether what it does is worth writing into a journal as it is done."""

    @property
    def identity(self) -> dict[str, Any]:
        """JSON of everything that could change what the step does."""
        return {}

    def most(self, case: Case) -> Case:
        """The case with the most that this step may leave for those behind it to do."""
        return case

    @abstractmethod
    def __call__(self, cases: Iterable[Case]) -> Iterator[Case]:
        """Each case after this step, in order, those that were dropped before untouched."""


class JudgedStep(Step):
    """Asks ``judge`` about the records of ``asked`` and makes of the judgments what ``told``
    says."""

    judge: Any
    mode: str
    costly = True

    @abstractmethod
    def asked(self, case: Case) -> list[Record]:
        """What is judged of a living case; none, where there is nothing to judge."""

    @abstractmethod
    def told(self, case: Case, judgments: Sequence[Judgment]) -> Case:
        """The case after its judgments, one for each record asked."""

    def __call__(self, cases: Iterable[Case]) -> Iterator[Case]:
        for case, judgments in judged(cases, self.asked, self.judge, self.mode):
            if not case.alive:
                yield case
                continue
            after = self.told(case, judgments)
            yield after.say(self.name, judge_said(judgments) | after.said.get(self.name, {}))


class CaseStep(Step):
    """Sees one living case at a time."""

    @abstractmethod
    def each(self, case: Case) -> Case:
        """A living case after this step."""

    def __call__(self, cases: Iterable[Case]) -> Iterator[Case]:
        for case in cases:
            yield self.each(case) if case.alive else case


class PairFilter(CaseStep):
    """Drops the pairs that ``fault`` names a reason for."""

    @abstractmethod
    def fault(self, case: Case, pair: Pair) -> tuple[str, str | None] | None:
        """The reason and its detail, None for a pair that may stay."""

    def each(self, case: Case) -> Case:
        """A living case without its faulty pairs."""
        pairs = []
        for pair in case.pairs:
            found = self.fault(case, pair) if pair.dropped is None else None
            pairs.append(pair.without(self.name, *found) if found else pair)
        return case.with_pairs(self.name, pairs)


def outside(
    what: str, value: float | None, low: float, high: float, less: str, more: str
) -> tuple[str, str | None] | None:
    """A pair's fault where its ``what`` is not in ``low`` to ``high``."""
    if value is None:
        return f"has no {what}", None
    if value < low:
        return f"{what} is too {less}", f"{value:.3g} under {low:g}"
    if value > high:
        return f"{what} is too {more}", f"{value:.3g} over {high:g}"
    return None


def chain(steps: Sequence[Step]) -> Chain:
    """The steps one after another as one, each with a name of its own (``margin``, ``margin-2``).

    Raises UsageError for no step.
    """
    named(steps)

    def run(cases: Iterable[Case]) -> Iterator[Case]:
        for step in steps:
            cases = step(cases)
        return iter(cases)

    return run


def named(steps: Sequence[Step]) -> None:
    """Give a step whose name was taken before it one of its own."""
    if not steps:
        raise UsageError("curation has no step; give one, such as pair_rank")
    seen: set[str] = set()
    for step in steps:
        name, number = step.name, 1
        while step.name in seen:
            number += 1
            step.name = f"{name}-{number}"
        seen.add(step.name)
