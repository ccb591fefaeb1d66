"""Which rates and beta: ``python -m recipes.tiny_answerer.choose runs/choose dpo_lr=3e-4``.

Runs arms on the validation seed and its own questions, which are in no report, and prints their
error rates. What was tried, and what was taken, stands in ``arms.py``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np

from recipes.command import run
from recipes.tiny_answerer.arms import CHOSEN, TRAINED, Arm, Chosen
from recipes.tiny_answerer.reproduce import VALIDATION, VALIDATION_QUESTIONS, Plan, begin, run_arm
from unireward.policies.load import shipped_folder


def chosen(words: list[str]) -> Chosen:
    """``CHOSEN`` with some values replaced."""
    given = dict(word.split("=", 1) for word in words)
    assert given.keys() <= {field.name for field in fields(Chosen)}, given
    made = {field.name: type(getattr(CHOSEN, field.name)) for field in fields(Chosen)}
    return replace(CHOSEN, **{name: made[name](value) for name, value in given.items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("values", nargs="*", help="of Chosen: dpo_lr=3e-4 beta=0.1 ...")
    parser.add_argument("--arms", nargs="+", default=["dpo"], choices=TRAINED)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--questions", type=int, default=600)
    parser.add_argument("--base")
    args = parser.parse_args()
    tried = chosen(args.values)
    base = args.base or str(shipped_folder("tiny-answerer"))
    plan = Plan(args.out, base, args.scale, args.out, tried, VALIDATION_QUESTIONS, args.questions)
    rows = {"base": begin(plan, VALIDATION)}
    told = [f"{name}-{value:g}" for name, value in asdict(tried).items()]
    plan = replace(plan, out=args.out / "-".join([*told, f"scale-{args.scale:g}"]))
    for name in args.arms:
        rows[name] = run_arm(Arm(name, VALIDATION), plan)
    for name, row in rows.items():
        error = {way: round(float(np.mean(wrong)), 4) for way, wrong in row["wrong"].items()}
        print(json.dumps({"arm": name, **asdict(tried), "error": error}), flush=True)


if __name__ == "__main__":
    run(main)
