"""Animated GIF and WebP by Pillow: counted from their blocks, decoded one frame at a time."""

from __future__ import annotations

from unireward.media.clips import Index, Window
from unireward.media.delays import frame_delays
from unireward.media.image import Image, open_picture
from unireward.media.pixels import to_rgb
from unireward.media.source import Source


class AnimationClip:
    """Frames as composed (disposal applied, what stays transparent on white), each delay kept."""

    def __init__(self, source: Source, kind: str) -> None:
        self.source = source
        self.kind = kind

    def index(self, window: Window, exact: bool = False) -> Index:
        """Count the frames; the blocks are exact, so ``exact`` changes nothing."""
        with self.source.open() as stream:
            size = open_picture(stream, self.source).size
        times: list[float] = []
        clock = 0.0
        with self.source.open() as stream:
            for delay in frame_delays(stream, self.kind, self.source.name):
                times.append(clock)
                clock += delay
                if window.passed(times[-1]):
                    break
        return Index(size, len(times), times, clock)

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        """The frames at ``wanted``. Each builds on the one before, so all up to the last decode."""
        found: dict[int, Image] = {}
        left = set(wanted)
        with self.source.open() as stream:
            picture = open_picture(stream, self.source)
            for i in range(wanted[-1] + 1):
                picture.seek(i)
                if i in left:
                    found[i] = Image.of_rgb(to_rgb(picture, self.source.name))
        return found
