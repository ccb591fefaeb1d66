"""Held: a judge that is loaded once for the whole chain, and asked by every round's curation.

A curation loads its judges by their configs and closes them at its end; this config gives the one
that there is, and closing it then does nothing.
"""

from __future__ import annotations

import copy
from typing import Any

from pydantic import PrivateAttr

from unireward.curation.config import JudgeConfig


class HeldJudge(JudgeConfig):
    """What ``JudgeConfig`` says, with the judge in hand."""

    _judge: Any = PrivateAttr(default=None)

    @classmethod
    def of(cls, config: JudgeConfig, judge: Any) -> HeldJudge:
        held = cls(**config.model_dump())
        held._judge = judge
        return held

    def load(self) -> Any:
        """The judge, which its borrower cannot close."""
        lent = copy.copy(self._judge)
        if hasattr(lent, "close"):
            lent.close = _nothing
        return lent


def _nothing() -> None:
    """The judge goes on."""
