"""Pixels: every kind of picture becomes 8-bit RGB by one set of rules.

- EXIF rotation is applied. Of PNG only an eXIf chunk before the pixels counts.
- Alpha (RGBA, LA, a palette's or a colour key's transparency) is composited on white.
- 16-bit greyscale is scaled, ``round(v * 255 / 65535)``; 16-bit colour keeps its high byte.
- 1-bit, greyscale, palette, CMYK, YCbCr, LAB and HSV become RGB by Pillow's own formulas.
- Floats must lie in 0..1 and become ``round(v * 255)``; 32-bit integers must lie in 0..65535.
- Of several frames or pages the first counts. Colour profiles (ICC) are ignored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unireward.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image as PILImage

ORIENTATION = 0x0112
_SWAPPED = (5, 6, 7, 8)


def orientation(picture: PILImage.Image) -> int:
    """The EXIF orientation 1..8 still to be applied, read from the header alone."""
    from PIL import Image as PILImage

    if getattr(picture, "format", None) == "TIFF":
        return 1  # Pillow turns TIFF itself on load, and its size says so already
    # The base class's method: PNG's own would decode all pixels to look behind them.
    found = PILImage.Image.getexif(picture).get(ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def shown_size(picture: PILImage.Image) -> tuple[int, int]:
    """``(width, height)`` after rotation, nothing decoded."""
    width, height = picture.size
    return (height, width) if orientation(picture) in _SWAPPED else (width, height)


def to_rgb(picture: PILImage.Image, name: str) -> PILImage.Image:
    """A new, loaded RGB picture by the rules above; ``name`` is for the message."""
    turn = orientation(picture)
    picture.load()
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        rgb = _from_deep(picture, name)
    elif "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        rgb = _on_white(picture)
    elif picture.mode == "RGB":
        rgb = picture.copy()
    else:
        rgb = picture.convert("RGB")
    rgb = _turned(rgb, turn)
    rgb.info = {}
    return rgb


def _turned(rgb: PILImage.Image, turn: int) -> PILImage.Image:
    from PIL.Image import Transpose

    method = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(turn)
    return rgb if method is None else rgb.transpose(method)


def _on_white(picture: PILImage.Image) -> PILImage.Image:
    from PIL import Image as PILImage

    if picture.mode == "La":
        picture = picture.convert("LA")
    rgba = picture.convert("RGBA")
    white = PILImage.new("RGBA", rgba.size, (255, 255, 255, 255))
    return PILImage.alpha_composite(white, rgba).convert("RGB")


def _from_deep(picture: PILImage.Image, name: str) -> PILImage.Image:
    """16-bit, 32-bit and float greyscale, a colour key of it on white."""
    import numpy as np

    values = np.asarray(picture)
    if values.dtype.kind in "iu":
        values = values.astype(np.int64)
    grey = _eight_bit(values, name)
    key = picture.info.get("transparency")
    if isinstance(key, int):
        grey = np.where(values == key, np.uint8(255), grey)
    return _from_uint8(grey).convert("RGB")


def _eight_bit(values: np.ndarray, name: str) -> np.ndarray:
    """uint8 of bool, 16-bit or 0..1 float values, by the module's rules."""
    import numpy as np

    if values.dtype == np.uint8:
        return values
    if values.dtype == np.bool_:
        return values.astype(np.uint8) * np.uint8(255)
    if values.dtype.kind in "iu":
        low, high = int(values.min()), int(values.max())
        if low < 0 or high > 65535:
            raise MediaError(
                f"{name}: integer pixels from {low} to {high} are out of 0..65535; "
                "save it with 8 or 16 bits"
            )
        # Integers only: 257 = 65535 / 255, and adding half of it rounds.
        return ((values.astype(np.int64) + 128) // 257).astype(np.uint8)
    if values.dtype.kind == "f":
        if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
            raise MediaError(
                f"{name}: float pixels must be finite and in 0..1; scale them, or give uint8 0..255"
            )
        return np.rint(values * 255).astype(np.uint8)
    raise MediaError(f"{name}: pixels of type {values.dtype} are unknown; give uint8 0..255")


def from_array(array: Any, name: str = "array") -> PILImage.Image:
    """A picture of an array [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (RGBA).

    uint8 0..255, bool, uint16 0..65535 or float 0..1; copied. :class:`MediaError` for others.
    """
    import numpy as np

    values = np.asarray(array)
    shape = "x".join(str(n) for n in values.shape) or "scalar"
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[:, :, 0]
    if values.size == 0:
        raise MediaError(f"{name}: shape {shape} holds no pixels; give height x width x 3")
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        first = values.ndim == 3 and values.shape[0] in (1, 3, 4)
        mend = "move the channels last (transpose(1, 2, 0))" if first else "give height x width x 3"
        raise MediaError(f"{name}: shape {shape} is no picture; {mend}")
    if values.dtype.kind in "iu" and values.dtype not in (np.uint8, np.uint16):
        raise MediaError(
            f"{name}: pixels of type {values.dtype} are ambiguous; give uint8 0..255 (or uint16)"
        )
    return _from_uint8(_eight_bit(values, name))


def _from_uint8(values: np.ndarray) -> PILImage.Image:
    import numpy as np
    from PIL import Image as PILImage

    height, width = values.shape[:2]
    mode = "L" if values.ndim == 2 else {3: "RGB", 4: "RGBA"}[values.shape[2]]
    return PILImage.frombytes(mode, (width, height), np.ascontiguousarray(values).tobytes())
