"""Technical quality: degraded styles and planted artefacts, with strengths that are the truth.

All functions take uint8 [H, W, 3] and return a new array of the same shape. They use only the
picture's own pixels and the generator given, so two candidates degraded with equal generators
stay equal wherever they were equal before.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from unireward.errors import InputError
from unireward.world.scene import pick

STYLES = ("clean", "blurred", "noisy", "banded")
STRENGTHS = (1, 2, 3, 4)
"""Strength s takes s points off the top score of 5."""
ARTEFACTS = ("torn", "bleed", "checker", "missing")

_BLUR = (0.0, 1.0, 1.7, 2.5, 3.5)
_NOISE = (0.0, 12.0, 24.0, 40.0, 62.0)
_BANDS = (0.0, 0.12, 0.24, 0.4, 0.6)
_BOX = (0.0, 0.14, 0.2, 0.27, 0.35)
"""Long side of an artefact's box in canvas units, by severity."""

Box = tuple[int, int, int, int]


def apply_style(image: np.ndarray, style: str, level: int, rng: np.random.Generator) -> np.ndarray:
    """``image`` in a style of ``STYLES`` at strength 0 (unchanged) to 4."""
    if style not in STYLES:
        raise InputError(f"style {style!r} is unknown; set style to one of {', '.join(STYLES)}")
    if level == 0 or style == "clean":
        return image
    if style == "blurred":
        radius = _BLUR[level] * image.shape[0] / 96
        return np.asarray(Image.fromarray(image).filter(ImageFilter.GaussianBlur(radius)))
    if style == "noisy":
        noise = rng.standard_normal(image.shape, dtype=np.float32)
        return np.clip(image + noise * _NOISE[level], 0, 255).astype(np.uint8)
    return _banded(image, level, rng)


def _banded(image: np.ndarray, level: int, rng: np.random.Generator) -> np.ndarray:
    """Dark scan lines across, four to a sixth of the picture's height."""
    rows = np.arange(image.shape[0])
    period = max(4, image.shape[0] // 12)
    dark = ((rows + int(rng.random() * period)) % period) < period // 2
    factor = np.where(dark, 1 - _BANDS[level], 1.0).astype(np.float32)
    return (image * factor[:, None, None]).astype(np.uint8)


def plant_artefact(
    image: np.ndarray,
    rng: np.random.Generator,
    severity: int | None = None,
    kind: str | None = None,
) -> tuple[np.ndarray, Box]:
    """One artefact of ``severity`` 1 to 4 (drawn if not given) and its box x0, y0, x1, y1.

    The box is long and thin, so no thing vanishes behind it; of several spots the one with most
    to spoil is taken.
    """
    severity = pick(rng, STRENGTHS) if severity is None else severity
    kind = pick(rng, ARTEFACTS) if kind is None else kind
    box = _spot(image, rng, severity)
    return spoil_box(image, box, kind, severity, rng), box


def spoil_box(
    image: np.ndarray, box: Box, kind: str, severity: int, rng: np.random.Generator
) -> np.ndarray:
    """``image`` with an artefact of ``kind`` in ``box`` (x0, y0, x1, y1 in pixels)."""
    x0, y0, x1, y1 = box
    spoiled = image.copy()
    spoiled[y0:y1, x0:x1] = _SPOIL[kind](spoiled[y0:y1, x0:x1], rng, severity)
    return spoiled


def _spot(image: np.ndarray, rng: np.random.Generator, severity: int) -> Box:
    height, width = image.shape[:2]
    long = round(_BOX[severity] * width)
    short = max(5, round(long * 0.42))
    w, h = (long, short) if rng.random() < 0.5 else (short, long)
    best, most = (0, 0), -1.0
    for _ in range(5):
        x, y = int(rng.random() * (width - w)), int(rng.random() * (height - h))
        spread = float(np.ptp(image[y : y + h : 2, x : x + w : 2, 1].astype(np.int16)))
        if spread > most:
            best, most = (x, y), spread
    return best[0], best[1], best[0] + w, best[1] + h


def _torn(patch: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """Rows slide apart and wrap around."""
    shifts = (rng.random(len(patch)) * patch.shape[1]).astype(int)
    columns = (np.arange(patch.shape[1])[None, :] + shifts[:, None]) % patch.shape[1]
    torn = np.take_along_axis(patch, columns[..., None], axis=1)
    # Blank paper torn looks like blank paper: every other strip is darker.
    torn[::2] = torn[::2] * np.float32(0.9 - 0.12 * severity)
    return torn


def _bleed(patch: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A saturated hue runs into the picture."""
    hue = np.asarray(pick(rng, ((255, 0, 160), (0, 255, 90), (70, 60, 255))), np.float32)
    share = 0.3 + 0.13 * severity
    return (patch * (1 - share) + hue * share).astype(np.uint8)


def _checker(patch: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    rows, columns = np.indices(patch.shape[:2])
    odd = ((rows // 2 + columns // 2 + int(rng.random() * 2)) % 2).astype(bool)
    changed = patch.copy()
    share = 0.35 + 0.14 * severity
    changed[odd] = (patch[odd] * (1 - share) + (255 - patch[odd].astype(np.int16)) * share).astype(
        np.uint8
    )
    return changed


def _missing(patch: np.ndarray, rng: np.random.Generator, severity: int) -> np.ndarray:
    """A grey hole."""
    share = 0.5 + 0.12 * severity
    grey = 105 + 40 * rng.random()
    return (patch * (1 - share) + grey * share).astype(np.uint8)


_SPOIL = {"torn": _torn, "bleed": _bleed, "checker": _checker, "missing": _missing}
