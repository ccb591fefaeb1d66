"""Journaled: a step that goes on where an earlier run of it was cut.

Each case is written into the step's own journal as it is done, in order. A later run pulls the
same cases from the steps before, takes those that the journal has from there, and does the rest:
nothing that was finished is asked or made again, whatever stopped the process. Steps that cost
nothing are simply done again on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from unireward.curation.case import Case
from unireward.curation.step import Chain, Step
from unireward.errors import InputError
from unireward.files.lines import LineError, dumps, read_lines
from unireward.files.places import make_absolute, part_row
from unireward.files.validate import validate
from unireward.jobs.journal import Journal
from unireward.record import Part

_OF_PROMPT = ("task", "prompt", "context", "meta")


def journaled(step: Step, path: Path, folder: Path) -> Chain:
    """``step`` with its journal at ``path``; media paths in it are relative to ``folder``.

    Raises UsageError where another process writes it, JournalError where the disk is full, and
    InputError for a journal that is not of these cases.
    """

    def run(cases: Iterable[Case]) -> Iterator[Case]:
        cases = iter(cases)
        # Opened first: opening cuts off what the last run did not finish writing.
        with Journal(path) as journal:
            for done in read_journal(path, folder):
                case = next(cases, None)
                if case is None or case.id != done.id:
                    raise InputError(
                        f"{path}: has prompt {done.id!r} where the prompts now have "
                        f"{case.id if case is not None else 'none'!r}; give another output"
                    )
                yield done
            for case in step(cases):
                journal.append(dumps(row_of(case, folder)).encode("utf-8"))
                yield case

    return run


def read_journal(path: Path, folder: Path) -> Iterator[Case]:
    """The cases of a journal in order; none where there is no file."""
    if not path.exists():
        return
    for place, row in read_lines(path, torn="drop"):
        if isinstance(row, LineError):
            raise InputError(f"{row}; remove {folder} to begin anew, or give another output")
        yield case_of(row, folder, str(place))


def rows_in(path: Path) -> int:
    """How many cases a journal holds."""
    if not path.exists():
        return 0
    with path.open("rb") as stream:
        return sum(line.endswith(b"\n") for line in stream)


def row_of(case: Case, folder: Path) -> dict[str, Any]:
    """The JSON object of a case. Media of memory are saved below ``folder``."""
    said = case.model_dump(mode="json", exclude={"prompt", "candidates"}, exclude_defaults=True)
    prompt = case.prompt.model_dump(mode="json", include={"task", "context", "meta"})
    return {
        "record": case.id,
        "status": "kept" if case.alive else "dropped",
        **{name: value for name, value in prompt.items() if value},
        "prompt": _parts(case.prompt.prompt, folder),
        "candidates": [{"id": c.id, "content": _parts(c.content, folder)} for c in case.candidates],
        "case": said,
    }


def case_of(row: dict[str, Any], folder: Path, where: str) -> Case:
    """The case of a row; InputError that names ``where`` for what is none."""
    make_absolute(row, folder.absolute())
    try:
        prompt = {name: row[name] for name in _OF_PROMPT if name in row}
        body = {"prompt": {"id": row.get("record"), **prompt}, "candidates": row.get("candidates")}
        return validate(Case, {**body, **(row.get("case") or {})})
    except (InputError, TypeError) as error:
        raise InputError(
            f"{where}: is no case of a curation ({error}); remove {folder} to begin anew, or give "
            "another output"
        ) from None


def _parts(parts: Iterable[Part], folder: Path) -> list[dict[str, Any]]:
    return [part_row(part, folder.absolute(), embed=False) for part in parts]
