"""Looked: one evaluation of the chain, as ``evaluations.jsonl`` tells it in a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from unireward.alignment.alarm import Alarm
from unireward.alignment.figures import Figures
from unireward.alignment.policy_ref import PolicyRef
from unireward.errors import InputError
from unireward.files.lines import LineError, dumps, read_lines
from unireward.files.validate import validate
from unireward.record import Row

FILE = "evaluations.jsonl"


class Looked(Row):
    """``record`` is its label, ``at`` the round or step it was made at, ``policy`` what was looked
    at (None for weights in training, which are in that step's checkpoint)."""

    record: str
    status: Literal["ok"] = "ok"
    at: int
    policy: PolicyRef | None = None
    seconds: float = 0.0
    figures: Figures
    alarm: Alarm | None = None

    def line(self) -> bytes:
        return dumps(self.model_dump(mode="json")).encode("utf-8")

    def to_dict(self) -> dict[str, Any]:
        return self.model_dump(mode="json", exclude={"status"})


def read_looked(output: Path) -> list[Looked]:
    """The whole lines of an output, in order; none where there is no file yet."""
    path = output / FILE
    found = []
    for place, row in read_lines(path, torn="drop") if path.exists() else ():
        if isinstance(row, LineError):
            raise row
        try:
            found.append(validate(Looked, row))
        except InputError as error:
            raise InputError(
                f"{place}: is no evaluation ({error}); remove the file, it is made again from "
                "its rows"
            ) from None
    return found
