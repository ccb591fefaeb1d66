"""Image: a lazy handle of one picture that hashes by content and decodes within bounds.

::

    image = Image("a.png")          # nothing is read yet
    image.size                      # (width, height) from the header, EXIF rotation applied
    image.load()                    # PIL, mode RGB, by the rules of ``media.pixels``
    image.fit(512 * 512).png()      # bytes of a PNG of at most that many pixels

A handle may be shared between threads, pickled and used as a key. A file is expected to stay as
it is while a handle to it lives.
"""

from __future__ import annotations

import hashlib
import math
import os
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from unireward.errors import MediaError
from unireward.media.limits import get_limits
from unireward.media.pixels import from_array, shown_size, to_rgb
from unireward.media.source import Source, clip, reading, sniff, unknown

if TYPE_CHECKING:
    from PIL import Image as PILImage

KEEP_PIXELS = 2_000_000
"""A decoded picture up to this many pixels stays with its handle."""

_READERS = {
    "png": ("PngImagePlugin", "PngImageFile"),
    "jpeg": ("JpegImagePlugin", "JpegImageFile"),
    "gif": ("GifImagePlugin", "GifImageFile"),
    "webp": ("WebPImagePlugin", "WebPImageFile"),
    "bmp": ("BmpImagePlugin", "BmpImageFile"),
    "tiff": ("TiffImagePlugin", "TiffImageFile"),
    "ppm": ("PpmImagePlugin", "PpmImageFile"),
    "avif": ("AvifImagePlugin", "AvifImageFile"),
    "jpeg2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
}


class Image:
    """A picture from a path, bytes, a PIL image, or an array (see :func:`pixels.from_array`).

    PIL images and arrays are copied at once, so drawing on them later changes nothing here.
    Methods raise :class:`MediaError` for what cannot be read or is beyond the limits.
    """

    __slots__ = ("_digest", "_picture", "_size", "_source")

    def __init__(self, source: Any) -> None:
        self._source: Source | None = None
        self._picture: PILImage.Image | None = None
        self._digest: str | None = None
        self._size: tuple[int, int] | None = None
        if isinstance(source, Image):
            self.__setstate__(source.__getstate__())
        elif isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
            self._source = Source(source)
        elif is_pil(source):
            check_pixels(source.size, "<PIL image>")
            with reading("<PIL image>"):
                self._picture = to_rgb(source, "<PIL image>")
        elif hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
            with reading("<array>"):
                picture = from_array(source, "<array>")
                check_pixels(picture.size, "<array>")
                self._picture = to_rgb(picture, "<array>")
        else:
            raise MediaError(
                f"an image cannot be made of {clip(type(source).__name__)}; "
                "give a path, bytes, a PIL image or an array"
            )

    @classmethod
    def of_rgb(cls, picture: PILImage.Image) -> Image:
        """Wrap a loaded RGB picture without a copy; the caller gives it away."""
        assert picture.mode == "RGB"
        image = cls.__new__(cls)
        image._source, image._picture, image._digest = None, picture, None
        image._size = picture.size
        return image

    @property
    def path(self) -> Path | None:
        """The file, None for a picture in memory."""
        return self._source.path if self._source is not None else None

    @property
    def data(self) -> bytes | None:
        """The encoded bytes it was made of, None for a path or pixels."""
        return self._source.data if self._source is not None else None

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._source.name if self._source is not None else "<pixels in memory>"

    @property
    def digest(self) -> str:
        """sha256 hex: of the file's bytes, or of mode, size and pixels of one in memory."""
        if self._digest is None:
            if self._source is not None:
                self._digest = self._source.digest()
            else:
                assert self._picture is not None
                width, height = self._picture.size
                content = hashlib.sha256(f"RGB {width}x{height} ".encode())
                content.update(self._picture.tobytes())
                self._digest = content.hexdigest()
        return self._digest

    @property
    def size(self) -> tuple[int, int]:
        """``(width, height)`` as shown (EXIF rotation applied), from the header alone."""
        if self._size is None:
            if self._picture is not None:
                self._size = self._picture.size
            else:
                assert self._source is not None
                with self._source.open() as stream, reading(self.name):
                    self._size = shown_size(open_picture(stream, self._source))
        return self._size

    def load(self) -> PILImage.Image:
        """The decoded picture, mode RGB; a copy of one's own to draw on."""
        if self._picture is not None:
            return self._picture.copy()
        assert self._source is not None
        with self._source.open() as stream, reading(self.name):
            picture = to_rgb(open_picture(stream, self._source), self.name)
        self._size = picture.size
        if picture.width * picture.height <= KEEP_PIXELS:
            self._picture = picture
            return picture.copy()
        return picture

    def png(self) -> bytes:
        """A PNG file of the picture as loaded."""
        return self._encoded("PNG", compress_level=6)

    def jpeg(self, quality: int = 95) -> bytes:
        """A JPEG file of the picture as loaded; ``quality`` 1 to 95."""
        return self._encoded("JPEG", quality=quality)

    def _encoded(self, kind: str, **options: Any) -> bytes:
        out = BytesIO()
        (self._picture or self.load()).save(out, kind, **options)
        return out.getvalue()

    def fit(self, max_pixels: int) -> Image:
        """Itself where width x height <= ``max_pixels`` (>= 1), else a smaller one (Lanczos).

        The shape is kept within a pixel, and each side is at least 1.
        """
        assert max_pixels >= 1
        width, height = self.size
        if width * height <= max_pixels:
            return self
        scale = math.sqrt(max_pixels / (width * height))
        new_width = min(max(1, int(width * scale)), max_pixels)
        new_height = min(max(1, int(height * scale)), max_pixels // new_width)
        from PIL.Image import Resampling

        picture = self._picture or self.load()
        return Image.of_rgb(picture.resize((new_width, new_height), Resampling.LANCZOS))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return self is other or self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"Image({self.name})"

    def __getstate__(self) -> tuple[Any, ...]:
        # A decoded copy of a file's pixels does not travel: the other side can read it again.
        picture = self._picture if self._source is None else None
        return self._source, picture, self._digest, self._size

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._source, self._picture, self._digest, self._size = state


def open_picture(stream: BinaryIO, source: Source) -> PILImage.Image:
    """Pillow's lazy picture over ``stream``: format by content, size within the limits.

    The plug-in is called directly, as ``PIL.Image.open`` would try every format and check sizes
    against a bound that belongs to the whole process.
    """
    head = stream.read(64)
    stream.seek(0)
    kind = sniff(head)
    if kind not in _READERS:
        head = source.head()
        raise unknown(source, head, "an image")
    if kind == "webp":
        # Pillow's decoder allocates the canvas when it opens the file.
        check_pixels(_webp_canvas(head), source.name)
    module, reader = _READERS[kind]
    picture = getattr(import_module(f"PIL.{module}"), reader)(stream)
    check_pixels(picture.size, source.name)
    return picture


def check_pixels(size: tuple[int, int], name: str) -> None:
    """:class:`MediaError` for a (width, height) beyond ``max_pixels``, or without pixels."""
    limit = get_limits().max_pixels
    width, height = size
    if width < 1 or height < 1:
        raise MediaError(f"{name}: is {width}x{height}, it has no pixels; make it again")
    if width * height > limit:
        raise MediaError(
            f"{name}: {width}x{height} is {width * height:,} pixels, the limit is {limit:,}; "
            "make it smaller or raise MediaLimits.max_pixels"
        )


def _webp_canvas(head: bytes) -> tuple[int, int]:
    """Canvas size from a WebP header (RFC 9649), (1, 1) where the header is of no known kind."""
    if head[12:16] == b"VP8X" and len(head) >= 30:
        return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
    if head[12:16] == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if head[12:16] == b"VP8 " and len(head) >= 30:
        width, height = head[26:28], head[28:30]
        return int.from_bytes(width, "little") & 0x3FFF, int.from_bytes(height, "little") & 0x3FFF
    return 1, 1


def is_pil(source: Any) -> bool:
    # Without importing Pillow: a PIL image cannot exist before somebody did.
    import sys

    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(source, module.Image)
