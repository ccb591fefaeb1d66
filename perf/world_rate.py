"""How many scenes of the world one core samples and renders in a second.

    python perf/world_rate.py [--scenes 6000] [--seed 0]

CPU seconds are counted (nothing here uses a second thread), so a busy machine changes little.
The first scenes fill the caches of masks and are reported apart. The result goes to
``perf/results/world_rate.json``.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL

import unireward
from unireward.world import TASKS, iter_items, sample_spec, scene_of
from unireward.world.render import render

FLOOR = 1500
"""Scenes of 96x96 a second on one core that the world promises."""


def scenes(number: int, seed: int, level: int | None) -> None:
    """Sample and render ``number`` scenes, levels 1 to 3 in turn unless given."""
    rng = np.random.default_rng(seed)
    for k in range(number):
        render(scene_of(sample_spec(rng, level or 1 + k % 3), rng), 96)


def records(task: str, number: int, seed: int) -> None:
    """Make ``number`` pairs of ``task`` with their labels."""
    for _ in iter_items(task, number, seed):
        pass


def rate(number: int, work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return round(number / (time.process_time() - start), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    number, seed = given.scenes, given.seed
    result: dict[str, object] = {
        "what": "scenes of 96x96 sampled and rendered per CPU second on one core",
        "seed": seed,
        "scenes": number,
        "cold": rate(1000, lambda: scenes(1000, seed + 1, None)),
        "levels 1 to 3": rate(number, lambda: scenes(number, seed, None)),
    }
    part = number // 4
    for level in (1, 2, 3, 4):
        result[f"level {level}"] = rate(part, lambda level=level: scenes(part, seed, level))
    result["records of two candidates"] = {
        task: rate(600, lambda task=task: records(task, 600, seed)) for task in TASKS
    }
    result["floor"] = FLOOR
    result["versions"] = {
        "unireward": unireward.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pillow": PIL.__version__,
    }
    out = Path(__file__).parent / "results" / "world_rate.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
