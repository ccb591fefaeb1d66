"""Verify: where the truth can be computed, it is written down beside what the judge said.

::

    Verify("my_package.checks:count_circles")        # f(record) -> {candidate id: number}
    Verify("labels")                                 # the labels that the input's records have

A checker gives each candidate a number, higher is better (a boolean is 0 or 1), and leaves out
whom it cannot say. What it says goes into ``truth`` and ``meta``, to measure the pairs by
(:mod:`unireward.curation.measure`); it chooses nothing, unless ``select`` says so: then pairs
whose winner is not truly better are dropped.

Edge rules: a checker that raises, or gives what is no number, leaves the truth of that prompt
unknown, which is counted with its reason; an unknown truth under ``select`` drops the pair.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from unireward.curation.case import Case, Pair
from unireward.curation.step import PairFilter
from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.media.source import one_line
from unireward.record import Label, Record

LABELS = "labels"
Checker = Callable[[Record], Mapping[str, float]]


class Verify(PairFilter):
    """``checker`` is ``labels``, ``module:name`` or the function itself. InputError for a name
    that names no function."""

    name = "verify"
    costly = True

    def __init__(self, checker: str | Checker, *, select: bool = False) -> None:
        self.select = select
        self.said = checker if isinstance(checker, str) else checker.__qualname__
        self._checker: Checker | None = None
        if checker != LABELS:
            found = resolve(checker, "verify.checker") if isinstance(checker, str) else checker
            if not callable(found):
                raise InputError(f"verify.checker: {checker} is no function; name one")
            self._checker = cast(Checker, found)

    @property
    def identity(self) -> dict[str, Any]:
        return {"checker": self.said, "select": self.select}

    def each(self, case: Case) -> Case:
        reason = None
        try:
            truth = _numbers(self._truth(case), case.names)
        except Exception as error:  # whatever a stranger's function raises is this prompt's alone
            truth, reason = {}, one_line(error)
        statuses = {"ok" if truth else "error" if reason else "unknown": 1}
        report = {"statuses": statuses, "reason": reason} if reason else {"statuses": statuses}
        case = case.model_copy(update={"truth": truth}).say(self.name, report)
        pairs = [self._marked(pair, truth) for pair in case.pairs]
        case = case.model_copy(update={"pairs": tuple(pairs)})
        return super().each(case) if self.select and case.kept else case

    def _truth(self, case: Case) -> Mapping[str, Any]:
        if self._checker is not None:
            return self._checker(case.record())
        return truth_of_label(case.label) if case.label is not None else {}

    def _marked(self, pair: Pair, truth: Mapping[str, float]) -> Pair:
        known = {name: truth[name] for name in pair.between if name in truth}
        return pair.marked(self.name, {"truth": known}) if len(known) == 2 else pair

    def fault(self, case: Case, pair: Pair) -> tuple[str, str | None] | None:
        if not set(pair.sides) <= set(case.truth):
            return "truth is not known", None
        better, worse = (case.truth[name] for name in pair.sides)
        told = f"{better:g} against {worse:g}"
        return None if better > worse else ("winner is not truly better", told)


def truth_of_label(label: Label) -> dict[str, float]:
    """A number for each candidate: its ``overall`` score, else its share of the votes, else its
    place in the ranking (0 for the best, then -1, ...); of candidates it says nothing of, none."""
    scores = {
        name: dimensions["overall"]
        for name, dimensions in (label.scores or {}).items()
        if "overall" in dimensions
    }
    if scores:
        return scores
    if label.preference:
        return dict(label.preference)
    return {name: -float(at) for at, tier in enumerate(label.ranking or ()) for name in tier}


def _numbers(said: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    if not isinstance(said, Mapping):
        raise InputError(f"gave {type(said).__name__}; return {{candidate id: number}}")
    known = set(names)
    found = {}
    for name, value in said.items():
        number = float(value)
        if not math.isfinite(number):
            raise InputError(f"gave {value!r} for {name}; leave out what is not known")
        if name in known:
            found[name] = number
    return found
