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
from unireward.record import MODES

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


def every_way(judge: Any, tasks: Sequence[str]) -> list[Way]:
    """All that the judge can do in any of ``tasks``, default forms first."""
    forms = _forms(judge)
    if forms is None:
        return [Way(mode) for mode in _ORDER if mode in judge.capabilities]
    able = [form for form in forms if form.task in tasks]
    plain = [Way(mode) for mode in _ORDER if any(f.mode == mode and f.default for f in able)]
    named = [Way(f.mode, f.name) for f in able if not f.default and f.name]
    return list(dict.fromkeys([*plain, *named]))


def why_not(judge: Any, task: str, way: Way) -> str | None:
    """Why the judge cannot be asked this way in ``task``, None where it can."""
    if _forms(judge) is not None:
        try:
            judge.family.forms_for(task, way.mode, form=way.form)
        except FamilyError as error:
            return str(error)
        return None
    if way.form is not None:
        return f"{judge.name} has no forms; leave out :{way.form}"
    if way.mode not in judge.capabilities:
        return f"{judge.name} has no {way.mode} mode"
    tasks = getattr(getattr(judge, "family", None), "tasks", None)
    if tasks and task not in tasks:
        return f"{judge.name} does not do {task}; its tasks are {', '.join(tasks)}"
    return None


def _forms(judge: Any) -> Sequence[Any] | None:
    """The forms of a judge that is asked in words; a scorer's abilities are its capabilities."""
    if "generative" not in judge.capabilities:
        return None
    return judge.family.spec.forms


def asked(judge: Any, way: Way, *, both_orders: bool) -> Any:
    """The judge as it is asked this way (a shallow copy; the engine is shared)."""
    one = copy.copy(judge)
    one.both_orders = both_orders
    one.form = way.form
    return one


def best_by_family(judge: Any, task: str) -> Way | None:
    """The way that the judge's own ``judge.json`` says is its best in ``task``."""
    spec = getattr(getattr(judge, "family", None), "spec", None)
    mode = (getattr(spec, "best_mode", None) or {}).get(task)
    return Way(mode) if mode else None
