"""Study: what one part asks of a generator, and the plan of a run of it.

A study's ``recipe`` is a config of ``unireward align``, which is its arm ``online``; the other
arms are that config but for what they differ in (:mod:`recipes.unifiedreward_dpo.arms`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.unifiedreward_dpo.prompts import file_of
from unireward.files.settings import overridden, read_settings

ROOT = Path(__file__).resolve().parents[2]
BASE, ONLINE = "base", "online"
RIGHT = "right"
VALIDATION = 9
"""The seed by which rates and beta are chosen, on captions of its own."""
LEAST = 4
"""Prompts there are at any scale."""


@dataclass(frozen=True)
class Study:
    """``measures`` are what is counted of a candidate by the world's checker (``right`` for all of
    it, or a kind of fact), the first of them the endpoint; ``asked`` is the least gain of it, as a
    share."""

    part: str
    what: str
    recipe: str
    arms: tuple[str, ...]
    measures: tuple[str, ...]
    asked: float = 0.0

    @property
    def endpoint(self) -> str:
        return self.measures[0]

    @property
    def controls(self) -> tuple[str, ...]:
        return tuple(name for name in self.arms if name != ONLINE)


@dataclass(frozen=True)
class Rates:
    """Learning rates of the arms that do not learn at the recipe's: of pictures, the better of two
    on captions of validation. There 1e-4 and 3e-4 gave ``offline`` 3.4 and 4.2 points and
    ``rejection`` -5.2 and -3.7; 1e-4 and 5e-4 gave ``supervised`` .5 and .3."""

    offline: float = 3e-4
    rejection: float = 3e-4
    supervised: float = 1e-4


RATES = Rates()


@dataclass(frozen=True)
class Plan:
    """What the arms of a run have in common. ``base`` is the generator that they begin with,
    ``use`` which captions are looked at; ``overrides`` are of the recipe (``key=value``)."""

    study: Study
    out: Path
    base: str
    scale: float = 1.0
    use: str = "held_out"
    rates: Rates = RATES
    overrides: tuple[str, ...] = ()

    @property
    def recipe(self) -> dict[str, Any]:
        return overridden(read_settings(ROOT / "recipes" / self.study.recipe), self.overrides)

    @property
    def every(self) -> int:
        """Rounds after which ``online`` is looked at."""
        return max(1, round(self.recipe["evaluation"]["every"] * self.scale))

    def settings(self) -> dict[str, Any]:
        """The recipe as this run has it, its files by their full paths."""
        told = self.recipe
        online, looked = dict(told["method"]["online"]), told["evaluation"]
        prompts, held_out = ROOT / told["prompts"], file_of(self.study.part, self.use)
        limit = self._shrunk(_lines(prompts))
        online["rounds"] = max(1, round(online["rounds"] * self.scale))
        online["prompts"] = min(limit, self._shrunk(online["prompts"]))
        return {
            **told,
            "policy": {**told["policy"], "path": self.base},
            "prompts": str(prompts),
            "limit": limit,
            "method": {"online": online},
            "evaluation": {
                **looked,
                "every": None,
                "prompts": str(held_out),
                "limit": self._shrunk(_lines(held_out)),
                "samples": max(1, round(looked["samples"] * min(1.0, self.scale))),
                "modes": ["score"],
            },
            "alarm": "off",  # it looks at the truth, by which nothing is to be chosen
        }

    def _shrunk(self, number: int) -> int:
        return max(LEAST, round(number * min(1.0, self.scale)))


def _lines(file: Path) -> int:
    return len(file.read_text(encoding="utf-8").splitlines())
