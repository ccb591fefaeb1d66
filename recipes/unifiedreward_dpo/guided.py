"""Guided: whether what ``online`` learned holds where it is drawn from with another guidance.

    python -m recipes.unifiedreward_dpo.guided runs/unifiedreward-dpo-pictures pictures 1 3

Takes the arms ``online`` of a part's finished reproduction and looks at each of them, and at what
they began with, on the same held-out captions and noise with each guidance given. Prints JSON;
what was looked at is kept under ``OUT/guidance-3`` and not looked at again.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recipes.command import run
from recipes.comparisons import compared
from recipes.unifiedreward_dpo.arms import Arm
from recipes.unifiedreward_dpo.bases import base_of
from recipes.unifiedreward_dpo.found import shares
from recipes.unifiedreward_dpo.one import STUDIES
from recipes.unifiedreward_dpo.study import BASE, ONLINE, Plan
from unireward.alignment.chain import START, Chain
from unireward.alignment.policy_ref import PolicyRef
from unireward.alignment.result import FILE, read_result
from unireward.alignment.rows import read_rows
from unireward.errors import InputError


def seeds_of(out: Path) -> list[int]:
    """Those of which the arm is finished. InputError where there are none."""
    found = sorted(
        int(file.parts[-3].partition("-")[2]) for file in out.glob(f"seed-*/{ONLINE}/{FILE}")
    )
    if not found:
        raise InputError(f"{out}: holds no finished arm {ONLINE}; reproduce the part first")
    return found


def guided(plan: Plan, seed: int, guidance: float) -> dict[str, Any]:
    """The endpoint's shares by caption, of the base and the arm, and the arm's diversity."""
    arm = Arm(ONLINE, seed).config(plan)
    options = {**arm.evaluation.options, "guidance_scale": guidance}
    config = arm.model_copy(update={
        "output": plan.out / f"guidance-{guidance:g}" / f"seed-{seed}",
        "evaluation": arm.evaluation.model_copy(update={"options": options}),
    })  # fmt: skip
    ways = {START: PolicyRef.of(config.policy), ONLINE: read_result(arm.output).policy}
    with Chain(config, partial(print, file=sys.stderr)) as chain:
        chain.resume()
        looks = [chain.look_at(ref, name, at) for at, (name, ref) in enumerate(ways.items())]
        rows = [list(read_rows(chain.evaluator.path(name))) for name in ways]
    before, after = (shares(some, plan.study.endpoint) for some in rows)
    spread = looks[1].figures.spread
    return {BASE: before, ONLINE: after, "diversity": spread.value if spread else None}


def result(plan: Plan, guidance: float, seeds: list[int]) -> dict[str, Any]:
    found = [guided(plan, seed, guidance) for seed in seeds]
    before, after = (np.array([one[way] for one in found]) for way in (BASE, ONLINE))
    return {
        "guidance": guidance,
        "share": {BASE: before.mean(axis=1).tolist(), ONLINE: after.mean(axis=1).tolist()},
        "gain": compared(after, before),
        "diversity": [one["diversity"] for one in found],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder of the part's reproduction")
    parser.add_argument("part", choices=STUDIES)
    parser.add_argument("guidance", type=float, nargs="+")
    parser.add_argument("--base", help="folder of a generator, in place of the shipped one")
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    study, part = STUDIES[args.part], args.part
    base = base_of(part, {part: args.base} if args.base else {})
    plan = Plan(study, args.out, base, args.scale)
    seeds = seeds_of(args.out)
    found = [result(plan, each, seeds) for each in args.guidance]
    body = {"reproduction": f"unifiedreward-dpo-{part}", "seeds": seeds, "found": found}
    print(json.dumps(body, indent=1))


if __name__ == "__main__":
    run(main)
