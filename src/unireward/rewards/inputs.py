"""From what a caller has at hand (paths, pictures, arrays, answers) to a Record.

Candidates that are strings are paths, unless a question is asked: with ``media=`` or a task of
``*_understanding`` or ``text`` they are answers, and ``@file`` reads one. Paths, PIL images,
arrays, ``Image`` and ``Video`` are always media.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unireward.errors import InputError, UsageError
from unireward.record import TIE, Candidate, Context, Part, Record

_ANSWER_TASKS = ("image_understanding", "video_understanding", "text")
MAX_ANSWER_BYTES = 10_000_000


def record_of(
    prompt: str | Sequence[Part],
    candidates: Sequence[Any],
    *,
    ids: Sequence[str] | None = None,
    media: Any = None,
    source: Any = None,
    task: str | None = None,
    context: Context | None = None,
    record_id: str = "1",
) -> Record:
    """One record of a prompt and candidates; ``ids`` default to the paths given (made unique).

    ``media`` is one path or picture a question is about, or a list of them; ``source`` the image
    before an edit. The task is inferred where it is not given. Raises InputError or MediaError
    naming what cannot be used, UsageError where the arguments contradict one another.
    """
    if media is not None and source is not None:
        raise UsageError("media and source are both given; use source for an edit, else media")
    asked = media is not None or task in _ANSWER_TASKS
    contents = [_content(candidate, answers=asked) for candidate in candidates]
    names = list(ids) if ids is not None else _names(candidates, answers=asked)
    parts: list[Part] = []
    if source is not None:
        parts.append(Part.of_media(source, role="source"))
    if media is not None:
        several = isinstance(media, list | tuple)
        parts += [Part.of_media(one) for one in (media if several else [media])]
    about = list(parts)
    parts += [Part.of_text(prompt)] if isinstance(prompt, str) else list(prompt)
    try:
        record = Record(
            id=record_id,
            task=task or _task(about, contents, edit=source is not None),
            prompt=tuple(parts),
            candidates=tuple(
                Candidate(id=name, content=content) for name, content in zip(names, contents)
            ),
            context=context,
        )
    except ValidationError as error:
        raise InputError(_one_line(error)) from None
    record.check_askable()
    return record


def _content(candidate: Any, *, answers: bool) -> tuple[Part, ...]:
    if isinstance(candidate, Candidate):
        return candidate.content
    if isinstance(candidate, Part):
        return (candidate,)
    if answers and isinstance(candidate, str):
        return (Part.of_text(_answer(candidate)),)
    return (Part.of_media(candidate),)


def _answer(text: str) -> str:
    if not text.startswith("@"):
        if not text.strip():
            raise InputError("an answer is empty; give its text, or @file to read it from a file")
        return text
    path = Path(text[1:])
    try:
        if path.stat().st_size > MAX_ANSWER_BYTES:
            raise InputError(f"{path}: an answer of more than {MAX_ANSWER_BYTES:,} bytes")
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path}: is not UTF-8 text; save the answer as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; give a file holding the answer") from None


def _task(about: Sequence[Part], contents: Sequence[Sequence[Part]], *, edit: bool) -> str:
    if edit:
        return "image_editing"
    kinds = {part.type for part in about}
    if kinds:
        return "video_understanding" if "video" in kinds else "image_understanding"
    kinds = {part.type for content in contents for part in content}
    if kinds == {"text"}:
        return "text"
    return "video_generation" if "video" in kinds else "image_generation"


def _names(candidates: Sequence[Any], *, answers: bool) -> list[str]:
    """Paths as they were given, else 1, 2, ...; a repeated one gets ``#2``, ``#3``."""
    taken: dict[str, int] = {}
    names = []
    for number, candidate in enumerate(candidates, start=1):
        name = _name(candidate, number, answers=answers)
        taken[name] = taken.get(name, 0) + 1
        while taken[name] > 1 and f"{name}#{taken[name]}" in taken:
            taken[name] += 1
        unique = name if taken[name] == 1 and name != TIE else f"{name}#{taken[name]}"
        taken.setdefault(unique, 1)
        names.append(unique)
    return names


def _name(candidate: Any, number: int, *, answers: bool) -> str:
    if isinstance(candidate, Candidate):
        return candidate.id
    if isinstance(candidate, str) and (not answers or candidate.startswith("@")):
        return candidate.removeprefix("@") if answers else candidate
    path = candidate if isinstance(candidate, Path) else getattr(candidate, "path", None)
    return str(path) if path else str(number)


def _one_line(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"]) or "record"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"
