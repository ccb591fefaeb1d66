"""Whether a video file is whole, told from its outermost boxes without decoding.

A decoder of a file that was cut off happily gives the frames that are left; judged like that, a
clip would be another clip. Containers that state their length are held to it.
"""

from __future__ import annotations

from typing import BinaryIO

_BOXES = frozenset(
    {
        *(b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"uuid"),
        *(b"meta", b"sidx", b"styp", b"udta", b"pdin", b"ssix", b"prft", b"emsg"),
    }
)


def is_cut_short(stream: BinaryIO, kind: str) -> bool:
    """True where the container says that there must be more bytes than there are.

    ``kind`` as :func:`source.sniff` tells it. MPEG streams, FLV, OGG and the like state no
    length and are never called cut.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    if kind == "mp4":
        return _mp4(stream, size)
    head = stream.read(64)
    if kind == "matroska":
        end = _matroska_end(head)
    elif kind == "avi":
        end = 8 + int.from_bytes(head[4:8], "little")
    else:
        return False
    return end is not None and end > size


def _mp4(stream: BinaryIO, size: int) -> bool:
    """Walk the boxes (ISO/IEC 14496-12, 4.2): 4 bytes of length, 4 of name."""
    at = 0
    while at + 8 <= size:
        stream.seek(at)
        head = stream.read(16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length == 0 or name not in _BOXES:
            return False  # to the end of the file; or padding behind the last box
        if length < 8:
            return False
        at += length
    return at > size


def _matroska_end(head: bytes) -> int | None:
    """Where the segment ends (RFC 8794, 4 and 6), None for a length that is not stated."""
    found = _vint(head, 4)
    if found is None:
        return None
    length, at = found
    at += length
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return None
    found = _vint(head, at + 4)
    return None if found is None else found[0] + found[1]


def _vint(data: bytes, at: int) -> tuple[int, int] | None:
    """``(value, offset behind it)`` of a variable-length integer; None if absent or unknown."""
    if at >= len(data) or data[at] == 0:
        return None
    width = 9 - data[at].bit_length()
    raw = data[at : at + width]
    if len(raw) < width:
        return None
    value = int.from_bytes(raw, "big") & ((1 << 7 * width) - 1)
    return None if value == (1 << 7 * width) - 1 else (value, at + width)
