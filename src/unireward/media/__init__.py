"""Image and Video: lazy handles that hash by content and decode within bounds.

::

    media_of("a.png")                                   # Image; nothing is read yet
    frames = Video("clip.mp4").frames(FrameRule.parse("uniform:8"))
    frames.images[0].load(), frames.indices, frames.times

``pixels`` says how every kind of picture becomes RGB, ``rules`` which frames a rule takes,
``limits`` what is refused. Whatever cannot be read is a ``MediaError`` for that one record.
"""

from __future__ import annotations

import os
from typing import Any

from unireward.errors import MediaError
from unireward.media.delays import is_animated
from unireward.media.image import Image, is_pil
from unireward.media.limits import MediaLimits, get_limits, set_limits, use_limits
from unireward.media.rules import FrameRule
from unireward.media.source import (
    IMAGE_FORMATS,
    IMAGE_SUFFIXES,
    SUPPORTED,
    VIDEO_SUFFIXES,
    Source,
    clip,
    reading,
    sniff,
    unknown,
)
from unireward.media.video import Frames, Video, VideoInfo

__all__ = [
    "SUPPORTED",
    "FrameRule",
    "Frames",
    "Image",
    "MediaLimits",
    "Video",
    "VideoInfo",
    "get_limits",
    "media_of",
    "set_limits",
    "use_limits",
]


def media_of(source: Any) -> Image | Video:
    """An :class:`Image` or :class:`Video` of a path, bytes, PIL image, array or list of frames.

    A path is told by its suffix without being read, by its content where the suffix is unknown
    or ``.gif``/``.webp`` (several frames make a video). Arrays of three dimensions or fewer are
    images, of four videos. :class:`MediaError` names the supported kinds.
    """
    if isinstance(source, Image | Video):
        return source
    if isinstance(source, str | os.PathLike):
        found = Source(source)
        assert found.path is not None
        suffix = found.path.suffix.lower()
        if suffix in IMAGE_SUFFIXES:
            return Image(source)
        return Video(source) if suffix in VIDEO_SUFFIXES else _by_content(found, source)
    if isinstance(source, bytes | bytearray | memoryview):
        return _by_content(Source(source), source)
    if isinstance(source, list | tuple):
        return Video(source)
    if is_pil(source):
        return Image(source)
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        return Video(source) if getattr(source, "ndim", None) == 4 else Image(source)
    raise MediaError(
        f"media cannot be made of {clip(type(source).__name__)}; "
        "give a path, bytes, a PIL image, an array or a list of frames"
    )


def _by_content(found: Source, source: Any) -> Image | Video:
    head = found.head()
    kind = sniff(head)
    if kind is None:
        raise unknown(found, head, "an image or video")
    if kind in ("gif", "webp"):
        with found.open() as stream, reading(found.name):
            return Video(source) if is_animated(stream, kind, found.name) else Image(source)
    return Image(source) if kind in IMAGE_FORMATS else Video(source)
