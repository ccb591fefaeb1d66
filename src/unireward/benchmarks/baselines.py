"""Baselines: the same records judged by what sees less, or nothing.

Text-only and image-only are the judge itself, shown less and in one order: what it then sees of
a pair is often twice the same and would always tie in both. ``longer`` and ``majority`` look at
no record. A baseline's tie counts half, as a coin would.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from unireward.benchmarks.benchmark import EVEN, Truth
from unireward.benchmarks.shown_less import without_media, words_passed_on
from unireward.record import TIE, Record
from unireward.stats import Estimate, longer, majority


def whole(records: Iterable[Record]) -> Iterator[Record]:
    yield from records


def text_only(records: Iterable[Record]) -> Iterator[Record]:
    """Every picture and clip is plain grey."""
    return map(without_media, records)


def image_only(records: Iterable[Record]) -> Iterator[Record]:
    """Every prompt's words are the next record's."""
    return words_passed_on(records)


Shown = Callable[[Iterable[Record]], Iterator[Record]]
WHOLE = "whole"
SHOWN: Mapping[str, Shown] = {WHOLE: whole, "text_only": text_only, "image_only": image_only}
BLIND = ("text_only", "image_only")
BASELINES = (*BLIND, "longer", "majority")


def blind_accuracy(winners: Sequence[str | None], truths: Sequence[Truth]) -> Estimate | None:
    """Of a judge shown less."""
    return EVEN.accuracy(winners, [truth.winner for truth in truths])


def idle_accuracies(truths: Sequence[Truth]) -> dict[str, Estimate]:
    """Of the longer candidate (answer, or file), and of the commonest place of the better one."""
    ids = [truth.ids for truth in truths]
    winners = [truth.winner for truth in truths]
    sure = [None if winner == TIE else winner for winner in winners]
    said = {
        "longer": longer(ids, [truth.lengths for truth in truths]),
        "majority": majority(ids, sure),
    }
    found = {name: EVEN.accuracy(answers, winners) for name, answers in said.items()}
    return {name: got for name, got in found.items() if got is not None}
