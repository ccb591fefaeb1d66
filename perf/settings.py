"""What bfloat16, 8 bits and compiling gain, and what they do to verdicts.

    python perf/settings.py [--rounds 5] [--records 300]

Speed on a Qwen3-VL of about 90 M parameters (random weights): pairs seen once, a verdict from one
prefill; and replies of 32 tokens. The settings take turns in one process; ratios are of processor
seconds to float32's. Verdicts on the tiny judge: how many of ``--records`` drawn pairs in both
orders have the same winner as in float32, and accuracy against the world's truth.
``int8-weights`` needs torchao and is left out where it is not installed. Written to
``perf/results/settings.json``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _judging import Way, asks_of, endless, once, spoken, timed
from _vision import SIDE, save_model

from unireward.stats.intervals import bootstrap
from unireward.stats.metrics import accuracy

RESULT = Path(__file__).parent / "results" / "settings.json"
BASE = "float32"
SETTINGS: dict[str, dict[str, Any]] = {
    BASE: {},
    "bfloat16": {"dtype": "bfloat16"},
    "int8": {"quantise": "int8"},
    "int8-weights": {"quantise": "int8-weights"},
    "compile": {"compile": True},
}


def speeds(settings: dict[str, dict[str, Any]], rounds: int) -> dict[str, Any]:
    from unireward.engines import TransformersEngine

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        save_model("90M", folder)
        asks = asks_of(once(12, SIDE), "unifiedreward-2")[::2]
        ways: dict[str, dict[str, Way]] = {"verdict": {}, "reply": {}}
        for name, how in settings.items():
            engine = TransformersEngine(folder, **how)
            endless(engine.model)
            engine._quick.ends = []
            ways["verdict"][name] = Way(name, asks, engine.choose)
            ways["reply"][name] = Way(name, spoken(asks[:8], 32), engine.generate)
        found: dict[str, Any] = {}
        for what, of_setting in ways.items():
            taken: dict[str, list[float]] = {name: [] for name in of_setting}
            for way in of_setting.values():
                way.run(way.asks[:4])
            for _ in range(rounds):
                for name, way in of_setting.items():
                    taken[name].append(timed(way)["cpu"])
            for name, mine in taken.items():
                ratios = [base / one for base, one in zip(taken[BASE], mine)]
                found.setdefault(name, {})[f"{what}, times float32"] = bootstrap(
                    ratios, lambda r: float(np.median(r))
                ).to_dict()
            print(what, flush=True)
    return found


def verdicts(settings: dict[str, dict[str, Any]], records: int) -> dict[str, Any]:
    import unireward as ur
    from unireward.world import iter_items

    drawn = [item.record for item in iter_items("image_generation", records, 77)]
    truths = [
        (r.label.ranking[0][0] if len(r.label.ranking) > 1 else "tie")
        if r.label and r.label.ranking
        else None
        for r in drawn
    ]
    winners: dict[str, list[str | None]] = {}
    for name, how in settings.items():
        with ur.load("tiny", cache=False, **how) as judge:
            winners[name] = [judgment.winner for judgment in judge(drawn, "rank")]
        print(name, flush=True)
    found: dict[str, Any] = {}
    for name, said in winners.items():
        right = accuracy(said, truths, ties="without")
        assert right is not None
        same = sum(a == b for a, b in zip(said, winners[BASE])) / len(drawn)
        found[name] = {"the same winner": same, "accuracy": right.to_dict()}
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=300)
    given = parser.parse_args()
    import torch

    sys.path.insert(0, str(Path(__file__).parents[1]))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    able = importlib.util.find_spec("torchao") is not None
    settings = {k: v for k, v in SETTINGS.items() if able or k != "int8-weights"}
    found = {
        "what": "speed and verdicts of a local model's settings, against float32",
        "torch": torch.__version__,
        "rounds": given.rounds,
        "records": given.records,
        "left out": [] if able else ["int8-weights (torchao is not installed)"],
        "speed": speeds(settings, given.rounds),
        "verdicts": verdicts(settings, given.records),
    }
    RESULT.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
