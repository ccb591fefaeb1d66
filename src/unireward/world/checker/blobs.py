"""Connected areas of a mask, largest first, in NumPy alone.

>>> [len(blob.rows) for blob in blobs(mask, least=4)]

Pixels that touch by a corner are connected. Names spread to neighbours and then jump along
themselves, so that the number of sweeps grows with the logarithm of an area's length.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Blob(NamedTuple):
    """The pixels of one connected area: their rows and columns, int [n] each."""

    rows: np.ndarray
    columns: np.ndarray

    @property
    def area(self) -> int:
        return len(self.rows)


def label(mask: np.ndarray) -> np.ndarray:
    """A name above 0 for each area of bool [H, W], 0 elsewhere: int32 [H, W]. Names have gaps."""
    height, width = mask.shape
    inside = np.zeros((height + 2, width + 2), bool)
    inside[1:-1, 1:-1] = mask
    names = np.where(inside, np.arange(inside.size, dtype=np.int32).reshape(inside.shape), 0)
    while True:
        tall = names.copy()
        np.maximum(tall[1:], names[:-1], out=tall[1:])
        np.maximum(tall[:-1], names[1:], out=tall[:-1])
        wide = tall.copy()
        np.maximum(wide[:, 1:], tall[:, :-1], out=wide[:, 1:])
        np.maximum(wide[:, :-1], tall[:, 1:], out=wide[:, :-1])
        wide *= inside
        # A name is the place of a pixel of the same area, which by now may have a higher name.
        spread = wide.ravel()[wide]
        if np.array_equal(spread, names):
            return names[1:-1, 1:-1]
        names = spread


def blobs(mask: np.ndarray, least: int = 1) -> list[Blob]:
    """The areas of at least ``least`` pixels, largest first; equal ones from the bottom right."""
    rows, columns = np.nonzero(mask)
    if not len(rows):
        return []
    names = label(mask)[rows, columns]
    order = np.argsort(-names, kind="stable")
    ends = np.flatnonzero(np.diff(names[order])) + 1
    parts = [part for part in np.split(order, ends) if len(part) >= least]
    parts.sort(key=len, reverse=True)
    return [Blob(rows[part], columns[part]) for part in parts]
