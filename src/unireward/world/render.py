"""Scenes to pixels: cached antialiased masks blended into local patches, no loop over pixels.

``render(scene, size)`` gives uint8 [size, size, 3]. One mask is made per (shape, radius in
half pixels, turn, texture) and kept; a thing costs a few NumPy operations on its own patch.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from PIL import Image

from unireward.world.digits import ink
from unireward.world.things import Group, Scene
from unireward.world.words import DIGIT_SHAPES

RGB: dict[str, tuple[int, int, int]] = {
    "red": (218, 30, 38),
    "orange": (250, 134, 16),
    "yellow": (242, 208, 10),
    "green": (28, 150, 52),
    "cyan": (30, 196, 214),
    "blue": (32, 66, 214),
    "purple": (138, 40, 170),
    "black": (28, 28, 32),
}
_DARK_MARKS = frozenset({"yellow", "cyan", "orange"})
"""Stripes and dots are dark on these and pale on the others."""

_TINTS = (
    (246, 246, 244), (238, 243, 248), (248, 242, 233), (240, 247, 238),
    (247, 240, 245), (234, 236, 240), (250, 248, 238), (236, 245, 245),
)  # fmt: skip
_SLOPES = ((0, 0), (0, 7), (7, 0))
BACKGROUNDS = tuple((tint, slope) for tint in _TINTS for slope in _SLOPES)
"""Light tints, plain or with a slight slope of brightness (levels from edge to edge)."""
TURNS = (-16.0, -8.0, 0.0, 8.0, 16.0)
"""Rotation in degrees of each ``Body.turn``."""
_SUB = 4
"""Supersampling per axis for the masks' edges."""


def render(scene: Scene, size: int = 96) -> np.ndarray:
    """The clean picture, uint8 [size, size, 3]."""
    canvas = background(scene.background, size).copy()
    for group in (*scene.extras, *scene.groups, *scene.covers):
        draw(canvas, group)
    return canvas


def draw(canvas: np.ndarray, group: Group) -> None:
    """Blend a group's bodies into a square uint8 canvas, in place."""
    size = canvas.shape[0]
    for body in group.bodies:
        half = round(2 * body.radius * size)
        alpha, paint = _stamp(group.colour, group.shape, half, body.turn, group.texture)
        reach = alpha.shape[0] // 2
        top, left = int(body.y * size) - reach, int(body.x * size) - reach
        bottom, right = top + 2 * reach + 1, left + 2 * reach + 1
        if top < 0 or left < 0 or bottom > size or right > size:
            cut = (
                slice(max(0, -top), alpha.shape[0] - max(0, bottom - size)),
                slice(max(0, -left), alpha.shape[1] - max(0, right - size)),
            )
            alpha, paint = alpha[cut], paint[cut]
            top, left = max(0, top), max(0, left)
        patch = canvas[top : max(0, bottom), left : max(0, right)]
        patch[:] = patch * alpha + paint


@lru_cache(maxsize=256)
def background(index: int, size: int) -> np.ndarray:
    """``BACKGROUNDS[index]`` alone, uint8 [size, size, 3]; shared, so not to be written into."""
    tint, (down, across) = BACKGROUNDS[index]
    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    plane = down * ramp[:, None, None] + across * ramp[None, :, None]
    return np.clip(np.asarray(tint, np.float32) + plane, 0, 255).astype(np.uint8)


@lru_cache(maxsize=8192)
def _stamp(
    colour: str, shape: str, half: int, turn: int, texture: str
) -> tuple[np.ndarray, np.ndarray]:
    """What remains of the background [h, w, 1] and what is painted over it [h, w, 3]."""
    cover, marks = masks(shape, half, turn, texture)
    base, mark = paints(colour)
    painted = base + marks[..., None] * (mark - base)
    return 1 - cover[..., None], painted * cover[..., None] + 0.5


@lru_cache(maxsize=8)
def paints(colour: str) -> tuple[np.ndarray, np.ndarray]:
    """What a colour and its marks are painted with, float32 [3] each in 0 to 255."""
    base = np.asarray(RGB[colour], np.float32)
    return base, base * 0.42 if colour in _DARK_MARKS else base * 0.28 + 255 * 0.72


@lru_cache(maxsize=2048)
def masks(
    shape: str, half: int, turn: int, texture: str, shift: tuple[float, float] = (0.0, 0.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Coverage and share of marks per pixel, float32 [h, w] in [0, 1]; ``half`` is 2 x radius.

    ``shift`` moves the centre from the middle pixel's, in pixels down and across; ``render``
    never does. Handwritten digits are not shifted.
    """
    radius = half / 2
    reach = math.ceil(radius * 1.08)
    if shape in DIGIT_SHAPES:
        cover = _written(shape, turn, 2 * reach + 1)
        return cover, np.zeros_like(cover)
    n = (2 * reach + 1) * _SUB
    axis = ((np.arange(n) + 0.5) / _SUB - reach - 0.5) / radius
    across, down = np.meshgrid(axis - shift[1] / radius, axis - shift[0] / radius)
    angle = math.radians(TURNS[turn])
    x = across * math.cos(angle) + down * math.sin(angle)
    y = -across * math.sin(angle) + down * math.cos(angle)
    inside = _INSIDE[shape](x, y)
    within = radius / (radius - _RIM)
    marked = _MARKS[texture](x, y, radius) & _INSIDE[shape](x * within, y * within)
    return _shrink(inside), _shrink(marked & inside) / np.maximum(_shrink(inside), 1e-6)


def _written(shape: str, number: int, side: int) -> np.ndarray:
    """A handwritten digit enlarged smoothly, its ink made crisp."""
    small = Image.fromarray(ink(shape, number), mode="F")
    large = np.asarray(small.resize((side, side), Image.Resampling.BICUBIC))
    return np.clip(large * 2.2 - 0.6, 0, 1)


def _shrink(fine: np.ndarray) -> np.ndarray:
    h, w = fine.shape
    blocks = fine.reshape(h // _SUB, _SUB, w // _SUB, _SUB)
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _polygon(corners: list[tuple[float, float]], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Even-odd rule over the edges."""
    inside = np.zeros(x.shape, bool)
    for (x0, y0), (x1, y1) in zip(corners, corners[1:] + corners[:1]):
        if y0 != y1:
            crosses = (y0 > y) != (y1 > y)
            inside ^= crosses & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return inside


def _ring(radii: list[float], start: float) -> list[tuple[float, float]]:
    step = 2 * math.pi / len(radii)
    return [
        (r * math.sin(start + i * step), -r * math.cos(start + i * step))
        for i, r in enumerate(radii)
    ]


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    u, v = x * 1.2, -y * 1.2 + 0.12
    return (u * u + v * v - 1) ** 3 - u * u * v * v * v * 1.35 < 0


_TRIANGLE = [(0.0, -1.0), (0.96, 0.72), (-0.96, 0.72)]
_STAR = _ring([1.05, 0.46] * 5, 0.0)
_INSIDE = {
    "circle": lambda x, y: x * x + y * y < 0.93**2,
    "square": lambda x, y: (abs(x) < 0.745) & (abs(y) < 0.745),
    "triangle": lambda x, y: _polygon([(a * 0.88, b) for a, b in _TRIANGLE], x, y),
    "star": lambda x, y: _polygon(_STAR, x, y),
    "cross": lambda x, y: ((abs(x) < 0.33) & (abs(y) < 0.95)) | ((abs(y) < 0.33) & (abs(x) < 0.95)),
    "heart": _heart,
}
_RIM = 1.2
"""Pixels at the edge that stay unmarked, so that the silhouette is whole."""
_PERIOD = 6.0
"""Pixels from stripe to stripe and from dot to dot: what survives a reduction to two thirds."""
_MARKS = {
    "solid": lambda x, y, r: np.zeros(x.shape, bool),
    "striped": lambda x, y, r: np.mod((x + y) * r / 1.414 / _PERIOD + 0.25, 1) < 0.5,
    "dotted": lambda x, y, r: (
        (np.mod(x * r / _PERIOD + 0.5, 1) - 0.5) ** 2
        + (np.mod(y * r / _PERIOD + 0.5, 1) - 0.5) ** 2
        < 0.29**2
    ),
}
