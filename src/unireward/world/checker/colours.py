"""Which of the world's colours the pixels of a blob can be of.

A colour gives mixtures of background and base where a thing ends, of base and mark inside: two
segments in RGB. A pixel speaks for the colour whose segments are nearest.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from unireward.world.render import paints
from unireward.world.words import COLOURS

_MOST = 3
_SPOKEN = 0.2
"""Share of a blob's strong pixels that must speak for a colour, but for the loudest."""


def spoken(pixels: np.ndarray, under: np.ndarray) -> tuple[str, ...]:
    """The colours that pixels [n, 3] over a background [3] speak for, one to three, the loudest
    first. Those are heard that differ from it by half of the most that any does."""
    strength = np.abs(pixels - under).sum(-1)
    strong = pixels[strength >= 0.5 * strength.max()]
    votes = np.bincount(_gaps(strong, under).argmin(0), minlength=len(COLOURS)) / len(strong)
    order = np.argsort(-votes, kind="stable")[:_MOST]
    return tuple(COLOURS[i] for i in order if i == order[0] or votes[i] >= _SPOKEN)


def _gaps(pixels: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Squared distance [8, n] of pixels to what each colour can give: mixtures of background and
    base at its edges, of base and mark inside."""
    base, mark = _palette()
    return np.minimum(_to_segment(pixels, under[None], base), _to_segment(pixels, base, mark))


@lru_cache(maxsize=1)
def _palette() -> tuple[np.ndarray, np.ndarray]:
    """Base and mark of every colour: [8, 3] each."""
    bases, marks = zip(*(paints(colour) for colour in COLOURS))
    return np.stack(bases), np.stack(marks)


def _to_segment(pixels: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    way = end - start
    off = pixels[None] - start[:, None]
    share = np.einsum("cnk,ck->cn", off, way) / np.einsum("ck,ck->c", way, way)[:, None]
    off = off - share.clip(0, 1)[..., None] * way[:, None]
    return np.einsum("cnk,cnk->cn", off, off)
