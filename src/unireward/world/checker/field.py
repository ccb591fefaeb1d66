"""A picture less its background, in windows: where it is not 0, something stands."""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

INK = 40.0
"""Length of the difference to the background (RGB levels) from which a pixel is of something."""


class Field:
    """Values [S, S, C] with a rim of nothing, so that windows of ``2 x reach + 1`` pixels a side
    may stick out. ``values`` and ``window`` are views: what is written there is written here."""

    def __init__(self, values: np.ndarray, reach: int) -> None:
        self.reach, self.size = reach, values.shape[0]
        wide = self.size + 2 * reach
        self.padded = np.zeros((wide, wide, values.shape[2]), values.dtype)
        self.values = self.padded[reach:-reach, reach:-reach]
        self.values[...] = values

    def window(self, row: int, column: int) -> np.ndarray:
        """[side, side, C] about a pixel."""
        side = 2 * self.reach + 1
        return self.padded[row : row + side, column : column + side]

    def windows(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """[P, C, n] about these pixels."""
        side = 2 * self.reach + 1
        view = sliding_window_view(self.padded, (side, side), axis=(0, 1))
        return view[rows, columns].reshape(len(rows), -1, side * side)


def ink(values: np.ndarray) -> np.ndarray:
    """Which pixels of [S, S, 3] are of something: bool [S, S]."""
    return np.einsum("yxc,yxc->yx", values, values) > INK * INK
