"""Accuracy against training seconds: ``python -m recipes.tiny_judge.curve runs/tiny --out FILE``.

Judges held-out pairs with the averaged weights of every checkpoint that a run has kept (train with
``save.limit=100`` to keep them all), direct verdict, both orders, truth from the world.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from recipes.command import run
from recipes.tiny_judge.model import build
from unireward.engines.processor import load_processor
from unireward.engines.transformers import TransformersEngine
from unireward.rewards.judge import Judge
from unireward.stats.metrics import accuracy
from unireward.training.average import FILE
from unireward.training.storage import is_complete
from unireward.training.trainee import Trainee, load_trained
from unireward.world.sample import TASKS, iter_items

PHOTOGRAPHS = "photographs"
CAPTIONS = ("captions", "clips")
"""Stages that teach no verdict."""


def checkpoints(run: Path) -> list[tuple[str, int, float, Path]]:
    """(stage, step, seconds since the run began, folder) in the order of training."""
    found, before = [], 0.0
    for stage in sorted(run.glob("stages/*"), key=lambda p: int(p.name.partition("-")[0])):
        kept = [folder for folder in stage.glob("checkpoint-*") if is_complete(folder)]
        last = 0.0
        for folder in sorted(kept, key=lambda p: int(p.name.rpartition("-")[2])):
            state = json.loads((folder / "trainer_state.json").read_text(encoding="utf-8"))
            last = state["stateful_callbacks"]["Metrics"]["attributes"]["before"]
            step = int(folder.name.rpartition("-")[2])
            found.append((stage.name.partition("-")[2], step, before + last, folder))
        done = stage / "done.json"
        before += json.loads(done.read_text())["seconds"] if done.is_file() else last
    return found


def accuracies(judge: Judge, n: int, seed: int) -> dict[str, float]:
    """By task, and of photographs; unread and judged ties are wrong."""
    out = {}
    for name in (*TASKS, PHOTOGRAPHS):
        track = PHOTOGRAPHS if name == PHOTOGRAPHS else None
        task = TASKS[0] if track else name
        records = [item.record for item in iter_items(task, n, seed, track=track)]
        winners = [judgment.winner for judgment in judge(records, "rank")]
        truths = [record.label.winner() if record.label else None for record in records]
        found = accuracy(winners, truths, ties="without", unread="wrong")
        out[name] = round(found.value, 4) if found else 0.0
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--seed", type=int, default=77)
    parser.add_argument("--every", type=int, default=500, help="steps between those judged")
    args = parser.parse_args()
    from safetensors.torch import load_file

    trainee = Trainee(build(0).model, auxiliary={"score": 4}).eval()
    engine = TransformersEngine.of(
        trainee.model, load_processor(str(args.run / "processor")), name="curve"
    )
    note = f"{args.n} held-out pairs a task (seed {args.seed}), direct verdict, both orders, in %."
    rows: list[dict[str, Any]] = []
    for stage, step, seconds, folder in checkpoints(args.run):
        if stage in CAPTIONS or step % args.every:
            continue
        load_trained(trainee, load_file(folder / FILE), str(folder))
        found = accuracies(Judge(engine, "tiny"), args.n, args.seed)
        rows.append({"stage": stage, "step": step, "seconds": round(seconds, 1), "note": note,
                     "accuracy": found})  # fmt: skip
        print(json.dumps(rows[-1]), flush=True)
        body = {"n": args.n, "seed": args.seed, "rows": rows}
        args.out.write_text(json.dumps(body, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
