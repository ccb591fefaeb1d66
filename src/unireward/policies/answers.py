"""AnswerPolicy: a vision-language model that answers prompts, on any engine.

::

    policy = AnswerPolicy(TransformersEngine("path/or/repository"), temperature=0.8)
    for sampled in policy.sample_stream(prompts, n=4, seed=0): ...
    policy.logprob(records)[0]["a"].sum          # transformers alone

A prompt is asked as it stands (:mod:`~unireward.policies.asking`), n times, each candidate under
a seed of its own. All asks of a call go to the engine as one stream, so that it batches and
shares what they have in common. An answer loses the white space around it and nothing else;
equal answers are all kept. One that was cut short (``truncated``), says nothing (``empty``), was
held back (``refused``) or failed in the engine is left out with that reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pydantic import Field, ValidationError, field_validator

from unireward.ask import Sampling
from unireward.errors import UsageError
from unireward.files.validate import explain
from unireward.policies.asking import Showing
from unireward.policies.flow import Flow
from unireward.policies.logprob import LogProb, logprobs
from unireward.prompt import Prompt
from unireward.protocols import Engine
from unireward.record import Record
from unireward.sampled import Sampled


class Answering(Showing):
    """How answers are sampled, and how prompts are shown. ``temperature`` 0 takes the likeliest
    words, ``top_p`` in (0, 1] the smallest set of them that has this probability; an answer has
    at most ``max_tokens`` tokens and ends before a string of ``stop``."""

    temperature: float = Field(default=1.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    max_tokens: int = Field(default=512, ge=1)
    stop: tuple[str, ...] = ()

    @field_validator("stop", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @field_validator("stop")
    @classmethod
    def _says_something(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(value):
            raise ValueError("holds an empty string, which ends nothing; leave it out")
        return value

    def sampling(self, seed: int) -> Sampling:
        return Sampling(self.temperature, self.top_p, self.max_tokens, seed, self.stop)


class AnswerPolicy:
    """See the module docstring. ``options`` are :class:`Answering`'s; ``name`` is what provenance
    says, the engine's own unless given. Raises UsageError for an option that is none."""

    def __init__(self, engine: Engine, *, name: str | None = None, **options: Any) -> None:
        self.engine = engine
        self.options = checked(options)
        self._name = name

    @property
    def name(self) -> str:
        return self._name or self.engine.name

    @property
    def identity(self) -> str:
        """The engine's. What is sampled with is in each ``Sampled.settings``."""
        return self.engine.identity

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        """Raises EngineUnavailableError where the engine as a whole is of no use, UsageError for
        several candidates that would all be the same."""
        return list(self.sample_stream(prompts, n, seed))

    def sample_stream(self, prompts: Iterable[Prompt], n: int, seed: int) -> Iterator[Sampled]:
        """The same of prompts without end, in order, in memory that does not grow."""
        if n < 1:
            raise UsageError(f"n is {n}; ask for one candidate or more")
        if n > 1 and self.options.temperature == 0:
            raise UsageError(
                f"temperature is 0 and n is {n}, which gives one answer {n} times; set "
                "temperature above 0, or n to 1"
            )
        return iter(Flow(self, prompts, n, seed))

    def logprob(
        self, records: Iterable[Record], *, per_token: bool = False
    ) -> list[dict[str, LogProb]]:
        """Of each record's candidates, in its order. Raises UsageError for an engine that is not
        transformers'."""
        return list(logprobs(self.engine, records, self.options, per_token=per_token))

    @property
    def settings(self) -> dict[str, Any]:
        """What every sample was made with, but for its seed."""
        return self.options.model_dump(mode="json", exclude_defaults=True) | {
            "temperature": self.options.temperature,
            "top_p": self.options.top_p,
            "max_tokens": self.options.max_tokens,
        }

    def close(self) -> None:
        self.engine.close()


def checked(options: dict[str, Any]) -> Answering:
    """UsageError for an option that is none, or out of its range."""
    known = [*Answering.model_fields]
    if unknown := sorted({*options} - {*known}):
        raise UsageError(
            f"{unknown[0]} is no option of a policy that answers; use {', '.join(known)}"
        )
    try:
        return Answering.model_validate(options)
    except ValidationError as error:
        raise UsageError(explain(error)) from None
