"""Dropped: what did not stay, as lines that say why.

A line is a prompt that was dropped whole (``pair`` null: its candidates, as far as there are any)
or one pair of a prompt (its two candidates), with the step and the reason. Pairs that only made
way for others of the same prompt are counted and not listed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, FiniteFloat

from unireward.curation.case import SUPERSEDED, Case, Dropped, Pair
from unireward.errors import InputError
from unireward.files.lines import LineError, read_lines
from unireward.files.places import make_absolute, part_row
from unireward.files.validate import validate
from unireward.record import SCHEMA, Candidate, Part, Row


class DroppedRow(Row):
    """A line. ``whole`` is true where nothing of the prompt was kept; ``pair`` is what was said of
    the pair, as in a journal; ``left_out`` candidates that could not be used, with reasons."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    id: str
    task: str
    step: str
    reason: str
    detail: str | None = None
    whole: bool = True
    prompt: tuple[Part, ...]
    candidates: tuple[Candidate, ...] = ()
    pair: dict[str, Any] | None = None
    left_out: dict[str, str] = Field(default_factory=dict)
    scores: dict[str, FiniteFloat] = Field(default_factory=dict)

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.prompt if part.text is not None)


def read_dropped(path: Path) -> Iterator[DroppedRow]:
    """The lines of a ``dropped.jsonl``, media paths absolute. LineError for one that is none."""
    for place, row in read_lines(path):
        if isinstance(row, LineError):
            raise row
        make_absolute(row, path.absolute().parent)
        try:
            found = validate(DroppedRow, row)
        except InputError as error:
            raise LineError(place, str(error)) from None
        yield found


def dropped_rows(case: Case, folder: Path) -> Iterator[dict[str, Any]]:
    """The case's lines for ``dropped.jsonl`` in ``folder``: each dropped pair, and the case where
    no pair of it says why."""
    folder = folder.absolute()
    pairs = [p for p in case.pairs if p.dropped is not None and p.dropped.reason != SUPERSEDED]
    for pair in pairs:
        assert pair.dropped is not None
        yield _row(case, list(pair.between), pair.dropped, folder, pair)
    explained = {pair.dropped.step for pair in pairs if pair.dropped is not None}
    if case.dropped is not None and case.dropped.step not in explained:
        names = [candidate.id for candidate in case.candidates]
        yield _row(case, names, case.dropped, folder, None)


def _row(
    case: Case, names: list[str], dropped: Dropped, folder: Path, pair: Pair | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "schema": SCHEMA,
        "id": case.id,
        "task": case.prompt.task,
        "step": dropped.step,
        "reason": dropped.reason,
        "detail": dropped.detail,
        "whole": not case.alive,
        "prompt": [part_row(part, folder, embed=False) for part in case.prompt.prompt],
        "candidates": [
            {
                "id": name,
                "content": [part_row(p, folder, embed=False) for p in case.candidate(name).content],
            }
            for name in names
        ],
        "pair": None,
        "left_out": {name: str(why) for name, why in case.left_out.items()},
    }
    if pair is not None:
        row["pair"] = pair.model_dump(mode="json", exclude={"dropped"}, exclude_none=True)
    if case.scored is not None:
        row["scores"] = {n: case.scored.scores[n] for n in names if n in case.scored.scores}
    return row
