"""How many frames a GIF or WebP holds and how long each is shown, without decoding any."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

from unireward.media.image import check_pixels

DEFAULT_DELAY = 0.1
"""Seconds of a frame whose delay is under 0.02: what browsers and FFmpeg make of it."""


def frame_delays(stream: BinaryIO, kind: str, name: str) -> Iterator[float]:
    """Seconds of each frame, lazily. ``kind`` is gif or webp; EOFError for a file cut short.

    :class:`MediaError`, with ``name``, for a GIF's frame that is beyond ``max_pixels``.
    """
    for delay in _gif(stream, name) if kind == "gif" else _webp(stream):
        yield delay if delay >= 0.02 else DEFAULT_DELAY


def is_animated(stream: BinaryIO, kind: str, name: str) -> bool:
    """Whether there is a second frame."""
    delays = frame_delays(stream, kind, name)
    return next(delays, None) is not None and next(delays, None) is not None


def _gif(stream: BinaryIO, name: str) -> Iterator[float]:
    """Walk the blocks of a GIF (GIF89a, 17-27): extensions, pictures, trailer."""
    head = _exactly(stream, 13)
    _skip_table(stream, head[10])
    delay = 0
    # Files without a trailer are common and whole; one cut inside a block is not.
    while (mark := stream.read(1)) not in (b"", b";"):
        if mark == b"!":
            label = _exactly(stream, 1)
            block = _exactly(stream, _exactly(stream, 1)[0])
            if label == b"\xf9" and len(block) >= 4:
                delay = int.from_bytes(block[1:3], "little")
            if block:
                _skip_blocks(stream)
        elif mark == b",":
            *box, flags = struct.unpack("<HHHHB", _exactly(stream, 9))
            # Pillow widens the canvas to a frame that is larger.
            check_pixels((max(1, box[0] + box[2]), max(1, box[1] + box[3])), name)
            _skip_table(stream, flags)
            _exactly(stream, 1)  # LZW code size
            _skip_blocks(stream)
            yield delay / 100
            delay = 0
        elif mark != b"\0":
            return  # Pillow, too, stops at what is no block


def _skip_table(stream: BinaryIO, flags: int) -> None:
    if flags & 0x80:
        _exactly(stream, 3 << ((flags & 7) + 1))


def _skip_blocks(stream: BinaryIO) -> None:
    while size := _exactly(stream, 1)[0]:
        _exactly(stream, size)


def _webp(stream: BinaryIO) -> Iterator[float]:
    """Walk the chunks of a WebP (RFC 9649): one ANMF a frame, none in a still picture."""
    stream.seek(12)
    animated = False
    while len(head := stream.read(8)) == 8:
        size = int.from_bytes(head[4:], "little")
        if head[:4] == b"ANMF":
            animated = True
            yield int.from_bytes(_exactly(stream, 16)[12:15], "little") / 1000
            size -= 16
        stream.seek(size + (size & 1), 1)
    if not animated:
        yield 0.0


def _exactly(stream: BinaryIO, count: int) -> bytes:
    data = stream.read(count)
    if len(data) != count:
        raise EOFError("the file ends within a block")
    return data
