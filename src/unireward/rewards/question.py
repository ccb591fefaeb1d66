"""Question: which form is asked of which candidates in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from unireward.families.spec import Form
from unireward.record import Record
from unireward.stats.winrate import comparisons_of


@dataclass(frozen=True)
class Question:
    """``order`` holds candidate ids as they are shown (one for score, two for a pair).

    ``place`` is the form's place among those asked; with ``order`` it tells questions apart.
    A question may be asked again: ``draw`` counts the votes on it (0 is the first), ``said`` is
    the beginning of its own reply where the rest is asked for once more, for ``dimension``.
    """

    place: int
    order: tuple[str, ...]
    form: Form = field(compare=False)
    draw: int = 0
    said: str = ""
    dimension: str | None = None

    @property
    def seat(self) -> tuple[int, tuple[str, ...]]:
        """What all askings of the question share."""
        return self.place, self.order

    @property
    def label(self) -> str | None:
        """What an ask row calls the form: its name and aspect, None for the only one."""
        return "/".join(part for part in (self.form.name, self.form.aspect) if part) or None


def questions_of(record: Record, forms: Sequence[Form], both_orders: bool) -> Iterator[Question]:
    """Every question that judging ``record`` by ``forms`` asks, lazily, in a fixed order.

    Pairs come candidate by candidate, both orders of a pair side by side, so that an engine
    that remembers encoded images meets the same ones again soon.
    """
    names = [candidate.id for candidate in record.candidates]
    if forms[0].mode == "score":
        for name in names:
            for place, form in enumerate(forms):
                yield Question(place, (name,), form)
        return
    for a, b in combinations(names, 2):
        for place, form in enumerate(forms):
            yield Question(place, (a, b), form)
            if both_orders:
                yield Question(place, (b, a), form)


def count_questions(candidates: int, forms: Sequence[Form], both_orders: bool) -> int:
    """How many questions :func:`questions_of` yields."""
    if forms[0].mode == "score":
        return candidates * len(forms)
    return comparisons_of(candidates) * len(forms) * (2 if both_orders else 1)
