"""Records as rows: validated at the border, media paths absolute in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unireward.files.lines import LineError, Place
from unireward.files.places import make_absolute, part_row
from unireward.files.validate import validate
from unireward.record import Candidate, Record


def record_of(row: dict[str, Any], folder: Path) -> Record:
    """A record of one line's object; media paths become absolute against ``folder``."""
    make_absolute(row, folder)
    return validate(Record, row)


def row_of(record: Record, folder: Path, embed: bool = False) -> dict[str, Any]:
    """The object of one line, keys in the documented order, absent things left out.

    ``embed`` as of :func:`places.part_row`.
    """
    row: dict[str, Any] = {"schema": record.schema_, "id": record.id, "task": record.task}
    row["prompt"] = [part_row(part, folder, embed) for part in record.prompt]
    row["candidates"] = [_candidate_row(c, folder, embed) for c in record.candidates]
    if record.label is not None:
        row["label"] = record.label.model_dump(exclude_unset=True)
    if record.context is not None:
        row["context"] = record.context.model_dump(exclude_unset=True)
    if record.meta:
        row["meta"] = record.meta
    return row


def _candidate_row(candidate: Candidate, folder: Path, embed: bool) -> dict[str, Any]:
    return {
        "id": candidate.id,
        "content": [part_row(part, folder, embed) for part in candidate.content],
    }


class Seen:
    """Ids met so far, as hashes (some 70 bytes each in a set); a suspicion is checked against the
    file itself."""

    def __init__(self) -> None:
        self._hashes: set[int] = set()

    def repeated(self, name: str) -> bool:
        """Whether ``name`` may have been met before (never wrong when it says no)."""
        key = hash(name)
        if key in self._hashes:
            return True
        self._hashes.add(key)
        return False


def check_once(
    seen: Seen, name: str, place: Place, rows: Iterator[tuple[Place, dict[str, Any] | LineError]]
) -> None:
    """Refuse an id given twice, naming both places. ``rows`` reads the file from its start."""
    if not seen.repeated(name):
        return
    for earlier, row in rows:
        if earlier == place:
            return  # two ids of one hash
        if isinstance(row, dict) and row.get("id") == name:
            kind = "row" if place.is_row else "line"
            where = f"{kind} {earlier.line}"
            if earlier.path != place.path:
                where += f" of {earlier.path.name}"
            raise LineError(place, f"id {name!r} is given on {where} already; make ids unique")
