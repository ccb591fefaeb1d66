"""Where media come from: paths and bytes, checked and named before any decoder sees them.

Decoders are chosen by a file's first bytes, never by its name and never by a library's guess:
formats that can run programs or open further files (PostScript, playlists) stay out.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from unireward.errors import MediaError, UnirewardError
from unireward.media.limits import get_limits

HEAD = 512
"""How many first bytes tell a format."""

IMAGE_FORMATS = ("png", "jpeg", "gif", "webp", "bmp", "tiff", "ppm", "avif", "jpeg2000")
VIDEO_FORMATS = ("mp4", "matroska", "avi", "mpegts", "mpeg", "flv", "ogg", "asf", "y4m")
SUPPORTED = (
    "images: PNG, JPEG, GIF, WebP, BMP, TIFF, PPM, AVIF, JPEG 2000; "
    "videos: MP4/MOV, WebM/MKV, AVI, MPEG, FLV, OGG, WMV, Y4M, animated GIF or WebP"
)
IMAGE_SUFFIXES = frozenset(
    {
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".dib", ".tif", ".tiff"),
        *(".ppm", ".pgm", ".pbm", ".pnm", ".avif", ".jp2", ".j2k"),
    }
)
VIDEO_SUFFIXES = frozenset(
    {
        *(".mp4", ".m4v", ".mov", ".qt", ".3gp", ".webm", ".mkv", ".avi", ".ts", ".m2ts"),
        *(".mpg", ".mpeg", ".flv", ".ogv", ".wmv", ".asf", ".y4m"),
    }
)


class Source:
    """A path or bytes: ``name`` for messages, ``open()`` for a seekable stream, ``size``.

    Nothing is read on construction. ``open`` and ``head`` raise :class:`MediaError` for what is
    missing, empty, no regular file, or larger than ``max_bytes``.
    """

    __slots__ = ("data", "path")

    def __init__(self, source: str | os.PathLike[str] | bytes | bytearray | memoryview) -> None:
        self.path: Path | None = None
        self.data: bytes | None = None
        if isinstance(source, bytes | bytearray | memoryview):
            self.data = bytes(source)
            return
        text = os.fspath(source)
        if not isinstance(text, str):
            text = os.fsdecode(text)
        if not text:
            raise MediaError("media path is empty; give a file's path")
        if "://" in text[:32] or text.startswith("data:"):
            raise MediaError(f"{clip(text)}: addresses are not fetched; download it, give its path")
        self.path = Path(text)

    @property
    def name(self) -> str:
        if self.path is not None:
            return clip(str(self.path), 300)
        return f"<{len(self.data or b''):,} bytes in memory>"

    def check(self) -> int:
        """The size in bytes of a regular, non-empty file within the limits."""
        if self.data is not None:
            size = len(self.data)
        else:
            assert self.path is not None
            try:
                found = self.path.stat()
            except FileNotFoundError:
                raise MediaError(f"{self.name}: no such file; check the path") from None
            except (OSError, ValueError) as error:
                raise MediaError(f"{self.name}: {one_line(error)}; check the path") from None
            if stat.S_ISDIR(found.st_mode):
                raise MediaError(f"{self.name}: is a folder; give a file in it")
            if not stat.S_ISREG(found.st_mode):
                raise MediaError(f"{self.name}: is no regular file; copy it to one")
            size = found.st_size
        if size == 0:
            raise MediaError(f"{self.name}: is empty; make or download it again")
        limit = get_limits().max_bytes
        if size > limit:
            raise MediaError(
                f"{self.name}: has {size:,} bytes, the limit is {limit:,}; "
                "raise MediaLimits.max_bytes or make it smaller"
            )
        return size

    def open(self) -> BinaryIO:
        """A seekable binary stream at its start; the caller closes it."""
        self.check()
        if self.data is not None:
            return BytesIO(self.data)
        assert self.path is not None
        try:
            return self.path.open("rb")
        except OSError as error:
            raise MediaError(f"{self.name}: {one_line(error)}; check its permissions") from None

    def head(self) -> bytes:
        with self.open() as stream, reading(self.name):
            return stream.read(HEAD)

    def read(self) -> bytes:
        if self.data is not None:
            self.check()
            return self.data
        with self.open() as stream, reading(self.name):
            return stream.read()

    def digest(self) -> str:
        """sha256 hex of the bytes."""
        with self.open() as stream, reading(self.name):
            content = hashlib.sha256()
            while block := stream.read(1 << 20):
                content.update(block)
            return content.hexdigest()


def sniff(head: bytes) -> str | None:
    """The format that the first bytes tell, of IMAGE_FORMATS or VIDEO_FORMATS, else None."""
    if head[:4] == b"RIFF":
        return {b"WEBP": "webp", b"AVI ": "avi"}.get(head[8:12])
    if head[4:8] == b"ftyp":
        brands = {head[8:12], *(head[i : i + 4] for i in range(16, _box_end(head), 4))}
        if brands & {b"isom", b"iso2", b"mp41", b"mp42", b"qt  "}:
            return "mp4"
        if brands & {b"avif", b"avis"}:
            return "avif"
        # HEIF pictures share the box format, but Pillow has no decoder of them.
        return None if brands & {b"mif1", b"msf1", b"heic", b"heix"} else "mp4"
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[4:8] in (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mp4"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "ppm"
    packets = [head[at : at + 1] == b"G" for at in (0, 188, 376)]
    if len(head) > 376 and all(packets):
        return "mpegts"
    return None


_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\x00\x00\x01\xba", "mpeg"),
    (b"\x00\x00\x01\xb3", "mpeg"),
    (b"FLV\x01", "flv"),
    (b"OggS", "ogg"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"YUV4MPEG2 ", "y4m"),
)


def _box_end(head: bytes) -> int:
    return min(int.from_bytes(head[:4], "big"), len(head), 128)


def unknown(source: Source, head: bytes, wanted: str) -> MediaError:
    """The error for bytes of no known format."""
    looks = "holds text" if _is_text(head) else "is of no known format"
    return MediaError(f"{source.name}: {looks}, not {wanted}; supported are {SUPPORTED}")


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character may be cut at the end of the head.
        if error.start < len(head) - 4:
            return False
        text = head[: error.start].decode("utf-8")
    return all(char.isprintable() or char in "\t\r\n\ufeff" for char in text)


@contextmanager
def reading(name: str) -> Iterator[None]:
    """Turn whatever a decoder raises on broken bytes into one :class:`MediaError`.

    Decoders raise nearly anything on a hostile file (struct.error, IndexError, SyntaxError,
    zlib.error, MemoryError ...), so this is the one place where all of it is caught.
    """
    try:
        yield
    except UnirewardError:
        raise
    except Exception as error:
        reason = one_line(error)
        raise MediaError(
            f"{name}: cannot be decoded ({reason}); it is damaged or cut short, make it again"
        ) from error


def one_line(error: BaseException, limit: int = 160) -> str:
    """An exception as one short line without a path."""
    if isinstance(error, OSError) and error.strerror:
        return clip(str(error.strerror), limit)
    return clip(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, limit)


def clip(text: str, limit: int = 80) -> str:
    """One printable line of at most ``limit`` characters."""
    line = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
    return line if len(line) <= limit else line[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"
