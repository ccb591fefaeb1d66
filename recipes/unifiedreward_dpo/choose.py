"""Which rates, beta, rounds::

    python -m recipes.unifiedreward_dpo.choose runs/choose pictures training.optimiser.lr=1e-4
    python -m recipes.unifiedreward_dpo.choose runs/choose pictures offline=1e-4 --arms offline

Runs arms on the validation seed, looked at on captions that are in no report, and prints a line an
arm. A key with a dot is the recipe's own (``method.online.rounds``,
``training.objective.diffusion-dpo.beta``); one without is the rate of the arm of that name. What
was taken stands in ``recipes/tiny_t2i_dpo.yaml``, ``recipes/tiny_t2v_dpo.yaml`` and in
``study.RATES``.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from dataclasses import fields, replace
from pathlib import Path

import numpy as np

from recipes.command import run
from recipes.unifiedreward_dpo.arms import NAMES, Arm
from recipes.unifiedreward_dpo.bases import base_of
from recipes.unifiedreward_dpo.found import Found, run_arm
from recipes.unifiedreward_dpo.one import STUDIES
from recipes.unifiedreward_dpo.study import ONLINE, RATES, VALIDATION, Plan, Rates, Study
from unireward.stats.intervals import bootstrap

USE = "validation"
LONGEST = 120
"""Characters of a folder's name."""
_NO_NAME = re.compile(r"[^\w.=-]+")


def plan_of(study: Study, out: Path, base: str, words: list[str], scale: float = 1.0) -> Plan:
    """The plan of what is tried, in a folder of its name."""
    names = {field.name for field in fields(Rates)}
    given = dict(word.split("=", 1) for word in words)
    rates = {name: float(value) for name, value in given.items() if name in names}
    others = tuple(f"{name}={value}" for name, value in given.items() if name not in names)
    folder = out / study.part / _name([*sorted(words), f"scale={scale:g}"])
    return Plan(study, folder, base, scale, USE, replace(RATES, **rates), others)


def _name(words: list[str]) -> str:
    """Of a folder, by what it holds; what is too long for a name ends in its digest."""
    told = "-".join(words)
    name = _NO_NAME.sub("_", told)
    if len(name) <= LONGEST:
        return name
    return f"{name[:LONGEST]}-{hashlib.blake2b(told.encode(), digest_size=4).hexdigest()}"


def line(arm: Arm, plan: Plan, found: Found) -> str:
    """What came of one arm, as JSON: its gain has the interval of a bootstrap over captions."""
    measures = {}
    for name in plan.study.measures:
        before, after = (np.array(of[name]) for of in (found.before, found.after))
        gain = bootstrap(after - before)
        measures[name] = {
            "before": round(float(before.mean()), 4),
            "after": round(float(after.mean()), 4),
            "gain": [round(value, 4) for value in (gain.value, gain.low, gain.high)],
        }
    body = {
        "arm": arm.name, "tried": plan.out.name, **measures, "diversity": found.diversity,
        "left_out": found.left_out, "seconds": found.seconds, "stopped": found.stopped,
    }  # fmt: skip
    return json.dumps(body)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("part", choices=STUDIES)
    parser.add_argument("values", nargs="*", help="training.optimiser.lr=1e-4 supervised=1e-4 ...")
    parser.add_argument("--arms", nargs="+", default=[ONLINE], choices=NAMES)
    parser.add_argument("--seed", type=int, default=VALIDATION)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--base", help="folder of a generator, in place of the shipped one")
    args = parser.parse_args()
    base = base_of(args.part, {args.part: args.base} if args.base else {})
    plan = plan_of(STUDIES[args.part], args.out, base, args.values, args.scale)
    for name in args.arms:
        arm = Arm(name, args.seed)
        print(line(arm, plan, run_arm(arm, plan)), flush=True)


if __name__ == "__main__":
    run(main)
