"""Right pictures: the world's own, of captions that are learned on, as a file of records."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

from unireward.files import write_records
from unireward.files.prompts import read_prompts
from unireward.record import Record
from unireward.training.right import right_record

LEVEL = 1


def right_file(folder: Path, settings: dict[str, Any], number: int, seed: int) -> Path:
    """``number`` right pictures of the captions of ``settings``, drawn unless they are there."""
    path = folder / f"right-{number}.parquet"
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        task = settings["task"]
        prompts = islice(read_prompts(settings["prompts"], task=task), settings["limit"])
        captions = {prompt.text for prompt in prompts}
        write_records(path, islice(_right(task, captions, seed), number))
    return path


def _right(task: str, captions: set[str], seed: int) -> Iterator[Record]:
    """Those that the world draws one after another, of these captions."""
    for index in count():
        record = right_record(task, seed, index, LEVEL)
        if record.text in captions:
            yield record
