"""Records with something taken away: what a judge that sees less would be asked.

A judge that does as well on these as on the whole record was not looking at what was taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from unireward.media import Image, Video
from unireward.record import Part, Record

GREY = 128
FRAMES = 8


def without_media(record: Record) -> Record:
    """Every picture and clip replaced by plain grey of its own size: only the text is left."""
    candidates = tuple(
        candidate.model_copy(update={"content": tuple(map(_grey, candidate.content))})
        for candidate in record.candidates
    )
    return record.model_copy(
        update={"prompt": tuple(map(_grey, record.prompt)), "candidates": candidates}
    )


def _grey(part: Part) -> Part:
    if part.type == "text":
        return part
    media = part.load()
    if isinstance(media, Video):
        info = media.info()
        frames = np.full((FRAMES, info.height, info.width, 3), GREY, dtype=np.uint8)
        return Part(type="video", media=Video(frames, fps=info.fps), role=part.role)
    width, height = media.size
    blank = Image(np.full((height, width, 3), GREY, dtype=np.uint8))
    return Part(type="image", media=blank, role=part.role)


def with_others_words(records: Iterable[Record]) -> list[Record]:
    """Each record with the prompt text of the next one: pictures and answers say all they can.

    The last takes the first's. One record alone has no other to take from and keeps its own.
    """
    return list(words_passed_on(records))


def words_passed_on(records: Iterable[Record]) -> Iterator[Record]:
    """The same, lazily: one record is held back, so memory does not grow with their number."""
    first: list[Part] | None = None
    held: Record | None = None
    for record in records:
        words = [part for part in record.prompt if part.type == "text"]
        if held is not None:
            yield _told(held, words)
        first, held = first if first is not None else words, record
    if held is not None:
        yield _told(held, first or [])


def _told(record: Record, words: Sequence[Part]) -> Record:
    return record.model_copy(update={"prompt": _exchanged(record.prompt, words)})


def _exchanged(prompt: Sequence[Part], texts: Sequence[Part]) -> tuple[Part, ...]:
    """``prompt`` with its text parts replaced, in place of the first one, by ``texts``."""
    kept: list[Part] = []
    placed = False
    for part in prompt:
        if part.type != "text":
            kept.append(part)
        elif not placed:
            kept += texts
            placed = True
    return tuple(kept)
