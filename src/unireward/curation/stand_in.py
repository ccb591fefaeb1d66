"""Stand-ins: candidates as large as those that will be made, to count by before any is.

A grey picture, a clip of grey frames or a plain text; nobody is ever shown one.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from unireward.media import Image, Video
from unireward.record import Candidate, Part
from unireward.sampled import candidate_name

GENERATED = {
    "image_generation": "image",
    "image_editing": "image",
    "video_generation": "video",
}
"""What a candidate of a task is; of other tasks it is an answer."""


@dataclass(frozen=True)
class Shape:
    """Pixels of a picture or frame, frames of a clip, characters of an answer. ``known`` is false
    where nobody said and this is a guess."""

    width: int = 1024
    height: int = 1024
    frames: int = 16
    characters: int = 1000
    known: bool = False

    def bytes_of(self, task: str) -> int:
        """The most that one candidate of a task may take on disk: uncompressed pixels for a
        lossless picture, a third of that for a clip's frames, nothing for an answer (which stands
        in the journals, see :meth:`row_bytes`)."""
        kind = GENERATED.get(task)
        pixels = 3 * self.width * self.height
        if kind == "image":
            return pixels + 1024
        return pixels * self.frames // 3 + 4096 if kind == "video" else 0

    def row_bytes(self, task: str) -> int:
        """About what one candidate takes in one row of a journal."""
        return 200 + (0 if task in GENERATED else 2 * self.characters)


def stand_in(task: str, index: int, shape: Shape) -> Candidate:
    """The candidate of this index."""
    return Candidate(id=candidate_name(index), content=(_part(GENERATED.get(task), shape),))


@lru_cache(maxsize=8)
def _part(kind: str | None, shape: Shape) -> Part:
    if kind is None:
        return Part.of_text(("word " * (shape.characters // 5 + 1))[: shape.characters])
    import numpy as np

    grey = Image(np.full((shape.height, shape.width, 3), 128, dtype=np.uint8))
    if kind == "image":
        return Part(type="image", media=grey)
    return Part(type="video", media=Video([grey] * shape.frames, fps=8))
