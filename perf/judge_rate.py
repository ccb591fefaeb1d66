"""Comparisons a second: the published loop, batched generation and this library, side by side.

    python perf/judge_rate.py [--rounds 5] [--pairs 24] [--only TABLE]

A Qwen3-VL of about 90 M parameters (random weights, float32, an end token that is never said, so
that replies have exactly the length asked for) and the tiny judge. Every way answers the same
asks; the ways take turns in one process, and what is told are the ratios of each round (median,
95 % bootstrap interval) of processor seconds, which a busy machine moves little; the clock's are
beside them. Two kinds of traffic: ``once`` (each pair of pictures seen once) and ``group`` (a
caption's 8 pictures, each against each in both orders: 56 calls). Two layouts of the prompt: as
published (pictures, then the rubric) and ours (the rubric first, which a group shares).

``limit`` is the bare batched forward of the same tokens, tensors made beforehand: with the vision
tower as transformers has it, and with this library's faster one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from _judging import Way, asks_of, bare, batched, endless, group, loaded, loop, once, spoken, timed
from _vision import SIDE, save_model

from unireward.stats.intervals import bootstrap

RESULT = Path(__file__).parent / "results" / "judge_rate.json"
SIZE, LONG, SHORT, MEMBERS, ROWS = "90M", 128, 5, 8, 16
PUBLISHED, OURS = "unifiedreward-2", "zero-shot"
LOOPED = {"loop, 128 tokens": 4, "loop, direct": 8}
"""Of how many asks a way's time is taken that does them one by one."""


def ways_of(folder: Path, asks: Sequence[Any], *, slow: bool = True) -> list[Way]:
    """Every way to answer ``asks``. The baselines run a model of their own."""
    from unireward.engines import TransformersEngine
    from unireward.engines.transformers import Ways

    plain, processor = loaded(folder)
    quick, own = loaded(folder)
    endless(plain), endless(quick)
    engine = TransformersEngine.of(quick, own, name="quick", ways=Ways(quick_vision=True))
    long, short = spoken(asks, LONG), spoken(asks, SHORT)
    few = {name: long[:k] if "128" in name else short[:k] for name, k in LOOPED.items()}
    ways = [
        Way("loop, direct", few["loop, direct"], loop(plain, processor, SHORT)),
        Way("ours, verdict", asks, engine.choose),
        Way("limit", asks, bare(plain, processor, asks, ROWS)),
        Way("limit, our vision", asks, bare(quick, own, asks, ROWS, quick=True)),
    ]
    if slow:
        ways += [
            Way("loop, 128 tokens", few["loop, 128 tokens"], loop(plain, processor, LONG)),
            Way("generate in batches, 128 tokens", long[:ROWS],
                batched(plain, processor, LONG, ROWS)),
            Way("ours, 128 tokens", long[:ROWS], engine.generate),
        ]  # fmt: skip
    return ways


def race(ways: Sequence[Way], rounds: int, say: Any) -> dict[str, list[dict[str, float]]]:
    """Seconds an ask of each way in each round; the order turns round every second time."""
    found: dict[str, list[dict[str, float]]] = {way.name: [] for way in ways}
    for way in ways:
        way.run(way.asks[:2] if not way.name.startswith("limit") else way.asks)
    for number in range(rounds):
        for way in list(ways)[:: 1 if number % 2 else -1]:
            found[way.name].append(timed(way))
        say(f"round {number + 1} of {rounds}")
    return found


def table(found: dict[str, list[dict[str, float]]], against: Sequence[str]) -> dict[str, Any]:
    """Comparisons a CPU second of each way, and how many times as many ours are."""
    rows: dict[str, Any] = {}
    for name, rounds in found.items():
        row: dict[str, Any] = {
            "asks a cpu second": 1 / float(np.median([r["cpu"] for r in rounds])),
            "asks a second": 1 / float(np.median([r["wall"] for r in rounds])),
        }
        for other in against:
            if other != name and other in found:
                ratios = [theirs["cpu"] / mine["cpu"] for mine, theirs in zip(rounds, found[other])]
                row[f"times {other}"] = bootstrap(ratios, lambda r: float(np.median(r))).to_dict()
        rows[name] = row
    return rows


def same_verdicts(number: int) -> dict[str, Any]:
    """The tiny judge's verdicts by the quick path's choice and by the published loop's words."""
    from unireward.engines import TransformersEngine
    from unireward.rewards.load import tiny_folder

    model, processor = loaded(tiny_folder())
    asks = asks_of(once((number + 1) // 2, 64), "tiny")[:number]
    said = loop(model, processor, 4)(spoken(asks, 4))
    chosen = TransformersEngine(tiny_folder()).choose(asks)
    same = sum(
        text.strip().split()[:1] == [reply.text] for text, reply in zip(said, chosen, strict=True)
    )
    return {"asks": len(asks), "the same verdict": same / len(asks)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pairs", type=int, default=24)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    import torch
    import transformers

    from unireward.rewards.load import tiny_folder

    sys.path.insert(0, str(Path(__file__).parents[1]))
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    found: dict[str, Any] = json.loads(RESULT.read_text()) if RESULT.exists() and given.only else {}
    found |= {
        "what": "comparisons (one pair in one order) a second, and ratios of them",
        "machine": platform.processor() or platform.machine(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "rounds": given.rounds,
    }
    against = ("loop, 128 tokens", "loop, direct", "generate in batches, 128 tokens", "limit",
               "limit, our vision")  # fmt: skip
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "model"
        found["parameters"] = save_model(SIZE, folder)
        traffic = {
            "group of 8": lambda family: asks_of([group(MEMBERS, SIDE)], family),
            "pairs once": lambda family: asks_of(once(given.pairs, SIDE), family)[::2],
        }
        for what, made in traffic.items():
            for family, layout in ((PUBLISHED, "as published"), (OURS, "rubric first")):
                name = f"{what}, {layout}"
                if given.only and given.only not in name:
                    continue
                print(name, flush=True)
                ways = ways_of(folder, made(family), slow=what == "group of 8")
                rounds = race(ways, given.rounds, lambda line: print("  " + line, flush=True))
                found[name] = table(rounds, against)
                save(found)
    for what, asks in {
        "tiny judge, group of 8": asks_of([group(MEMBERS, 64)], "tiny"),
        "tiny judge, pairs once": asks_of(once(64, 64), "tiny")[::2],
    }.items():
        if not given.only or given.only in what:
            print(what, flush=True)
            rounds = race(ways_of(tiny_folder(), asks), given.rounds, print)
            found[what] = table(rounds, against)
            save(found)
    if not given.only or given.only in "same verdicts":
        found["same verdicts"] = same_verdicts(500)
    save(found)
    print(json.dumps(found.get("same verdicts")))


def save(found: dict[str, Any]) -> None:
    RESULT.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
