"""From an engine's Reply to an OrderReading: whose words are whose, and what was not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from unireward.ask import Ask, Reply
from unireward.families.spec import Reading
from unireward.judgment import AskRow
from unireward.record import TIE, Span
from unireward.rewards.combine import OrderReading, softmax
from unireward.rewards.question import Question

if TYPE_CHECKING:
    from unireward.families.family import Family

SHOWN = ("1", "2")
"""What a family calls the candidates, in the order shown."""


class Heard:
    """One question's reply: how it was read, and the row that will say so."""

    __slots__ = ("cached", "calls", "question", "reading", "row", "seconds", "spans", "tokens")

    def __init__(
        self,
        question: Question,
        reading: OrderReading,
        reply: Reply,
        spans: tuple[Span, ...] = (),
        *,
        calls: int = 1,
    ) -> None:
        self.question = question
        self.reading = reading
        self.spans = spans
        self.calls = calls
        self.cached = int(reply.cached)
        self.tokens = reply.prompt_tokens + reply.tokens
        self.seconds = reply.seconds
        self.row = AskRow(
            candidates=question.order,
            form=question.label,
            status=reading.status,  # pyright: ignore[reportArgumentType]
            reason=reading.reason,
            preference=reading.preference,
            dimensions=reading.dimensions,
            reply=reply.text,
            finish_reason=reply.finish_reason,
        )

    def after(self, earlier: Heard) -> Heard:
        """This reply as the one that counts after ``earlier`` failed: the costs of both."""
        self.calls += earlier.calls
        self.cached += earlier.cached
        self.tokens += earlier.tokens
        self.seconds += earlier.seconds
        return self


def hear(family: Family, question: Question, ask: Ask, reply: Reply) -> Heard:
    """Read ``reply``; every failure becomes a status with its reason."""
    if reply.error is not None:
        reading = OrderReading(question.order, "error", reply.error, notes=reply.notes)
        return Heard(question, reading, reply)
    chosen = _chosen(question, reply)
    if chosen is not None:
        return Heard(question, chosen, reply)
    if reply.text is None:
        reading = OrderReading(question.order, "error", "the engine gave neither text nor choices")
        return Heard(question, reading, reply)
    said = family.read(
        question.form,
        reply.text,
        finish_reason=reply.finish_reason or "stop",
        prompt=ask.text,
    )
    spans = tuple(
        span.model_copy(update={"candidate": _named(question.order).get(span.candidate)})
        for span in said.spans
        if span.candidate in _named(question.order)
    )
    return Heard(question, _of_words(question, said, reply.notes), reply, spans)


def unasked(question: Question, reason: str) -> Heard:
    """A question that could not be put at all (missing media, say): no call was spent."""
    reading = OrderReading(question.order, "error", reason)
    return Heard(question, reading, Reply(), calls=0)


def _named(order: tuple[str, ...]) -> dict[str, str]:
    return dict(zip(SHOWN, order))


def _chosen(question: Question, reply: Reply) -> OrderReading | None:
    """The verdict of label log-probabilities, None where there are none to go by."""
    labels = question.form.choices
    if reply.choices is None or question.form.mode != "rank" or not labels:
        return None
    if not set(labels) <= set(reply.choices):
        return None
    if reply.finish_reason in ("length", "content_filter"):
        return None  # the family's reader says which failure that is
    keys = (*question.order, TIE)
    logprobs = {key: reply.choices[label] for key, label in zip(keys, labels)}
    preference = softmax(logprobs)
    if not preference:
        return None
    return OrderReading(question.order, preference=preference, logprobs=logprobs, notes=reply.notes)


def _of_words(question: Question, said: Reading, notes: tuple[str, ...]) -> OrderReading:
    names = _named(question.order)
    if said.status != "ok":
        return OrderReading(question.order, said.status, said.reason, notes=(*said.notes, *notes))
    keys = {**names, TIE: TIE}
    return OrderReading(
        question.order,
        preference={keys[key]: value for key, value in said.preference.items()},
        scores={names[key]: value for key, value in said.scores.items()},
        dimensions={
            name: {names[key]: value for key, value in row.items()}
            for name, row in said.dimensions.items()
        },
        rationale=said.rationale,
        notes=(*said.notes, *notes),
    )
