"""MediaEncoder: images and videos as the data URLs that an endpoint is sent.

An image is a JPEG of quality 95 of its RGB pixels at its own size, within the part's
``max_pixels`` (what the published judges' serving scripts send). One shown in many asks is
encoded once: URLs stay, keyed by content, in a store of bounded bytes that forgets the one used
longest ago. Threads that want the same one at once wait for the first of them.
"""

from __future__ import annotations

import base64
import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import Any

from unireward.ask import ImageContent, VideoContent
from unireward.errors import MediaError
from unireward.media.source import Source

QUALITY = 95
_VIDEO_TYPES = {".webm": "video/webm", ".mkv": "video/x-matroska", ".mov": "video/quicktime"}


class MediaEncoder:
    """``url(part)`` is the data URL of a media part. Thread-safe; ``max_bytes`` bounds the store.

    ``video`` allows native video parts (a server extension, ``video_url``).
    """

    def __init__(self, *, max_bytes: int = 256 << 20, video: bool = False) -> None:
        self.max_bytes = max_bytes
        self.video = video
        self.encoded = 0
        """How many times something was really encoded."""
        self._lock = threading.Lock()
        self._urls: OrderedDict[tuple[Any, ...], Future[str]] = OrderedDict()
        self._bytes = 0

    def part(self, part: ImageContent | VideoContent) -> dict[str, Any]:
        """The content part of an OpenAI-shaped message for ``part``."""
        kind = _kind(part)
        return {"type": kind, kind: {"url": self.url(part)}}

    def named(self, part: ImageContent | VideoContent) -> dict[str, Any]:
        """As :meth:`part`, with the ``uuid`` beside the medium by which vLLM caches it."""
        return self.part(part) | {"uuid": media_uuid(part)}

    @staticmethod
    def bare(part: ImageContent | VideoContent) -> dict[str, Any]:
        """The ``uuid`` alone, for a server that has seen the medium under it.

        vLLM's form for that (pull request 23950): the medium's own object is empty.
        """
        kind = _kind(part)
        return {"type": kind, kind: {}, "uuid": media_uuid(part)}

    def url(self, part: ImageContent | VideoContent) -> str:
        """Raises :class:`MediaError` for what cannot be read or may not be sent."""
        key = tuple(part.token())
        with self._lock:
            kept = self._urls.get(key)
            if kept is not None:
                self._urls.move_to_end(key)
            else:
                made: Future[str] = Future()
                self._urls[key] = made
        if kept is not None:
            return kept.result()
        try:
            url = self._image(part) if isinstance(part, ImageContent) else self._video(part)
        except BaseException as error:
            with self._lock:
                self._urls.pop(key, None)
            made.set_exception(error)
            raise
        made.set_result(url)
        self._keep(len(url))
        return url

    def _keep(self, size: int) -> None:
        with self._lock:
            self.encoded += 1
            self._bytes += size
            for key, url in list(self._urls.items()):
                if self._bytes <= self.max_bytes:
                    return
                if url.done():
                    del self._urls[key]
                    self._bytes -= len(url.result())

    @staticmethod
    def _image(part: ImageContent) -> str:
        image = part.image if part.max_pixels is None else part.image.fit(part.max_pixels)
        return _data_url("image/jpeg", image.jpeg(QUALITY))

    def _video(self, part: VideoContent) -> str:
        video = part.video
        if not self.video:
            raise MediaError(
                f"{video.name}: this endpoint is not known to take native video; ask with the "
                "layout 'frames', or say video=True where the server has video_url"
            )
        given = video.path if video.path is not None else video.data
        if given is None or video.is_cut:
            raise MediaError(
                f"{video.name}: only a whole video file can be sent as native video; ask with "
                "the layout 'frames'"
            )
        suffix = video.path.suffix.lower() if video.path is not None else ".mp4"
        return _data_url(_VIDEO_TYPES.get(suffix, "video/mp4"), Source(given).read())


def media_uuid(part: ImageContent | VideoContent) -> str:
    """The content's digest, and the bound on its pixels where it has one.

    vLLM takes it for the medium itself (nothing checks that the data fits it), so it tells apart
    whatever is sent as different bytes.
    """
    _, digest, *_ = part.token()
    return digest if part.max_pixels is None else f"{digest}-{part.max_pixels}"


def _kind(part: ImageContent | VideoContent) -> str:
    return "image_url" if isinstance(part, ImageContent) else "video_url"


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
