"""Answers: does DPO by the tiny judge lower the tiny answerer's error rate?

The rule, the arms and everything else are those of :mod:`recipes.tiny_answerer.reproduce`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from recipes.tiny_answerer.reproduce import Result
from recipes.tiny_answerer.reproduce import reproduce as reproduce_answerer
from recipes.unifiedreward_dpo.bases import SHIPPED_ONES, check_bases

PART = "answers"


def reproduce(
    out: Path,
    seeds: int,
    scale: float,
    workers: int,
    say: Callable[[str], None],
    bases: Mapping[str, str] = SHIPPED_ONES,
) -> Result:
    """Run whatever of it is not done yet. ``bases`` may name the folder of a model under
    ``answers``, in place of the shipped one."""
    check_bases(bases, [PART])
    return reproduce_answerer(out, seeds, scale, workers, say, bases.get(PART))
