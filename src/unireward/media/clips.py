"""Clip and Index: what every decoder of moving pictures offers to :class:`Video`.

A decoder first counts (:class:`Index`), then fetches the few frames that a rule takes. Three
exist: ``container`` (PyAV), ``animation`` (GIF and WebP by Pillow) and lists of images here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from unireward.errors import MediaError
from unireward.media.image import Image
from unireward.media.limits import get_limits

CLOCK_SLACK = 0.0005
"""Timestamps are rounded to their container's clock, of a millisecond at the coarsest."""


class StaleIndexError(MediaError):
    """An index made without decoding proved wrong on decoding. Never leaves this package."""


@dataclass
class Index:
    """The frames of a source, counted: ``count`` >= 1, ``size`` (width, height) as shown.

    ``times`` are seconds from the first frame, ascending, None where nothing says; ``seconds``
    is the end of the last frame on the same clock. ``rate`` is the container's own word.
    """

    size: tuple[int, int]
    count: int
    times: list[float] | None
    seconds: float = 0.0
    rate: float | None = None
    plan: Any = None
    """What the decoder that made it needs to find frames again."""


class Window:
    """Tells a decoder that counts when what follows no longer matters.

    That is beyond ``end``, or when there are more frames after ``start`` than the limits allow
    (which :class:`Video` then refuses). ``fps`` replaces the container's clock.
    """

    def __init__(self, start: float | None, end: float | None, fps: float | None) -> None:
        self.start, self.end, self.fps = start, end, fps
        self._count = self._inside = 0

    def fresh(self) -> Window:
        """The same window with nothing counted yet."""
        return Window(self.start, self.end, self.fps)

    def passed(self, time: float) -> bool:
        """Count one frame; True when none that comes ``time`` seconds or later is needed."""
        if self.fps is not None:
            time = self._count / self.fps
        self._count += 1
        self._inside += time >= (self.start or 0.0)
        beyond = self.end is not None and time > self.end + CLOCK_SLACK
        return beyond or self._inside > get_limits().max_frames


class Clip(Protocol):
    """A decoder of one source's frames."""

    def index(self, window: Window, exact: bool = False) -> Index:
        """Count the frames at least to the end of ``window``."""
        ...

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        """The frames at ``wanted`` (ascending, each once), as RGB.

        :class:`StaleIndexError` where the index proves wrong and ``exact`` was not asked.
        """
        ...


class ListClip:
    """A list of images as a clip: no clock of its own, sizes as the first."""

    def __init__(self, images: tuple[Image, ...]) -> None:
        self.images = images

    def index(self, window: Window, exact: bool = False) -> Index:
        return Index(size=self.images[0].size, count=len(self.images), times=None)

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        return {i: self.images[i] for i in wanted}
