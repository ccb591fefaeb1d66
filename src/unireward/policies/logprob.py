"""LogProb: how likely a policy finds an answer that it, or somebody else, gave.

::

    found = policy.logprob(records)[0]["a"]
    found.sum, found.tokens, found.mean         # of the whole answer and the end of its turn

The answer is read after its prompt exactly as training has both, so these are the numbers that a
reference model or an importance ratio needs. Only candidates of words can be read; what cannot
is a state with its reason, and has no number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from unireward.ask import Ask
from unireward.engines.cached import CachedEngine
from unireward.errors import InputError, UsageError
from unireward.policies.asking import Showing, plain_ask
from unireward.protocols import Engine
from unireward.record import Candidate, Record

WINDOW = 64
"""Records looked at together to find like lengths."""


@dataclass(frozen=True)
class LogProb:
    """``sum`` of the natural log-probabilities of ``tokens`` tokens, the end of the turn among
    them; ``each`` token's where they were asked for. ``sum`` is None where ``reason`` says why
    the answer could not be read."""

    sum: float | None
    tokens: int = 0
    each: tuple[float, ...] | None = None
    reason: str | None = None

    @property
    def mean(self) -> float | None:
        """A token's."""
        return None if self.sum is None else self.sum / self.tokens


def logprobs(
    engine: Engine, records: Iterable[Record], showing: Showing, *, per_token: bool = False
) -> Iterator[dict[str, LogProb]]:
    """Of each record's candidates, streaming. Raises UsageError for an engine that cannot."""
    reads: Any = engine.engine if isinstance(engine, CachedEngine) else engine
    if not hasattr(reads, "reply_logps"):
        raise UsageError(
            f"log-probabilities of answers need transformers, and this policy runs on an engine "
            f"of kind {engine.kind!r}; load it from a folder or a hub id"
        )
    return _streamed(reads, records, showing, per_token)


@dataclass(frozen=True)
class _Question:
    """A record on its way: what is asked (None: nothing), the answers to be read, and why the
    other candidates are none."""

    names: tuple[str, ...]
    ask: Ask | None
    answers: dict[str, str]
    faults: dict[str, str]


def _streamed(
    reads: Any, records: Iterable[Record], showing: Showing, per_token: bool
) -> Iterator[dict[str, LogProb]]:
    records = iter(records)
    while window := [_question(record, showing) for record in islice(records, WINDOW)]:
        asked = [(one.ask, [*one.answers.values()]) for one in window if one.ask is not None]
        read = iter(reads.reply_logps(asked))
        for one in window:
            found = dict(zip(one.answers, next(read))) if one.ask is not None else {}
            found |= one.faults
            yield {name: _logprob(found[name], per_token) for name in one.names}


def _question(record: Record, showing: Showing) -> _Question:
    names = tuple(candidate.id for candidate in record.candidates)
    faults = {c.id: reason for c in record.candidates if (reason := _fault(c)) is not None}
    # Without the white space around it, as training has an answer.
    answers = {c.id: c.text.strip() for c in record.candidates if c.id not in faults}
    try:
        record.check_askable()
        ask = plain_ask(record.prompt, showing) if answers else None
    except InputError as error:
        return _Question(names, None, {}, dict.fromkeys(names, str(error)))
    return _Question(names, ask, answers, faults)


def _fault(candidate: Candidate) -> str | None:
    if any(part.type != "text" for part in candidate.content):
        return "is no text"
    return None if candidate.text.strip() else "empty"


def _logprob(read: list[float] | str, per_token: bool) -> LogProb:
    if isinstance(read, str):
        return LogProb(None, reason=read)
    return LogProb(math.fsum(read), len(read), tuple(read) if per_token else None)
