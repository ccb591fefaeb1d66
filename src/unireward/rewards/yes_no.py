"""YesNoReward: a VLM asked a yes-or-no question about each candidate; the score is P(yes).

After VQAScore (arXiv 2404.01291): score = p(yes) / (p(yes) + p(no)), each summed over the ways a
model may write the word (``yes``, ``Yes``, with a space before). It needs no training and any
engine that can choose; one that cannot is read in words, a plain yes being 1 and a plain no 0.

``raw`` is the log odds log p(yes) - log p(no), cut to +-40 (where the probability is 0 or 1 in
double precision); two candidates compare by the difference of theirs, so that P(a beats b) is the
probability that a is right and b is not, given that one of them is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError
from unireward.families.head.parse import logistic
from unireward.families.numbers import Unread
from unireward.families.yes_no.parse import NO, YES, answer_of
from unireward.record import Record
from unireward.rewards.scorer import ScoreReading, ScorerReward

if TYPE_CHECKING:
    from unireward.ask import Ask, Reply
    from unireward.families.family import Family
    from unireward.protocols import Engine
    from unireward.rewards.question import Question

LIMIT = 40.0
CHOOSE = "choose"
IN_WORDS = "answered in words: the engine gives no probabilities of yes and no"


class YesNoReward(ScorerReward):
    """The probability of a yes. The family's forms hold the question."""

    def __init__(self, engine: Engine, family: Family | str = "yes-no", **options: Any) -> None:
        super().__init__(engine, family, **options)
        self.variants = variants(engine)

    @property
    def identity(self) -> dict[str, Any]:
        return {**super().identity, "choose": CHOOSE in self.engine.capabilities}

    def ask(self, record: Record, question: Question) -> Ask:
        ask = super().ask(record, question)
        if CHOOSE in self.engine.capabilities:
            ask = replace(ask, choices=(*self.variants[YES], *self.variants[NO]))
        if self.seed:
            ask = replace(ask, sampling=replace(ask.sampling, seed=self.seed))
        return ask

    def read(self, question: Question, ask: Ask, reply: Reply) -> ScoreReading:
        order, notes = question.order, reply.notes
        odds = self._odds(reply)
        if odds is None:
            said = self.family.read(
                question.form, reply.text, finish_reason=reply.finish_reason, prompt=ask.text
            )
            if said.status != "ok":
                return ScoreReading(order, said.status, said.reason, notes=notes)
            try:
                odds = LIMIT if answer_of(reply.text or "", ask.text) == YES else -LIMIT
            except Unread as unread:
                return ScoreReading(order, "unparsed", unread.reason, notes=notes)
            notes = (*notes, IN_WORDS)
        name = question.form.aspect or YES
        dimensions = {name: {order[0]: logistic(odds)}}
        return ScoreReading(order, dimensions=dimensions, notes=notes, raw=odds)

    def _odds(self, reply: Reply) -> float | None:
        """Log odds of yes, None where the reply holds no probabilities of both."""
        if reply.choices is None or reply.finish_reason in ("length", "content_filter"):
            return None
        yes, no = (_sum(reply.choices, self.variants[word]) for word in (YES, NO))
        if yes == no == -math.inf or math.isnan(yes) or math.isnan(no):
            return None
        return min(max(yes - no, -LIMIT), LIMIT)


def variants(engine: Engine) -> dict[str, tuple[str, ...]]:
    """How yes and no may be written, so that no two ways are the same tokens.

    With a tokenizer at hand those that it knows and writes apart; a server is asked for words as
    they begin a reply, where a space before changes nothing; a script for the plain words.
    InputError where a tokenizer does not know one.
    """
    inner: Any = getattr(engine, "engine", engine)
    tokenizer = getattr(getattr(inner, "processor", None), "tokenizer", None)
    if tokenizer is None:
        both = engine.kind == "openai"
        return {word: (word, word.capitalize()) if both else (word,) for word in (YES, NO)}
    found: dict[str, tuple[str, ...]] = {}
    for word in (YES, NO):
        ways: dict[tuple[int, ...], str] = {}
        for space in ("", " "):
            for text in (word, word.capitalize(), word.upper()):
                ids = tuple(tokenizer(space + text, add_special_tokens=False).input_ids)
                if ids and tokenizer.unk_token_id not in ids:
                    ways.setdefault(ids, space + text)
        if not ways:
            raise InputError(
                f"{engine.name}: its tokenizer does not know the word {word!r}; it cannot be "
                "asked yes or no"
            )
        found[word] = tuple(ways.values())
    return found


def _sum(logprobs: dict[str, float], texts: Sequence[str]) -> float:
    """Log of the summed probabilities of those of ``texts`` that are there."""
    return logsumexp(logprobs[text] for text in texts if text in logprobs)


def logsumexp(values: Iterable[float]) -> float:
    listed = list(values)
    top = max(listed, default=-math.inf)
    if math.isinf(top) or math.isnan(top):
        return top
    return top + math.log(math.fsum(math.exp(value - top) for value in listed))
