"""The world's own masks as rows of a matrix: what a thing can look like, whatever its colour.

A thing of a colour adds ``cover x base + marks x mark`` to the background, where ``base`` and
``mark`` (colours less background) are three numbers each. How well it explains a window of a
picture is then two scalar products with its cover and its marks, so that all shapes, sizes,
turns and textures are compared with all windows by one matrix product (``Bank.rows``)::

    bank = bank_of(32)
    bank.rows @ window          # [K]: window [2n] holds the difference along base and along mark

Masks stand in their window by their centre of mass, because that is what a blob shows. The rows
are on a coarse ladder of radii and whole pixels; ``Bank.variants`` are what lies between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from unireward.world.render import TURNS, masks
from unireward.world.words import SHAPES, TEXTURES

LEAST_RADIUS, MOST_RADIUS = 0.06, 0.178
"""Canvas units; a growing thing of a clip goes from 0.066 to 0.173."""
_STEP = 1.12
"""From one radius of the ladder to the next, or half a pixel where that is more."""
_FINE = 48
"""Pixels a side up to which half pixels of the centre are searched."""
_HALVES = tuple((y, x) for y in (0.0, -0.5, 0.5) for x in (0.0, -0.5, 0.5))
_UPRIGHT = TURNS.index(0.0)
"""The one turn that a circle without marks is given: its others look the same."""

Squares = np.ndarray
"""[..., 3]: the sums over a window of cover x cover, cover x marks, marks x marks."""


@dataclass(frozen=True)
class Look:
    """A mask: ``half`` is twice the radius in pixels, ``shift`` the centre's in pixels down and
    across, ``lean`` where the centre of mass lies from the centre, in whole pixels."""

    shape: str
    half: int
    turn: int
    texture: str
    lean: tuple[int, int]
    shift: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, eq=False)
class Variants:
    """A look and those between it and the next ones: ``rows`` [V, 2n], ``squares`` [V, 3]."""

    looks: tuple[Look, ...]
    rows: np.ndarray
    squares: Squares


@dataclass(frozen=True, eq=False)
class Bank:
    """All looks at one size of picture. ``rows`` float32 [K, 2n], cover then marks, each a square
    window of ``2 x reach + 1`` pixels a side; ``squares`` [K, 3]; ``by_shape`` which rows
    are of each of ``SHAPES``."""

    size: int
    reach: int
    looks: tuple[Look, ...]
    rows: np.ndarray
    squares: Squares
    by_shape: tuple[np.ndarray, ...]
    between: dict[int, tuple[int, ...]]
    """Radii (halves) around each one of the ladder that are nearer to it than to the next."""

    @property
    def side(self) -> int:
        return 2 * self.reach + 1

    def variants(self, index: int) -> Variants:
        return _variants(self.size, index)


@lru_cache(maxsize=4)
def bank_of(size: int) -> Bank:
    """The bank for pictures of ``size`` x ``size`` pixels."""
    least, most = (round(2 * radius * size) for radius in (LEAST_RADIUS, MOST_RADIUS))
    ladder = _ladder(least, most)
    looks = tuple(
        Look(shape, half, turn, texture, _lean(shape, half, turn))
        for shape in SHAPES
        for texture in TEXTURES
        for half in ladder
        for turn in range(len(TURNS))
        if turn == _UPRIGHT or (shape, texture) != ("circle", "solid")
    )
    reach = max(_reach(look.half) + max(map(abs, look.lean)) for look in looks)
    rows = np.stack([_row(look, reach) for look in looks])
    shapes = np.array([look.shape for look in looks])
    by_shape = tuple(np.flatnonzero(shapes == shape) for shape in SHAPES)
    between = {half: _between(ladder, at) for at, half in enumerate(ladder)}
    return Bank(size, reach, looks, rows, _squares(rows), by_shape, between)


def _ladder(least: int, most: int) -> list[int]:
    ladder = [least]
    while ladder[-1] < most:
        ladder.append(min(most, max(ladder[-1] + 1, round(ladder[-1] * _STEP))))
    return ladder


def _between(ladder: list[int], at: int) -> tuple[int, ...]:
    below = ladder[max(0, at - 1)]
    above = ladder[min(len(ladder) - 1, at + 1)]
    low, high = (below + ladder[at]) // 2 + 1, (ladder[at] + above) // 2
    return tuple(half for half in range(min(low, ladder[at]), max(high, ladder[at]) + 1))


@lru_cache(maxsize=2048)
def _variants(size: int, index: int) -> Variants:
    bank = bank_of(size)
    look = bank.looks[index]
    shifts = _HALVES if size <= _FINE else _HALVES[:1]
    looks = tuple(
        Look(look.shape, half, look.turn, look.texture, look.lean, shift)
        for half in bank.between[look.half]
        for shift in shifts
    )
    rows = np.stack([_row(each, bank.reach) for each in looks])
    return Variants(looks, rows, _squares(rows))


def _lean(shape: str, half: int, turn: int) -> tuple[int, int]:
    cover, _ = masks(shape, half, turn, "solid")
    middle = cover.shape[0] // 2
    rows, columns = np.indices(cover.shape) - middle
    weight = cover.sum()
    return round(float((cover * rows).sum() / weight)), round(
        float((cover * columns).sum() / weight)
    )


def _reach(half: int) -> int:
    """As far as ``masks`` reach from their middle pixel."""
    return math.ceil(half / 2 * 1.08)


def _row(look: Look, reach: int) -> np.ndarray:
    cover, marks = masks(look.shape, look.half, look.turn, look.texture, look.shift)
    side, own = 2 * reach + 1, cover.shape[0]
    top, left = (reach - own // 2 - lean for lean in look.lean)
    window = np.zeros((2, side, side), np.float32)
    window[0, top : top + own, left : left + own] = cover
    window[1, top : top + own, left : left + own] = cover * marks
    return window.reshape(-1)


def _squares(rows: np.ndarray) -> Squares:
    cover, marks = np.split(rows, 2, axis=-1)
    return np.stack(
        [(cover * cover).sum(-1), (cover * marks).sum(-1), (marks * marks).sum(-1)], axis=-1
    )
