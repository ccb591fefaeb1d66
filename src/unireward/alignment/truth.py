"""Truth: what can be computed of candidates, to measure an alignment by and never to choose by.

::

    truth: world                      # of the drawn world (unireward.alignment.world_truth)
    truth: my_package.checks:truth    # f(records) -> a mapping for each record

    def truth(records):
        return [{c.id: {"right": True, "colour": 1, "count": 1, "open": {"place": "top"}}
                 for c in record.candidates} for record in records]

Of each candidate: ``right``, whether all is as the prompt has it; any number of other figures
(facts that hold, 1 or 0; a score); and, where diversity is to be measured, ``open``: what the
prompt leaves open and the candidate chose, a word or a list of words each. A candidate that is not
named, or is None, is one of which nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from unireward.errors import InputError
from unireward.files.dotted import resolve
from unireward.record import Record

WORLD = "world"
RIGHT, OPEN = "right", "open"
Truth = Callable[[Sequence[Record]], Sequence[Mapping[str, Any]]]


@dataclass(frozen=True)
class Told:
    """What is true of one candidate."""

    right: bool
    facts: dict[str, float] = field(default_factory=dict)
    open: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def number(self) -> float:
        """To compare two candidates by: the share of facts that hold, a right one above all."""
        share = sum(self.facts.values()) / len(self.facts) if self.facts else float(self.right)
        return share + float(self.right)


def truth_of(name: str) -> Truth:
    """The function that a config names. InputError where it names none."""
    if name == WORLD:
        from unireward.alignment.world_truth import world_truth

        return world_truth
    found = resolve(name, "truth")
    if not callable(found):
        raise InputError(f"truth: {name} is no function; name one")
    return cast(Truth, found)


def told(truth: Truth, records: Sequence[Record], name: str = "truth") -> list[dict[str, Told]]:
    """What is true of the candidates of each record, those of whom something is known. InputError
    for what is not of the shape that the module's docstring gives."""
    said = truth(records)
    if not isinstance(said, Sequence) or len(said) != len(records):
        raise InputError(f"{name}: gave no list of {len(records)} mappings, one for each record")
    return [_of_record(one, record, name) for one, record in zip(said, records)]


def _of_record(said: Any, record: Record, name: str) -> dict[str, Told]:
    if not isinstance(said, Mapping):
        raise InputError(f"{name}: gave a {type(said).__name__} for {record.id}; give a mapping")
    return {
        candidate.id: _of_candidate(said[candidate.id], f"{name}: {record.id} {candidate.id}")
        for candidate in record.candidates
        if said.get(candidate.id) is not None
    }


def _of_candidate(said: Any, where: str) -> Told:
    if not isinstance(said, Mapping) or not isinstance(said.get(RIGHT), bool | int):
        raise InputError(f"{where}: says no 'right'; give {{'right': true, ...}}")
    facts = {}
    for name, value in said.items():
        if name in (RIGHT, OPEN):
            continue
        number = float(value)
        if not math.isfinite(number):
            raise InputError(f"{where}: {name} is {value!r}; leave out what is not known")
        facts[str(name)] = number
    return Told(bool(said[RIGHT]), facts, _choices(said.get(OPEN) or {}, where))


def _choices(said: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(said, Mapping):
        raise InputError(f"{where}: open is no mapping; give {{choice: word}}")
    return {
        str(name): tuple(map(str, value)) if isinstance(value, list | tuple) else (str(value),)
        for name, value in said.items()
    }
