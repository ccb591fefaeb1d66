"""Judgment: what a reward says of a record's candidates.

An unreadable reply is a *state with a reason*, never a number: where nothing was read,
``scores`` and ``dimensions`` are empty and ``winner`` is None. The model here is the file
format (DESIGN: judgments); no NaN can enter it.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, FiniteFloat

from unireward.record import SCHEMA, Row, Span

Status = Literal["ok", "unparsed", "truncated", "refused", "error"]
STATUSES: tuple[str, ...] = get_args(Status)
_WORST_FIRST = ("error", "refused", "truncated", "unparsed", "ok")


def worst(statuses: list[str]) -> str:
    """The worst of several states: error, refused, truncated, unparsed, ok."""
    return min(statuses, key=_WORST_FIRST.index)


class AskRow(Row):
    """One question as it was asked: candidates in the order shown, and how the reply was read.

    ``preference`` is over the shown candidates' ids and ``"tie"``; ``reply`` is the raw text.
    """

    candidates: tuple[str, ...]
    form: str | None = None
    status: Status
    reason: str | None = None
    preference: dict[str, FiniteFloat] = Field(default_factory=dict)
    dimensions: dict[str, dict[str, FiniteFloat]] = Field(default_factory=dict)
    reply: str | None = None
    finish_reason: str | None = None


class Judgment(Row):
    """One record's judgment. ``scores`` lie in [0, 1], higher is better."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    record: str
    judge: str
    family: str
    prompt: str
    task: str
    mode: str
    status: Status
    reason: str | None = None
    scores: dict[str, FiniteFloat] = Field(default_factory=dict)
    dimensions: dict[str, dict[str, FiniteFloat]] = Field(default_factory=dict)
    winner: str | None = None
    preference: dict[str, FiniteFloat] = Field(default_factory=dict)
    ranking: tuple[tuple[str, ...], ...] | None = None
    unsettled: tuple[str, ...] = ()
    """Of a group judged by some of its pairs: whose place in the ranking is not sure, from best."""
    confidence: FiniteFloat | None = None
    agreement: bool | FiniteFloat | None = None
    raw: dict[str, FiniteFloat] = Field(default_factory=dict)
    sigma: dict[str, FiniteFloat] = Field(default_factory=dict)
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()
    asks: tuple[AskRow, ...] = ()
    rationale: str | None = None
    calls: int = 0
    cached: int = 0
    tokens: int = 0
    seconds: float = 0.0
    media: dict[str, dict[str, Any]] = Field(default_factory=dict)

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def score(self) -> float | None:
        """The one candidate's score; None where it was not read, or ``scores`` holds several."""
        return next(iter(self.scores.values())) if len(self.scores) == 1 else None

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of one line, keys in the documented order; ``unsettled`` only where it
        names someone."""
        row = self.model_dump(mode="json", by_alias=True)
        return row if self.unsettled else {k: v for k, v in row.items() if k != "unsettled"}
