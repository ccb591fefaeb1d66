"""``unireward reproduce unifiedreward-joint``: train the arms, judge, compare, say.

The rule, fixed before any arm was trained: on each task both arms judge the same 600 held-out
pairs (levels 1 to 3, both orders, direct verdict; a tie or an unread reply is wrong where truth
differs). Joint *helps* a task where the interval of its mean paired difference over seeds and
records (95 %, crossed bootstrap) lies above zero and every seed agrees in sign; *hurts* where it
lies below and every seed agrees; else *no difference is shown*. The same for the mean over tasks
is the verdict on the claim. Nothing is chosen on these records.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipes import findings
from recipes.comparisons import check_seeds, compared, is_above, is_below
from recipes.crew import each
from recipes.tables import points, spread
from recipes.unifiedreward_joint.arms import TASKS, Arm, arms, base_config
from unireward.stats.intervals import wilson

RECORDS, SEED = 600, 905
COMPARED = {"joint": "equal data a task", "thin": "equal data in all"}


@dataclass(frozen=True)
class Result:
    """Accuracy by arm, task and seed, and the comparisons with the single-task models."""

    seeds: int
    scale: float
    accuracy: dict[str, dict[str, list[float]]]
    differences: dict[str, dict[str, dict[str, Any]]]
    seconds: dict[str, float]

    def to_dict(self) -> dict[str, Any]:
        import unireward

        return {
            "reproduction": "unifiedreward-joint",
            "unireward": unireward.__version__,
            "records": RECORDS,
            "record_seed": SEED,
            **asdict(self),
        }

    def lines(self) -> list[str]:
        said = [f"accuracy in %, mean of {self.seeds} seeds (lowest to highest)", ""]
        said.append(f"{'task':22}{'single':>20}{'joint':>20}{'thin':>20}")
        for task in TASKS:
            cells = [spread(self.accuracy[arm][task]) for arm in ("single", "joint", "thin")]
            said.append(f"{task:22}" + "".join(f"{cell:>20}" for cell in cells))
        for arm, what in COMPARED.items():
            said += ["", f"{arm} against single ({what}), points with 95 % interval"]
            for task, found in self.differences[arm].items():
                said.append(f"{task:22}{points(found):28}{found['verdict']}")
        return said


def reproduce(
    out: Path, seeds: int, scale: float, workers: int, say: Callable[[str], None]
) -> Result:
    """Run whatever of it is not done yet. Each training is resumable, so the whole is."""
    check_seeds(seeds)
    base = train_base(out, scale, say)
    todo = arms(seeds, scale)
    say(f"{len(todo)} trainings, {sum(arm.steps for arm in todo):,} steps in all")
    for arm, found in each(workers, run_arm, {arm: (arm, out, base) for arm in todo}):
        told = ", ".join(f"{task} {100 * np.mean(v):.1f}" for task, v in found["right"].items())
        say(f"{arm.folder}: {told} ({found['seconds']:.0f} s)")
    result = collect(todo, out, seeds, scale)
    findings.write_result(out, result)
    return result


def train_base(out: Path, scale: float, say: Callable[[str], None]) -> Path:
    from unireward.training.config import parse_config
    from unireward.training.run import train

    config = parse_config(base_config(out, scale))
    train(config, say)
    return out / "base" / "stages" / f"{len(config.stages)}-{config.stages[-1].name}" / "final"


def run_arm(arm: Arm, out: Path, base: Path) -> dict[str, Any]:
    """Train an arm and judge with it: right or wrong for each held-out record of its tasks."""
    from unireward.training.config import parse_config
    from unireward.training.run import train

    file = out / arm.folder / "judged.json"
    if file.is_file():
        return findings.read(file)
    trained = train(parse_config(arm.config(out, base)))
    found = {
        "seconds": trained.seconds,
        "right": {task: judged(trained.judge, task) for task in arm.tasks},
    }
    return findings.write(file, found)


def judged(folder: Path, task: str) -> list[int]:
    """1 for each record whose truth differs and is found, else 0."""
    import unireward as ur
    from unireward.world.sample import iter_items

    records = [item.record for item in iter_items(task, RECORDS, SEED)]
    truths = [record.label.winner() if record.label else None for record in records]
    judge = ur.load(folder, cache=False, device="cpu")
    winners = [judgment.winner for judgment in judge(records, "rank")]
    return [int(w == t) for w, t in zip(winners, truths, strict=True) if t != "tie"]


def collect(todo: Sequence[Arm], out: Path, seeds: int, scale: float) -> Result:
    """The comparisons, from what the arms left."""
    right: dict[str, dict[str, list[list[int]]]] = {}
    seconds: dict[str, float] = {}
    for arm in todo:
        found = findings.read(out / arm.folder / "judged.json")
        seconds[arm.folder] = found["seconds"]
        for task, row in found["right"].items():
            kind = arm.name.partition("-")[0]
            right.setdefault(kind, {}).setdefault(task, []).append(row)
    accuracy = {
        kind: {
            task: [wilson(sum(row), len(row)).value for row in rows] for task, rows in of.items()
        }
        for kind, of in right.items()
    }
    differences = {arm: _compared(right[arm], right["single"]) for arm in COMPARED}
    return Result(seeds, scale, accuracy, differences, seconds)


def _compared(
    ours: dict[str, list[list[int]]], single: dict[str, list[list[int]]]
) -> dict[str, dict[str, Any]]:
    found = {task: _difference(ours[task], single[task]) for task in TASKS}
    # Tasks count alike: their records are drawn together, each task's to the same number.
    least = min(len(single[task][0]) for task in TASKS)
    means = [
        np.mean([np.asarray(arm[task])[:, :least] for task in TASKS], axis=0)
        for arm in (ours, single)
    ]
    return {**found, "mean of tasks": _difference(means[0], means[1])}


def _difference(a: Any, b: Any) -> dict[str, Any]:
    found = compared(a, b)
    verdict = "no difference shown"
    if is_above(found):
        verdict = "helps"
    elif is_below(found):
        verdict = "hurts"
    return {**found, "verdict": verdict}
