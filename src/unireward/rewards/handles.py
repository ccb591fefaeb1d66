"""Handles: a record whose media are opened once, however many questions show them.

A path becomes a new ``Image`` each time a part is loaded; a handle remembers its digest, its
decoded picture and its frames. In a ranking of ten, each picture is in eighteen questions.
"""

from __future__ import annotations

from unireward.record import Candidate, Part, Record


def with_handles(record: Record) -> Record:
    """``record`` with every media part holding its handle. Nothing is read yet."""
    candidates = tuple(
        Candidate.model_construct(id=candidate.id, content=_held(candidate.content))
        for candidate in record.candidates
    )
    return record.model_copy(update={"prompt": _held(record.prompt), "candidates": candidates})


def _held(parts: tuple[Part, ...]) -> tuple[Part, ...]:
    return tuple(
        part
        if part.type == "text" or part.media is not None
        else part.model_copy(update={"media": part.load()})
        for part in parts
    )
