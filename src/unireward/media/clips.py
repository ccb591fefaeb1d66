"""Clip and Index: what every decoder of moving pictures offers to :class:`Video`.

A decoder first counts (:class:`Index`), then fetches the few frames that a rule takes. Three
exist: ``container`` (PyAV), ``animation`` (GIF, WebP and PNG by Pillow) and lists of images here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from unireward.media.image import Image

CLOCK_SLACK = 0.0005
"""Timestamps are rounded to their container's clock, of a millisecond at the coarsest."""


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


class Clip(Protocol):
    """A decoder of one source's frames: an :class:`Index` first, then the frames asked for."""

    def index(self, until: float | None) -> Index:
        """Count the frames, up to ``until`` seconds (and maybe beyond)."""
        ...

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        """The frames at ``wanted`` (ascending, each once), as RGB."""
        ...


class ListClip:
    """A list of images as a clip: no clock of its own, sizes as the first."""

    def __init__(self, images: tuple[Image, ...], name: str) -> None:
        self.images = images
        self.name = name

    def index(self, until: float | None) -> Index:
        return Index(size=self.images[0].size, count=len(self.images), times=None)

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        return {i: self.images[i] for i in wanted}
