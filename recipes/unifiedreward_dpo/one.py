"""One arm of one seed, into the folder where the reproduction takes it from::

python -m recipes.unifiedreward_dpo.one runs/unifiedreward-dpo-pictures pictures online 1

With fields of the recipe given otherwise it is an arm of no report, in a folder of its own::

python -m recipes.unifiedreward_dpo.one runs/guided pictures online 1 policy.guidance_scale=3
"""

from __future__ import annotations

import argparse
from pathlib import Path

from recipes.command import run
from recipes.unifiedreward_dpo.arms import NAMES, Arm
from recipes.unifiedreward_dpo.bases import base_of
from recipes.unifiedreward_dpo.clips import CLIPS
from recipes.unifiedreward_dpo.found import run_arm
from recipes.unifiedreward_dpo.pictures import PICTURES
from recipes.unifiedreward_dpo.run import told
from recipes.unifiedreward_dpo.study import Plan

STUDIES = {study.part: study for study in (PICTURES, CLIPS)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder of the part's reproduction")
    parser.add_argument("part", choices=STUDIES)
    parser.add_argument("arm", choices=NAMES)
    parser.add_argument("seed", type=int)
    parser.add_argument("values", nargs="*", help="policy.guidance_scale=3 ...")
    parser.add_argument("--base", help="folder of a generator, in place of the shipped one")
    parser.add_argument("--scale", type=float, default=1.0)
    args = parser.parse_args()
    study = STUDIES[args.part]
    base = base_of(args.part, {args.part: args.base} if args.base else {})
    arm = Arm(args.arm, args.seed)
    found = run_arm(arm, Plan(study, args.out, base, args.scale, overrides=tuple(args.values)))
    print(f"{arm.folder}: {told(found, study.endpoint)}")


if __name__ == "__main__":
    run(main)
