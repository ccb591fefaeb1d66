"""Files of prompts: JSON Lines, plain text with a prompt a line, Parquet.

::

    for prompt in read_prompts("prompts.jsonl"): ...
    for prompt in read_prompts("captions.txt", task="image_generation"): ...

A line of JSON is a :class:`~unireward.prompt.Prompt`, or a whole record, of which its prompt is
read. A line of plain text is called by a digest of its words, so that a line put in between moves
no other's id.

Every prompt is given once: one that asks what an earlier one asked (task, words, media by their
path, context) is left out and counted. An id that two different prompts have is an error that
names both lines.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from unireward.errors import InputError, UsageError
from unireward.files.lines import LineError, Place, Torn, read_texts
from unireward.files.places import make_absolute, part_row
from unireward.files.records import Seen, check_once, record_of
from unireward.files.rows import OnError, Rows, each, is_parquet, rows_in, write
from unireward.files.validate import explain, validate
from unireward.prompt import Prompt
from unireward.record import Part, Record

DUPLICATE = "duplicate"
TEXT = (".txt", ".txt.gz")
_NEED_MEDIA = ("image_understanding", "video_understanding", "image_editing")


def read_prompts(
    path: str | os.PathLike[str],
    *,
    task: str | None = None,
    on_error: OnError = "raise",
    torn: Torn = "error",
    left_out: Counter[str] | None = None,
) -> Iterator[Prompt]:
    """Prompts of a file, streaming, each once, media paths made absolute.

    ``task`` is that of rows which name none, and must be given for plain text. ``left_out``
    counts repeated prompts under ``"duplicate"``. ``on_error`` and ``torn`` as of
    :func:`~unireward.files.read_records`: a bad line raises its :class:`LineError`. Raises
    UsageError for plain text without a task, or with one that asks about media.
    """
    path = Path(path)
    counts: Counter[str] = Counter() if left_out is None else left_out
    folder = path.absolute().parent
    met, seen = Met(), Seen()

    def prompt(place: Place, row: dict[str, Any]) -> Prompt | None:
        found = _prompt_of(row, folder, task)
        if met.before(found):
            counts[DUPLICATE] += 1
            return None
        check_once(seen, found.id, place, _rows(path, task, torn))
        return found

    found = each(_rows(path, task, torn), prompt, on_error)
    return (one for one in found if one is not None)


def write_prompts(path: str | os.PathLike[str], prompts: Iterable[Prompt]) -> int:
    """Write prompts as JSON Lines or Parquet (by suffix), whole or not at all; how many there
    were. Media as of :func:`~unireward.files.write_records`."""
    path = Path(path)
    folder, embed = path.absolute().parent, is_parquet(path)
    return write(path, ((f"prompt {p.id}", _row_of(p, folder, embed)) for p in prompts), "prompts")


def without_repeats(prompts: Iterable[Prompt], left_out: Counter[str]) -> Iterator[Prompt]:
    """The prompts of several sources, each once; ``left_out`` counts the others under
    ``"duplicate"``. Raises :class:`InputError` for an id that two different prompts have."""
    met, ids = Met(), set[str]()
    for prompt in prompts:
        if met.before(prompt):
            left_out[DUPLICATE] += 1
            continue
        if prompt.id in ids:
            raise InputError(f"prompt id {prompt.id!r} is given to two prompts; make ids unique")
        ids.add(prompt.id)
        yield prompt


class Met:
    """What was asked so far, as digests (some 100 bytes each in a set)."""

    def __init__(self) -> None:
        self._digests: set[bytes] = set()

    def before(self, prompt: Prompt) -> bool:
        """Whether the same was asked before, whatever its id; it has been from now on."""
        digest = digest_of(prompt)
        if digest in self._digests:
            return True
        self._digests.add(digest)
        return False


def digest_of(prompt: Prompt) -> bytes:
    """16 bytes of what a prompt asks: task, parts and context, not its id and meta."""
    # A context that says nothing is none.
    context = prompt.context.model_dump(exclude_none=True) if prompt.context else {}
    asked = [prompt.task, [_asked(part) for part in prompt.prompt], context]
    text = json.dumps(asked, sort_keys=True, default=str)
    return blake2b(text.encode(), digest_size=16).digest()


def _asked(part: Part) -> dict[str, Any]:
    row = part.model_dump(exclude_none=True, exclude={"bytes", "media"})
    if part.bytes is not None or part.media is not None:
        row["digest"] = part.load().digest
    return row


def _rows(path: Path, task: str | None, torn: Torn) -> Rows:
    if not path.name.endswith(TEXT):
        return rows_in(path, torn, "prompts")
    if task is None:
        raise UsageError(f"{path}: plain text says no task; give task=, such as image_generation")
    if task in _NEED_MEDIA:
        raise UsageError(
            f"{path}: plain text has no place for what {task} is about; write JSON Lines"
        )
    return _text_rows(path)


def _text_rows(path: Path) -> Rows:
    for place, text in read_texts(path):
        if isinstance(text, LineError):
            yield place, text
        else:
            name = blake2b(text.encode(), digest_size=8).hexdigest()
            yield place, {"id": name, "prompt": [{"type": "text", "text": text}]}


def asked_of(row: dict[str, Any], folder: Path, task: str | None = None) -> Prompt | Record:
    """What a row holds: a prompt, or a whole record; ``task`` is that of one which names none."""
    if task is not None and row.get("task") is None:
        row = {**row, "task": task}
    if "candidates" in row:
        return record_of(row, folder)
    make_absolute(row, folder)
    return validate(Prompt, row)


def _prompt_of(row: dict[str, Any], folder: Path, task: str | None) -> Prompt:
    found = asked_of(row, folder, task)
    try:
        return found if isinstance(found, Prompt) else Prompt.of(found)
    except ValidationError as error:
        raise InputError(explain(error)) from None


def _row_of(prompt: Prompt, folder: Path, embed: bool) -> dict[str, Any]:
    row: dict[str, Any] = {"schema": prompt.schema_, "id": prompt.id, "task": prompt.task}
    row["prompt"] = [part_row(part, folder, embed) for part in prompt.prompt]
    if prompt.context is not None:
        row["context"] = prompt.context.model_dump(exclude_unset=True)
    if prompt.meta:
        row["meta"] = prompt.meta
    return row
