"""Health: pictures and clips that no judge should see, since nothing was drawn in them.

::

    fault_of(np.zeros((32, 32, 3), np.uint8))           # "black"
    fault_of(clip)                                       # "black frame 3" of a clip [T, H, W, 3]
    fault_of(Image("a.png"))                             # None: there is something in it

What is found, in this order: ``not finite`` (a number of a float array is NaN or infinite),
``black`` (no pixel above :data:`DARK`), ``flat`` (each colour channel within :data:`FLAT` from
end to end), and of clips ``black frame K``, K from 0. A clip is black or flat if all its frames
are; a still one is legal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unireward.media import Image, Video

if TYPE_CHECKING:
    import numpy as np

DARK = 5
FLAT = 5
"""Of 255. Compression moves a uniform picture by less."""


def fault_of(made: Any) -> str | None:
    """What is wrong with a picture [H, W, 3] or clip [T, H, W, 3], uint8 or floats in [0, 1] (an
    array, an :class:`Image` or a :class:`Video`); None if nothing.

    Raises :class:`~unireward.errors.MediaError` for a medium that cannot be read.
    """
    import numpy as np

    pixels = _pixels(made)
    if not np.isfinite(pixels).all():
        return "not finite"
    if pixels.dtype != np.uint8:
        pixels = np.rint(pixels.clip(0, 1) * 255).astype(np.uint8)
    frames = pixels if pixels.ndim == 4 else pixels[None]
    dark = frames.max(axis=(1, 2, 3)) <= DARK
    if dark.all():
        return "black"
    if (np.ptp(frames, axis=(1, 2)) <= FLAT).all():
        return "flat"
    return f"black frame {int(dark.argmax())}" if dark.any() else None


def _pixels(made: Any) -> np.ndarray:
    import numpy as np

    if isinstance(made, Image):
        return np.asarray(made.load())
    if isinstance(made, Video):
        return made.frames("all").pixels()
    return np.asarray(made)
