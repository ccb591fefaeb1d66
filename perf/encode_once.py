"""Ranking 8 candidates in both orders: what encoding each picture once saves.

    python perf/encode_once.py [--rounds 5]

A Qwen3-VL whose vision tower is about half of the cost of a pair (random weights, float32, one
thread). 56 calls, verdicts read from one prefill, prefixes not shared so that nothing but the
encoding differs; both ways take turns in one process. How many pictures the tower sees is
counted at the tower; its share of the cost is measured in the way without. Times are processor
seconds. The result goes to ``perf/results/encode_once.json``.
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
from _judging import Way, asks_of, group, loaded, timed
from _vision import SIDE, save_model

from unireward.stats.intervals import bootstrap

RESULT = Path(__file__).parent / "results" / "encode_once.json"
SIZE = "90M, half of it eyes"
ASKED = 0.6


class Watched:
    """Counts the media that a tower sees and the processor seconds it takes."""

    def __init__(self, model: Any) -> None:
        self.media, self.seconds = 0, 0.0
        tower = model.model.visual
        tower.register_forward_pre_hook(self._before, with_kwargs=True)
        tower.register_forward_hook(self._after)

    def _before(self, _: Any, __: Any, kwargs: dict[str, Any]) -> None:
        self.media += len(kwargs["grid_thw"])
        self._start = time.process_time()

    def _after(self, *_: Any) -> None:
        self.seconds += time.process_time() - self._start


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    import torch

    from unireward.engines import TransformersEngine
    from unireward.engines.transformers import Ways

    sys.path.insert(0, str(Path(__file__).parents[1]))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        parameters = save_model(SIZE, folder)
        asks = asks_of([group(8, SIDE)], "zero-shot")
        ways, eyes = {}, {}
        for name, how in {
            "each prompt's own": Ways(encode_once=False),
            "encoded once": Ways(prefix_reuse=False),
        }.items():
            model, processor = loaded(folder)
            eyes[name] = Watched(model)
            engine = TransformersEngine.of(model, processor, name=name, ways=how)
            ways[name] = Way(name, asks, engine.choose)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(given.rounds):
            for name in list(ways)[:: 1 if number % 2 else -1]:
                seconds[name].append(timed(ways[name])["cpu"])
            print(f"round {number + 1} of {given.rounds}", flush=True)
    own, once = ("each prompt's own", "encoded once")
    ratios = [b / a for a, b in zip(seconds[own], seconds[once])]
    total = sum(seconds[own]) * len(asks)
    found = {
        "what": "processor seconds of ranking 8 candidates in both orders, and pictures encoded",
        "parameters": parameters,
        "calls": len(asks),
        "pictures the tower sees": {n: eye.media / given.rounds for n, eye in eyes.items()},
        "vision's share of the cost, without": eyes[own].seconds / total,
        "seconds a call": {name: float(np.median(s)) for name, s in seconds.items()},
        "ratio": bootstrap(ratios, lambda r: float(np.median(r))).to_dict(),
        "asked": ASKED,
        "torch": torch.__version__,
        "rounds": given.rounds,
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
