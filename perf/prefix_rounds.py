"""A ranking in rounds: what keeping prompts from one round to the next saves.

    python perf/prefix_rounds.py [--rounds 3] [--members 8]

A Qwen3-VL of about 90 M parameters (random weights, float32, one thread) ranks the pictures of a
caption by the active scheme, which asks a few pairs at a time. The two ways differ in whether an
engine keeps prompts between calls, take turns in one process, forget everything before each
ranking, and must give the same judgment. Tokens are those put through the model, padding left
aside; times are processor seconds. Two layouts of the prompt: pictures first, as published, and
the rubric first. The result goes to ``perf/results/prefix_rounds.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _judging import group
from _vision import SIDE, save_model

from unireward.stats.intervals import bootstrap

RESULT = Path(__file__).parent / "results" / "prefix_rounds.json"
LAYOUTS = {"pictures first": "unifiedreward-2", "rubric first": "zero-shot"}
WAYS = {"each round anew": 0, "kept": None}


def ranked(judge: Any, record: Any) -> tuple[Any, float, int]:
    """The judgment, processor seconds and tokens computed, from nothing."""
    quick = judge.engine._quick
    quick.forget()
    before, start = quick.computed, time.process_time()
    [judgment] = judge([record], "rank")
    return judgment, time.process_time() - start, quick.computed - before


def compared(folder: Path, family: str, members: int, rounds: int) -> dict[str, Any]:
    from unireward.engines import TransformersEngine
    from unireward.families import get_family
    from unireward.rewards.scorers import judge_over

    engines = {
        name: TransformersEngine(folder, dtype="float32", prefix_bytes=most)
        for name, most in WAYS.items()
    }
    judges = {
        name: judge_over(engine, get_family(family)).asking("active")
        for name, engine in engines.items()
    }
    record = group(members, SIDE)
    seconds: dict[str, list[float]] = {name: [] for name in judges}
    tokens: dict[str, int] = {}
    said: dict[str, Any] = {}
    for number in range(rounds):
        for name in list(judges)[:: 1 if number % 2 else -1]:
            said[name], taken, tokens[name] = ranked(judges[name], record)
            seconds[name].append(taken)
        print(f"round {number + 1} of {rounds}", flush=True)
    one, other = said.values()
    anew, kept = WAYS
    ratios = [b / a for a, b in zip(seconds[anew], seconds[kept])]
    return {
        "calls": one.calls,
        "the same ranking": one.ranking == other.ranking,
        "largest difference of a score": max(
            abs(one.scores[name] - other.scores[name]) for name in one.scores
        ),
        "tokens computed": tokens,
        "ratio of tokens": tokens[kept] / tokens[anew],
        "seconds a ranking": {name: float(np.median(took)) for name, took in seconds.items()},
        "ratio of seconds": bootstrap(ratios, lambda r: float(np.median(r))).to_dict(),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--members", type=int, default=8)
    given = parser.parse_args()
    import torch

    sys.path.insert(0, str(Path(__file__).parents[1]))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        found: dict[str, Any] = {
            "what": "a ranking by the active scheme, prompts kept between its rounds or not",
            "parameters": save_model("90M", folder),
            "members": given.members,
            "rounds": given.rounds,
            "torch": torch.__version__,
        }
        for layout, family in LAYOUTS.items():
            found[layout] = compared(folder, family, given.members, given.rounds)
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
