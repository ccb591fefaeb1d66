"""Judged: cases and the judgments that a judge gives of their records, side by side, in order.

Cases are pulled :data:`BATCH` at a time and their records put to the judge as one stream, so that
an engine can batch them and only so many cases are held. What a case is judged to be depends on
its own records alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from unireward.curation.case import Case
from unireward.judgment import Judgment
from unireward.record import Record

BATCH = 64


def judged(
    cases: Iterable[Case],
    asked: Callable[[Case], list[Record]],
    judge: Any,
    mode: str | None = None,
) -> Iterator[tuple[Case, list[Judgment]]]:
    """Each case with a judgment for each of its records; a dropped one with none.

    Raises what the judge's stream raises (an engine that is down, policy ``stop``).
    """
    cases = iter(cases)
    # Pulled here and not by the engine, which may pull from a thread of its own.
    while batch := list(islice(cases, BATCH)):
        records = [asked(case) if case.alive else [] for case in batch]
        judgments = _stream(judge, [record for some in records for record in some], mode)
        for case, mine in zip(batch, records):
            found = list(islice(judgments, len(mine)))
            assert [j.record for j in found] == [record.id for record in mine], "out of step"
            yield case, found


def _stream(judge: Any, records: list[Record], mode: str | None) -> Iterator[Judgment]:
    if not records:
        return iter(())
    if hasattr(judge, "stream"):
        return iter(judge.stream(records, mode))
    return iter(judge(records))


def judge_said(judgments: Sequence[Judgment]) -> dict[str, Any]:
    """Who judged, how it went and what it cost, for a case's report; empty for no judgment."""
    if not judgments:
        return {}
    statuses = Counter(judgment.status for judgment in judgments)
    return {
        **source_of(judgments[0]),
        "statuses": dict(statuses),
        "calls": sum(judgment.calls for judgment in judgments),
        "cached": sum(judgment.cached for judgment in judgments),
        "tokens": sum(judgment.tokens for judgment in judgments),
    }


def source_of(judgment: Judgment) -> dict[str, Any]:
    """Which judge spoke, asked in which words."""
    return {
        "judge": judgment.judge,
        "family": judgment.family,
        "prompt": judgment.prompt,
        "mode": judgment.mode,
    }
