"""Judges as steps need them: one judgment a record, told how to ask, known again later."""

from __future__ import annotations

import copy
from typing import Any

from unireward.errors import UsageError


def checked(judge: Any) -> Any:
    """``judge``, where it gives a judgment for each record and makes no halves of what it could
    not read; UsageError otherwise."""
    kind = getattr(getattr(judge, "policy", None), "kind", "keep")
    if kind in ("drop", "half"):
        raise UsageError(
            f"judge {name_of(judge)} has policy {kind}, and curation counts what was not read; "
            "load it with keep, retry:N or stop"
        )
    return judge


def in_orders(judge: Any, both: bool) -> Any:
    """``judge`` told to show each pair both ways round, or one. One that scores each candidate
    alone has no orders and is left as it is, as is one without such a setting."""
    alone = "scorer" in getattr(judge, "capabilities", ())
    if alone or getattr(judge, "both_orders", both) == both:
        return judge
    return _with(judge, both_orders=both)


def by_scheme(
    judge: Any, scheme: str | None, budget: int | None = None, confidence: float | None = None
) -> Any:
    """``judge`` told which pairs of a group to ask. UsageError for one that cannot choose."""
    if not hasattr(judge, "asking"):
        raise UsageError(
            f"judge {name_of(judge)} cannot choose pairs of a group; use disjoint or random:N"
        )
    return judge.asking(scheme, budget=budget, confidence=confidence)


def in_form(judge: Any, form: str | None, aspect: str | None) -> Any:
    """``judge`` asking by another of its family's forms; as it is where neither is named."""
    told = {name: value for name, value in (("form", form), ("aspect", aspect)) if value}
    return _with(judge, **told) if told else judge


def name_of(judge: Any) -> str:
    return str(getattr(judge, "name", type(judge).__name__))


def identity_of(judge: Any) -> dict[str, Any]:
    """What a resumed run must find the same of a judge."""
    return dict(getattr(judge, "identity", {"judge": name_of(judge)}))


def _with(judge: Any, **settings: Any) -> Any:
    """The same engine under other settings."""
    other = copy.copy(judge)
    for name, value in settings.items():
        if not hasattr(judge, name):
            raise UsageError(f"judge {name_of(judge)} has no setting {name}; leave it out")
        setattr(other, name, value)
    return other
