"""Way: one of the ways a judge can be asked, ``MODE`` or ``MODE:FORM``.

``rank`` is the family's default form, one verdict by one forward pass where the family has that;
``rank:trace`` a form by its name. A judge that cannot do a way is told so, not tried.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unireward.errors import FamilyError, UsageError
from unireward.record import MODES, Record

ALL = "all"
_ORDER = ("rank", "pair-score", "score")


@dataclass(frozen=True)
class Way:
    mode: str
    form: str | None = None

    def __str__(self) -> str:
        return self.mode if self.form is None else f"{self.mode}:{self.form}"

    @property
    def slug(self) -> str:
        """The same for a file's name."""
        return str(self).replace(":", "-").replace("/", "-")

    @classmethod
    def parse(cls, text: str) -> Way:
        mode, colon, form = text.strip().partition(":")
        if mode not in MODES or (colon and not form):
            raise UsageError(
                f"mode {text.strip()!r} is unknown; use {', '.join(MODES)}, one of a family's "
                "forms such as rank:trace, or all"
            )
        return cls(mode, form or None)


def parse_ways(text: str) -> list[Way] | None:
    """``rank,score,rank:trace``; None for ``all``. UsageError for anything else."""
    if text.strip() == ALL:
        return None
    return list(dict.fromkeys(Way.parse(word) for word in text.split(",") if word.strip())) or (
        _no_mode(text)
    )


def _no_mode(text: str) -> list[Way]:
    raise UsageError(f"modes is {text!r}; name one at least, or all")


def every_way(judge: Any, records: Sequence[Record]) -> list[Way]:
    """All that the judge can do with any of ``records`` (one a task), default forms first."""
    spec = getattr(getattr(judge, "family", None), "spec", None)
    forms = [form for form in (spec.forms if spec else ()) if form.name and not form.default]
    named = [Way(form.mode, form.name) for form in forms]
    ways = dict.fromkeys([*map(Way, _ORDER), *named])
    return [way for way in ways if any(why_not(judge, one, way) is None for one in records)]


def why_not(judge: Any, record: Record, way: Way) -> str | None:
    """Why the judge cannot be asked about ``record`` this way, None where it can."""
    if not hasattr(judge, "forms"):  # a Reward of another make, which says its modes at most
        able = way.form is None and way.mode in judge.capabilities
        return None if able else f"{judge.name} has no {way}"
    try:
        asked(judge, way, both_orders=True).forms(record, way.mode)
    except FamilyError as error:
        return str(error)
    return None


def asked(judge: Any, way: Way, *, both_orders: bool) -> Any:
    """The judge as it is asked this way (a shallow copy; the engine is shared)."""
    one = copy.copy(judge)
    one.form = way.form
    if "generative" in judge.capabilities:  # a scorer sees each candidate alone
        one.both_orders = both_orders
    return one


def best_by_family(judge: Any, task: str) -> Way | None:
    """The way that the judge's own ``judge.json`` says is its best in ``task``."""
    spec = getattr(getattr(judge, "family", None), "spec", None)
    mode = (getattr(spec, "best_mode", None) or {}).get(task)
    return Way(mode) if mode else None
