"""FailurePolicy: what the caller wants done with a reply that could not be read.

==========  ======================================================================
``keep``    the judgment stays in the list (a row), with its status and reason
``drop``    judgments that are not ``ok`` are left out
``half``    an unread comparison counts half a win each; the status stays as it is
``retry:N`` ask up to N more times, then keep
``stop``    raise :class:`StoppedError` at the first one
==========  ======================================================================

A retry that repeated a greedy question would get the same answer, so it asks otherwise: a
truncated reply gets twice the tokens, an unreadable or refused one is sampled at temperature 0.7
with a seed of its own; an engine error alone is asked again as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, get_args

from unireward.ask import Ask
from unireward.errors import UnirewardError, UsageError

Kind = Literal["keep", "drop", "half", "retry", "stop"]
RETRY_TEMPERATURE = 0.7
MAX_RETRIES = 100


class StoppedError(UnirewardError, RuntimeError):
    """A judgment was not ``ok`` and the policy is ``stop``. Everything before it was given."""


@dataclass(frozen=True)
class FailurePolicy:
    """One of the table above; ``retries`` is N of ``retry:N`` and 0 otherwise."""

    kind: Kind = "keep"
    retries: int = 0

    @classmethod
    def parse(cls, text: str | FailurePolicy) -> FailurePolicy:
        """From ``keep``, ``drop``, ``half``, ``retry:N`` or ``stop``; UsageError otherwise."""
        if isinstance(text, FailurePolicy):
            return text
        kind, _, count = text.partition(":")
        if kind == "retry" and count.isdecimal() and 1 <= int(count) <= MAX_RETRIES:
            return cls("retry", int(count))
        if kind not in get_args(Kind) or kind == "retry" or count:
            raise UsageError(
                f"on-failure is {text!r}; use keep, drop, half, retry:N (1 to {MAX_RETRIES}) "
                "or stop"
            )
        return cls(kind)  # pyright: ignore[reportArgumentType]

    def __str__(self) -> str:
        return f"retry:{self.retries}" if self.kind == "retry" else self.kind


def asked_again(ask: Ask, status: str, attempt: int) -> Ask:
    """``ask`` as it is put for the ``attempt``-th time more (1, 2, ...), after ``status``."""
    if status == "error" or attempt == 0:
        return ask
    sampling = ask.sampling
    if status == "truncated":
        return replace(ask, sampling=replace(sampling, max_tokens=sampling.max_tokens * 2))
    sampling = replace(
        sampling,
        temperature=max(sampling.temperature, RETRY_TEMPERATURE),
        seed=sampling.seed + attempt,
    )
    return replace(ask, sampling=sampling)
