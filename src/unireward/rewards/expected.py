"""Expected: a score as the mean over the labels a judge could have said, not the likeliest one.

With p_k the probability of label k (a number x_k on the form's scale), renormalised over the
labels: score = sum p_k x_k, and sigma its standard deviation. The probabilities come from one
prefill where the form's choices are numbers, else from one more question for each number of the
reply, everything before it as it was said (:mod:`unireward.families.expect`).

Edge rules: what cannot be asked so (no log-probabilities, no known labels) stays the number that
was said, and a note names it; the reply itself decides the status, as ever. An ask's
``preference`` is then over labels, and is the model's own where a calibration maps them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from unireward.families.expect import number_of, numbers_of_choices, places, rescored
from unireward.rewards.assembly import Assembly, Outcome
from unireward.rewards.combine import Numbers, OrderReading, softmax
from unireward.rewards.question import Question
from unireward.rewards.reading import Heard, hear

if TYPE_CHECKING:
    from unireward.ask import Ask, Reply
    from unireward.families.family import Family
    from unireward.rewards.calibration import Confidence


@dataclass(frozen=True)
class ExpectedReading(OrderReading):
    """One number by its labels: ``preference`` is their probabilities. ``sigma`` is on the
    family's own scale, by dimension."""

    dimension: str = ""
    sigma: Numbers = field(default_factory=dict)


def moments(probabilities: Numbers) -> tuple[float, float]:
    """(mean, standard deviation) of labels that are numbers."""
    pairs = [(number_of(label) or 0.0, p) for label, p in probabilities.items()]
    mean = math.fsum(x * p for x, p in pairs)
    return mean, math.sqrt(max(math.fsum(p * (x - mean) ** 2 for x, p in pairs), 0.0))


def hear_expected(family: Family, question: Question, ask: Ask, reply: Reply) -> Heard:
    """A pointwise reply: by its labels where it was asked by them, else in words."""
    if not ask.choices or reply.error is not None:
        return hear(family, question, ask, reply)
    found: Numbers = {}
    if reply.choices is not None and set(ask.choices) <= set(reply.choices):
        kept = {c.removeprefix(question.said): reply.choices[c] for c in ask.choices}
        found = softmax(kept)
    if not found:
        if question.dimension is None:
            heard = hear(family, question, replace(ask, choices=()), replace(reply, choices=None))
            reading = replace(heard.reading, notes=(*heard.reading.notes, _untaken("score", "")))
            return Heard(question, reading, reply)
        reason = "the engine gave no log-probabilities of the labels"
        return Heard(question, OrderReading(question.order, "error", reason), reply)
    name = question.dimension or next(iter(question.form.scales))
    reading = _of_labels(question, name, found, reply.notes)
    return Heard(question, reading, reply)


def _of_labels(
    question: Question, name: str, found: Numbers, notes: tuple[str, ...] = ()
) -> ExpectedReading:
    (who,) = question.order
    mean, spread = moments(found)
    scale = question.form.scales[name]
    return ExpectedReading(
        question.order,
        preference=found,
        dimensions={name: {who: mean}},
        scores={who: (mean - scale.low) / (scale.high - scale.low)},
        notes=notes,
        dimension=name,
        sigma={name: spread},
    )


def _untaken(name: str, why: str) -> str:
    return f"the {name} is the likeliest one, not the expected{f': {why}' if why else ''}"


class Expecting(Assembly):
    """An assembly that asks for the numbers of a reply once more. ``labels`` gives the ways a
    question's dimension may be written."""

    def __init__(
        self, *given: Any, labels: Callable[[Question], tuple[str, ...]], **named: Any
    ) -> None:
        super().__init__(*given, **named)
        self._labels = labels

    def follow(self, heard: Heard) -> list[Question]:
        question, reading = heard.question, heard.reading
        labelled = question.dimension is not None or numbers_of_choices(question.form)
        if labelled or reading.status != "ok":
            return []
        text = heard.row.reply or ""
        said = {name: row[question.order[0]] for name, row in reading.dimensions.items()}
        more = []
        for name, start in places(text, said).items():
            asked = replace(question, said=text[:start], dimension=name)
            labels = self._labels(asked)
            if len(labels) > 1 and text[start:].startswith(labels):
                more.append(asked)
        return more

    def gather(self, heard: Sequence[Heard]) -> OrderReading:
        first, *more = heard
        reading = first.reading
        if isinstance(reading, ExpectedReading):
            return self._mapped(first)
        form = first.question.form
        if reading.status != "ok" or numbers_of_choices(form):
            return reading  # its labels were asked for already, or it says nothing
        (who,) = reading.order
        said = {name: row[who] for name, row in reading.dimensions.items()}
        values, spread, notes = dict(said), {}, []
        for one in more:
            name = one.question.dimension or ""
            if isinstance(one.reading, ExpectedReading):
                found = self._mapped(one)
                values[name], spread[name] = found.dimensions[name][who], found.sigma[name]
            else:
                notes.append(_untaken(name, one.reading.reason or ""))
        asked = {one.question.dimension for one in more}
        notes += [_untaken(name, "its labels are not known") for name in said if name not in asked]
        score = rescored(form, said, reading.scores[who], values)
        if score is None:
            notes.append(_untaken("score", "the family makes it in a way of its own"))
        return ExpectedReading(
            reading.order,
            scores=reading.scores if score is None else {who: score},
            dimensions={name: {who: value} for name, value in values.items()},
            rationale=reading.rationale,
            notes=(*reading.notes, *notes),
            sigma=spread,
        )

    def _mapped(self, heard: Heard) -> ExpectedReading:
        reading = heard.reading
        assert isinstance(reading, ExpectedReading)
        if self.calibration is None:
            return reading
        return _of_labels(
            heard.question,
            reading.dimension,
            mapped(reading.preference, self.calibration),
            reading.notes,
        )

    def outcome(self, names: list[str], status: str) -> Outcome:
        """``sigma`` is of the score, in [0, 1], where one number makes it."""
        found = super().outcome(names, status)
        sigma: Numbers = {}
        for name in names:
            for reading in self.readings_of(name):
                scale = self._forms[0].scales.get("overall")
                if len(self._forms) == 1 and isinstance(reading, ExpectedReading):
                    spread = reading.sigma.get("overall")
                    if spread is not None and scale is not None and name in found.scores:
                        sigma[name] = spread / (scale.high - scale.low)
        return replace(found, sigma=sigma)


def mapped(probabilities: Numbers, by: Confidence) -> Numbers:
    """Label probabilities after a calibration."""
    found = by.map([list(probabilities.values())])[0]
    return dict(zip(probabilities, map(float, found)))
