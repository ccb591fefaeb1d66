"""Point scores: what a judgment in mode score says of each candidate, and on which scales."""

from __future__ import annotations

from typing import Any

from unireward.curation.case import Case, Scored
from unireward.errors import UnirewardError
from unireward.judgment import Judgment, worst


def scored_of(
    step: str, judgment: Judgment, judge: Any, case: Case
) -> tuple[Scored, dict[str, str]]:
    """The scores read, and why each candidate that has none has none."""
    asks: dict[str, list[tuple[str, str | None]]] = {}
    for ask in judgment.asks:
        asks.setdefault(ask.candidates[0], []).append((ask.status, ask.reason))
    names = list(asks) or case.names
    unread = {}
    for name in names:
        if name not in judgment.scores:
            states = [status for status, _ in asks.get(name, ())] or [judgment.status]
            unread[name] = worst(states)
    scored = Scored(
        step=step,
        scores=judgment.scores,
        dimensions=judgment.dimensions,
        scales=scales_of(judge, case.prompt.task),
    )
    return scored, unread


def scales_of(judge: Any, task: str) -> dict[str, tuple[float, float]]:
    """The range of each dimension that the judge's family has of a task; empty where it has no
    family, or says none."""
    family = getattr(judge, "family", None)
    if family is None:
        return {}
    try:
        forms = family.forms_for(task, "score", form=judge.form, aspect=judge.aspect)
    except UnirewardError:
        return {}
    return {name: (s.low, s.high) for form in forms for name, s in form.scales.items()}
