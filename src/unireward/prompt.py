"""Prompt: what candidates are made for, before there are any.

A :class:`~unireward.record.Record` has at least one candidate; a Prompt is the rest of it. A
policy is given prompts and samples candidates for each::

    prompt = Prompt(id="p1", task="image_generation", prompt=[Part.of_text("two red circles")])
    prompt.with_candidates([Candidate(id="a", content=[Part.of_media("a.png")])])     # a Record

The model is the format of a line of a prompts file; a line that is a whole record is read as the
prompt in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from pydantic import ConfigDict, Field

from unireward.record import SCHEMA, Candidate, Context, Label, Part, Record, Row


class Prompt(Row):
    """See the module docstring. ``meta`` goes into the record that is made of it."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    id: str = Field(min_length=1)
    task: str
    prompt: tuple[Part, ...] = Field(min_length=1)
    context: Context | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    @classmethod
    def of(cls, record: Record) -> Prompt:
        """The prompt of a record; what was said of its candidates stays behind."""
        return cls(
            id=record.id, task=record.task, prompt=record.prompt,
            context=record.context, meta=record.meta,
        )  # fmt: skip

    @property
    def text(self) -> str:
        """The prompt's own words, parts joined by newlines."""
        return "\n".join(part.text for part in self.prompt if part.text is not None)

    def with_candidates(
        self,
        candidates: Iterable[Candidate],
        *,
        label: Label | None = None,
        meta: dict[str, Any] | None = None,
    ) -> Record:
        """The record of this prompt and ``candidates``, ``meta`` added to the prompt's own."""
        return Record(
            id=self.id, task=self.task, prompt=self.prompt, candidates=tuple(candidates),
            label=label, context=self.context, meta={**self.meta, **(meta or {})},
        )  # fmt: skip
