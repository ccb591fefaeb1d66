"""World records on disk: ``DIR/records.jsonl`` and ``DIR/media/``, streamed one at a time.

The same arguments give the same bytes in ``records.jsonl``. Media are PNG and MP4 named by
record and candidate; nothing in a name or in ``meta`` says which candidate is better.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from unireward.errors import InputError
from unireward.files import write_records
from unireward.media import Image
from unireward.media.mp4 import mp4
from unireward.record import Part, Record
from unireward.world.item import FPS, WorldItem
from unireward.world.sample import TASKS, sample_record

MEDIA = "media"


def write_world(
    tasks: str | Sequence[str],
    items: int,
    seed: int,
    out: str | os.PathLike[str],
    level: int | None = None,
    candidates: int = 2,
    split: str = "eval",
    track: str | None = None,
) -> int:
    """Write ``items`` records in all of ``tasks`` (one, several, or ``"all"``) to folder ``out``.

    The tasks take turns, so they share ``items`` evenly. Returns the number written. Raises
    InputError for arguments that make no sense, before anything is written.
    """
    names = _tasks(tasks, track)
    if items < 1:
        raise InputError(f"items is {items}; set it to 1 or more")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder to write the world to")
    # The first item is drawn before the folder is made: wrong arguments leave nothing behind.
    first = sample_record(names[0], seed, level, candidates, split, index=0, track=track)
    (folder / MEDIA).mkdir(parents=True, exist_ok=True)

    def stream() -> Iterator[Record]:
        yield saved(first, folder)
        for k in range(1, items):
            task, index = names[k % len(names)], k // len(names)
            item = sample_record(task, seed, level, candidates, split, index=index, track=track)
            yield saved(item, folder)

    return write_records(folder / "records.jsonl", stream())


def _tasks(tasks: str | Sequence[str], track: str | None) -> tuple[str, ...]:
    if tasks == "all":
        return TASKS if track is None else ("image_generation",)
    return (tasks,) if isinstance(tasks, str) else tuple(tasks)


def saved(item: WorldItem, folder: Path) -> Record:
    """The item's record with its media written to ``folder/media`` and referred to by path.

    A record's candidates get files of one length: noise and artefacts compress worse, so a
    file's size would otherwise tell the better one.
    """
    record = item.record
    shown = iter(item.prompt_media)
    prompt = tuple(
        part if part.type == "text" else _kept(part, encoded(next(shown)), folder, record.id)
        for part in record.prompt
    )
    data = same_length({name: encoded(pixels) for name, pixels in item.media.items()})
    candidates = tuple(
        candidate
        if candidate.id not in data
        else candidate.model_copy(
            update={
                "content": tuple(
                    _kept(part, data[candidate.id], folder, record.id, candidate.id)
                    for part in candidate.content
                )
            }
        )
        for candidate in record.candidates
    )
    return record.model_copy(update={"prompt": prompt, "candidates": candidates})


def _kept(part: Part, data: bytes, folder: Path, record: str, name: str = "prompt") -> Part:
    suffix = ".png" if part.type == "image" else ".mp4"
    path = folder / MEDIA / f"{record}-{name}{suffix}"
    path.write_bytes(data)
    return Part(type=part.type, path=str(path), role=part.role)


def encoded(pixels: np.ndarray) -> bytes:
    """A picture [H, W, 3] as PNG, a clip [T, H, W, 3] as MP4."""
    return Image(pixels).png() if pixels.ndim == 3 else mp4(pixels, FPS)


def same_length(files: dict[str, bytes]) -> dict[str, bytes]:
    """PNG or MP4 files padded to one length by a chunk or box that every reader skips."""
    longest = max(map(len, files.values()), default=0)
    return {name: _padded(data, longest + _HEADER) for name, data in files.items()}


_HEADER = 12
"""Bytes of an empty PNG chunk; an empty MP4 box has 8."""


def _padded(data: bytes, length: int) -> bytes:
    blank = bytes(length - len(data) - _HEADER)
    if not data.startswith(b"\x89PNG"):
        box = blank + bytes(_HEADER - 8)
        return data + struct.pack(">I4s", 8 + len(box), b"free") + box
    end = data.rindex(b"IEND") - 4  # before the last chunk's length
    check = zlib.crc32(b"paDd" + blank)
    chunk = struct.pack(">I4s", len(blank), b"paDd") + blank + struct.pack(">I", check)
    return data[:end] + chunk + data[end:]
