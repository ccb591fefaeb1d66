"""Found: what an arm came to, caption by caption, from what its alignment left on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from recipes.unifiedreward_dpo.arms import AFTER, Arm
from recipes.unifiedreward_dpo.study import RIGHT, Plan
from unireward.alignment.chain import START
from unireward.alignment.evaluation import FOLDER
from unireward.alignment.figures import Measure, fact, right
from unireward.alignment.looked import read_looked
from unireward.alignment.result import Result
from unireward.alignment.rows import PromptRow, read_rows
from unireward.alignment.run import align
from unireward.errors import InputError


@dataclass(frozen=True)
class Found:
    """``before`` and ``after`` are shares of candidates by measure, a number a caption;
    ``diversity`` is the ratio to the start's (None where there is none), ``left_out`` how many
    candidates could not be made after, ``stopped`` why the arm ended early. ``curve`` is the mean
    of the first measure by the round (or step) after which it was looked at, the start at 0."""

    captions: tuple[str, ...]
    before: dict[str, list[float]]
    after: dict[str, list[float]]
    diversity: float | None
    left_out: int
    seconds: float
    stopped: str | None = None
    curve: dict[int, float] = field(default_factory=dict)


def run_arm(arm: Arm, plan: Plan) -> Found:
    """Align, or go on with it; one that is finished is taken as it is. Another arm that it learns
    from is run first."""
    if arm.name in AFTER:
        run_arm(Arm(AFTER[arm.name], arm.seed), plan)
    return found_in(align(arm.config(plan)), plan.study.measures)


def found_in(result: Result, measures: Sequence[str]) -> Found:
    """What lies in the output of a finished alignment."""
    looked = {
        one.record: (one.at, list(read_rows(result.output / FOLDER / f"{one.record}.jsonl")))
        for one in read_looked(result.output)
    }
    before, after = looked[START][1], looked[result.kept][1]
    spread, figures = result.end.figures.spread, result.end.figures
    return Found(
        captions=tuple(row.text for row in before),
        before={name: shares(before, name) for name in measures},
        after={name: shares(after, name) for name in measures},
        diversity=spread.value if spread is not None else None,
        left_out=figures.asked - figures.made,
        seconds=result.costs["curation_seconds"] + result.costs["training_seconds"],
        stopped=result.stopped,
        curve={at: float(np.mean(shares(rows, measures[0]))) for at, rows in looked.values()},
    )


def shares(rows: Sequence[PromptRow], name: str) -> list[float]:
    """Of each caption's candidates those of which the measure holds; what could not be made is
    not right. InputError for a candidate of which the checker could say nothing."""
    measure = right if name == RIGHT else fact(name)
    return [_share(row, measure) for row in rows]


def _share(row: PromptRow, measure: Measure) -> float:
    values = [measure(sample) for sample in row.samples.values()]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        raise InputError(
            f"{row.text}: the world's checker has nothing to say of it; give a generator of "
            "32 x 32 pixels"
        )
    return sum(known) / (len(known) + len(row.left_out))
