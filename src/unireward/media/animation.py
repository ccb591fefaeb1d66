"""Animated GIF, WebP and PNG by Pillow."""

from __future__ import annotations

from unireward.errors import MediaError
from unireward.media.clips import Index
from unireward.media.image import Image, open_picture
from unireward.media.limits import get_limits
from unireward.media.pixels import to_rgb
from unireward.media.source import Source, reading


def is_animated(source: Source, kind: str) -> bool:
    """Whether a GIF, WebP or PNG holds more than one frame."""
    with source.open() as stream, reading(source.name):
        picture = open_picture(stream, source)
        return bool(getattr(picture, "is_animated", False))


class AnimationClip:
    """Frames in order with the file's own delays."""

    def __init__(self, source: Source, kind: str) -> None:
        self.source = source
        self.kind = kind

    def index(self, until: float | None) -> Index:
        limit = get_limits().max_frames
        times: list[float] = []
        clock = 0.0
        with self.source.open() as stream, reading(self.source.name):
            picture = open_picture(stream, self.source)
            size = picture.size
            count = getattr(picture, "n_frames", 1)
            if count > limit:
                raise MediaError(
                    f"{self.source.name}: has over {limit:,} frames; raise MediaLimits.max_frames"
                )
            for i in range(count):
                picture.seek(i)
                picture.load()
                times.append(clock)
                clock += (picture.info.get("duration", 0) or 100) / 1000
        return Index(size, count, times, clock)

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        found: dict[int, Image] = {}
        with self.source.open() as stream, reading(self.source.name):
            picture = open_picture(stream, self.source)
            for i in range(wanted[-1] + 1):
                picture.seek(i)
                if i in wanted:
                    found[i] = Image.of_rgb(to_rgb(picture, self.source.name))
        return found
