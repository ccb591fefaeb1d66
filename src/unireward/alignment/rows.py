"""Rows: what was found at one evaluation, prompt by prompt, as lines of JSON.

``OUTPUT/evaluations/<label>.jsonl`` has a line a prompt, written as it is done, so that an
evaluation that was cut goes on. Candidates are in it where they are kept: all of the start's
(which later ones are compared with), of the others those that the page shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from unireward.errors import InputError
from unireward.files.lines import LineError, dumps, read_lines
from unireward.files.places import make_absolute, part_row
from unireward.files.validate import validate
from unireward.record import Candidate, Row


class SampleRow(Row):
    """One candidate. ``reward`` is the judge's number in [0, 1], ``second`` the second judge's,
    ``share`` its win (1), tie (0.5) or loss (0) against the start's candidate of the same noise;
    each is None where it was not read, and its status says why. ``right``, ``facts`` and ``open``
    are the truth's (:mod:`unireward.alignment.truth`), ``right`` None where it is not known."""

    seed: int | None = None
    reward: FiniteFloat | None = None
    status: str | None = None
    share: FiniteFloat | None = None
    share_status: str | None = None
    second: FiniteFloat | None = None
    second_status: str | None = None
    right: bool | None = None
    facts: dict[str, FiniteFloat] = Field(default_factory=dict)
    open: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class PromptRow(Row):
    """One prompt: its candidates by name, and why each that is missing is. ``unread`` are those
    that a policy picking among several could not read its judge's reply on."""

    record: str
    status: Literal["ok"] = "ok"
    text: str
    samples: dict[str, SampleRow] = Field(default_factory=dict)
    left_out: dict[str, str] = Field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    unread: int = 0
    calls: int = 0
    cached: int = 0
    tokens: int = 0

    def candidate(self, name: str) -> Candidate | None:
        return next((one for one in self.candidates if one.id == name), None)

    def line(self, folder: Path) -> bytes:
        """The line of a file in ``folder``, media named relative to it."""
        row = self.model_dump(mode="json", exclude={"candidates"}, exclude_defaults=True)
        row["status"] = self.status
        row["candidates"] = [
            {"id": c.id, "content": [part_row(p, folder, embed=False) for p in c.content]}
            for c in self.candidates
        ]
        return dumps(row).encode("utf-8")


def read_rows(path: Path) -> Iterator[PromptRow]:
    """The whole lines of a file; none where there is no file. InputError for what is no line of
    an evaluation."""
    if not path.exists():
        return
    folder = path.absolute().parent
    for place, row in read_lines(path, torn="drop"):
        if isinstance(row, LineError):
            raise InputError(f"{row}; remove {path} to look at that policy again")
        yield _row(row, folder, f"{place}")


def _row(row: dict[str, Any], folder: Path, where: str) -> PromptRow:
    make_absolute(row, folder)
    try:
        return validate(PromptRow, row)
    except InputError as error:
        raise InputError(
            f"{where}: is no line of an evaluation ({error}); remove the file"
        ) from None
