"""What stands in a picture of the drawn world, read from its pixels alone.

>>> seen = see(pixels)                                  # uint8 [32, 32, 3]
>>> [(thing.colour, thing.shape) for thing in seen.things]
[('red', 'circle'), ('red', 'circle')]

Pictures are square, of ``LEAST_SIDE`` to ``MOST_SIDE`` pixels; 32 to 96 are what it is made for.
None of those makes it fail: what is none of the world's has no background, or things of a large
``residual``, or a ``leftover``. A thing of a radius of 3 pixels (a small one on 32) shows that it
is marked, but hardly whether striped or dotted. Digits are not read.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unireward.errors import InputError
from unireward.world.checker.bank import bank_of
from unireward.world.checker.blobs import blobs
from unireward.world.checker.field import Field, ink
from unireward.world.checker.fit import LEAST, Fit, explain, support
from unireward.world.checker.ground import find_ground
from unireward.world.checker.seen import Seen, SeenThing, size_of
from unireward.world.words import SHAPES

LEAST_SIDE, MOST_SIDE = 24, 128
"""Pixels a side of the pictures that are read."""
_NO_THING = 0.6
"""Residual from which what was fitted is no thing, but left over."""


def see(pixels: np.ndarray) -> Seen:
    """Everything seen in uint8 [S, S, 3]. Raises :class:`InputError` for any other array."""
    refuse_unreadable(pixels, "pixels", ndim=3)
    size = pixels.shape[0]
    values = pixels.astype(np.float32)
    ground = find_ground(values)
    if ground is None:
        return Seen(None, (), 1.0)
    fits, rest = explain(values - ground.pixels, ground.pixels)
    left = Field(rest, bank_of(size).reach)
    read = [(fit, _thing(fit, left)) for fit in fits]
    standing = [fit for fit, thing in read if thing.residual < _NO_THING]
    things = [thing for _, thing in read if thing.residual < _NO_THING]
    things.sort(key=lambda thing: (thing.y, thing.x))
    failed = sum(float(fit.cover.sum()) for fit, thing in read if thing.residual >= _NO_THING)
    leftover = min(1.0, failed / size**2 + _leftover(left, standing))
    return Seen(ground.index, tuple(things), leftover)


def refuse_unreadable(pixels: Any, name: str, ndim: int) -> None:
    """Raises :class:`InputError` for what is not uint8 [..., S, S, 3] of a readable size."""
    layout = "[S, S, 3]" if ndim == 3 else "[T, S, S, 3]"
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8:
        kind = pixels.dtype if isinstance(pixels, np.ndarray) else type(pixels).__name__
        raise InputError(f"{name} is {kind}; give a uint8 array {layout}")
    shape = pixels.shape
    if len(shape) != ndim or shape[-1] != 3 or shape[-2] != shape[-3]:
        raise InputError(f"{name} has shape {list(shape)}; give a uint8 array {layout}")
    if not LEAST_SIDE <= shape[-2] <= MOST_SIDE:
        raise InputError(
            f"{name} is {shape[-2]} pixels a side; resize it to {LEAST_SIDE} to {MOST_SIDE}"
        )


def _thing(fit: Fit, left: Field) -> SeenThing:
    paint = fit.paint
    energy = float((paint * paint).sum())
    off = left.window(fit.row, fit.column)[support(fit)]
    others = np.delete(fit.others, SHAPES.index(fit.look.shape))
    y, x = fit.centre
    radius = fit.look.half / 2 / left.size
    return SeenThing(
        colour=fit.colour,
        shape=fit.look.shape,
        size=size_of(radius),
        texture=fit.look.texture,
        x=x / left.size,
        y=y / left.size,
        radius=radius,
        turn=fit.look.turn,
        residual=float((off * off).sum()) / energy,
        margin=(fit.gain - float(others.max())) / energy,
    )


def _leftover(left: Field, fits: list[Fit]) -> float:
    """Share of the canvas in blobs that stand out and are not where a thing stands."""
    taken = Field(np.zeros((left.size, left.size, 1), bool), left.reach)
    for fit in fits:
        taken.window(fit.row, fit.column)[..., 0] |= support(fit)
    stands_out = ink(left.values) & ~taken.values[..., 0]
    area = left.size * left.size
    return sum(blob.area for blob in blobs(stands_out, round(LEAST * area))) / area
