"""Judging: a judgment for each record, of any judge, asked in a mode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unireward.judgment import Judgment
from unireward.record import Record


def judged(judge: Any, records: Sequence[Record], mode: str) -> list[Judgment]:
    """In order; raises what the judge's stream raises (an engine that is down, policy ``stop``).
    A Reward without modes is asked as it is."""
    if not records:
        return []
    if hasattr(judge, "stream"):
        found = list(judge.stream(records, mode))
    else:
        found = list(judge(records))
    assert [judgment.record for judgment in found] == [record.id for record in records]
    return found
