"""best-of-n: nothing is trained; the judge picks among ``n`` candidates whenever one is asked for.

What every training is to be held against at equal samples: it costs ``n`` times the sampling at
every use, and no training.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from unireward.alignment.methods.base import Method


class BestOfNMethod(Method):
    """``by`` is how the judge picks: ``score`` (each alone) or ``rank`` (all pairs)."""

    kind = "best-of-n"
    trains = False
    samples = False
    n: int = Field(default=4, ge=2)
    by: Literal["score", "rank"] = "score"
