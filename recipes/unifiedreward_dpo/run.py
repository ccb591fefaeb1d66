"""Run: a study from its generator to its result, as far as it is not done yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from recipes.comparisons import check_seeds
from recipes.crew import each
from recipes.findings import write_result
from recipes.unifiedreward_dpo.arms import AFTER, Arm
from recipes.unifiedreward_dpo.bases import SHIPPED_ONES, base_of, check_bases
from recipes.unifiedreward_dpo.found import Found, run_arm
from recipes.unifiedreward_dpo.result import Result, collect
from recipes.unifiedreward_dpo.study import Plan, Study


def run(
    study: Study,
    out: Path,
    seeds: int,
    scale: float,
    workers: int,
    say: Callable[[str], None],
    bases: Mapping[str, str] = SHIPPED_ONES,
) -> Result:
    """Every arm of every seed. Each alignment is resumable, so the whole is."""
    check_seeds(seeds)
    check_bases(bases, [study.part])
    plan = Plan(study, out, base_of(study.part, bases), scale)
    found: dict[Arm, Found] = {}
    for arms in in_turn(study, seeds):
        for arm, one in each(workers, run_arm, {arm: (arm, plan) for arm in arms}):
            found[arm] = one
            say(f"{arm.folder}: {told(one, study.endpoint)}")
    result = collect(study, found, seeds, scale)
    write_result(out, result)
    return result


def in_turn(study: Study, seeds: int) -> list[list[Arm]]:
    """Every arm of every seed: first those that can run side by side, then those that learn from
    the pairs of one of them."""
    arms = [Arm(name, seed) for seed in range(1, seeds + 1) for name in study.arms]
    first = [arm for arm in arms if arm.name not in AFTER]
    later = [arm for arm in arms if arm.name in AFTER]
    return [some for some in (first, later) if some]


def told(found: Found, measure: str) -> str:
    """One arm in a line."""
    before, after = (100 * float(np.mean(of[measure])) for of in (found.before, found.after))
    stopped = f", stopped: {found.stopped}" if found.stopped else ""
    return f"{measure} {before:.1f} -> {after:.1f} % ({found.seconds:.0f} s){stopped}"
