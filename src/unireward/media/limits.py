"""MediaLimits: how much of a stranger's file we are willing to hold.

Every bound is checked from headers before anything is decoded, and what passes a bound is a
:class:`~unireward.errors.MediaError` for that one record::

    set_limits(MediaLimits(max_pixels=200_000_000))      # the whole process
    with use_limits(MediaLimits(max_frames=512)):        # this block (and its own context) only
        Video("clip.mp4").frames(FrameRule.parse("uniform:8"))

Worker threads see ``set_limits``; ``use_limits`` follows the context it was entered in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields

from unireward.errors import InputError


@dataclass(frozen=True)
class MediaLimits:
    """Upper bounds, inclusive; every one a positive number."""

    max_pixels: int = 50_000_000
    """Width x height of an image or of one frame."""
    max_bytes: int = 1 << 30
    """Size of one file, or of its bytes in memory."""
    max_seconds: float = 3_600.0
    """Length of a video, or of its cut where ``start`` and ``end`` are given."""
    max_frames: int = 36_000
    """Frames of a video or of its cut (ten minutes at 60 frames a second)."""
    max_sampled: int = 768
    """Frames that one rule may take. ``fps:N`` is thinned to this many; other rules are refused."""
    max_sampled_pixels: int = 500_000_000
    """Pixels of all frames that one rule takes together (three bytes each in memory)."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise InputError(f"MediaLimits.{field.name} is {value}; set a number above 0")


_DEFAULT = MediaLimits()
_process = _DEFAULT
_override: ContextVar[MediaLimits | None] = ContextVar("unireward_media_limits", default=None)


def get_limits() -> MediaLimits:
    """The limits in force here."""
    return _override.get() or _process


def set_limits(limits: MediaLimits | None) -> None:
    """Set the limits of this process, all threads; None sets the defaults again."""
    global _process  # noqa: PLW0603 - one setting for a process is what is meant
    _process = limits or _DEFAULT


@contextmanager
def use_limits(limits: MediaLimits) -> Iterator[MediaLimits]:
    """Other limits within a ``with`` block."""
    token = _override.set(limits)
    try:
        yield limits
    finally:
        _override.reset(token)
