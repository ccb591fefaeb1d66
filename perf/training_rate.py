"""Samples a second of the trainer, against a bare PyTorch loop and against TRL's trainer.

    python perf/training_rate.py [--rounds 24] [--steps 4] [--starts 2] [--trl-python PYTHON]

Everyone trains the same model on the same batches, in a process of its own, and they take turns
of a few steps (``_turns``). A round is one turn of each, its order the other way round every
second time; the ratios of each round are what is told, by their median and its 95 % interval
(bootstrap). ``bare, once more`` is a second process of the bare loop: how far from 1 it comes is
what the method itself is worth. Each contender's steps include its data loader, made by one
worker process; saving is outside the turns. That the same work was done is seen first: weights
after two steps.

TRL's SFTTrainer is run where ``--trl-python`` (this Python unless given) has it, on the pictures;
it has no way to train packed trees. The result goes to ``perf/results/training_rate.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from _contenders import WORKLOADS, samples_a_step
from _turns import ROOT, Contender
from _vision import save_model, save_pairs

ASKED = 0.95
SAME = 1e-5
"""How far apart weights of about 1 may be after two steps of the same work."""
RESULT = Path(__file__).parent / "results" / "training_rate.json"
Rounds = list[dict[str, dict[str, float]]]


def started(
    names: list[str], workload: str, folder: Path, block: int, turns: int, trl: str
) -> list[Contender]:
    found = []
    for name in names:
        who = name.partition(", ")[0]
        place = folder / name
        place.mkdir()
        for part in ("model", "pairs"):
            if (folder / part).exists():
                (place / part).symlink_to(folder / part)
        python = trl if who == "trl" else sys.executable
        file = str(Path(__file__).parent / "_contenders.py")
        command = [python, file, who, workload, str(place), str(block), str(turns)]
        found.append(Contender(name, command))
    return found


def raced(
    names: list[str], workload: str, folder: Path, block: int, turns: int, trl: str
) -> Rounds:
    """Seconds by round and name. The contenders' folders stay until the next race."""
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)
    contenders = started(names, workload, folder, block, turns, trl)
    rounds: Rounds = []
    try:
        for k in range(turns):
            order = contenders if k % 2 else contenders[::-1]
            rounds.append({one.name: one.turn() for one in order})
        for one in contenders:
            one.end()
    finally:
        for one in contenders:
            one.stop()
    return rounds


def apart(folder: Path, name: str) -> float:
    """The largest difference of a weight of ``name``'s from the trainer's own."""
    from safetensors.numpy import load_file

    own = load_file(folder / "ours" / "ours.safetensors")
    other = load_file(folder / name / f"{name.partition(', ')[0]}.safetensors")
    return max(float(np.abs(own[key] - other[key]).max()) for key in own if key in other)


def compared(rounds: Rounds, name: str, against: str, clock: str) -> dict[str, float]:
    """Rate of ``name`` over that of ``against``: median over rounds, its interval, and pooled."""
    own = np.array([row[name][clock] for row in rounds])
    other = np.array([row[against][clock] for row in rounds])
    ratios = other / own
    draws = np.random.default_rng(0).choice(ratios, (4000, len(ratios)))
    low, high = np.percentile(np.median(draws, axis=1), [2.5, 97.5])
    found = {
        "ratio": float(np.median(ratios)),
        "low": float(low),
        "high": float(high),
        "pooled": float(other.sum() / own.sum()),
    }
    return {key: round(value, 4) for key, value in found.items()}


def measured(workload: str, folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """One workload's figures."""
    names = ["ours", "bare", "bare, once more"]
    if workload == WORKLOADS[1] and has_trl(given.trl_python):
        names.append("trl")
    trl, block = given.trl_python, given.steps
    raced(names, workload, folder, 1, 2, trl)
    distances = {name: apart(folder, name) for name in names[1:]}
    if max(distances.values()) > SAME:
        raise SystemExit(f"{workload}: not the same work: weights differ by {distances}")
    rounds: Rounds = []
    for _ in range(given.starts):
        # The first turn starts workers and fills caches.
        rounds += raced(names, workload, folder, block, given.rounds + 1, trl)[1:]
    samples = samples_a_step(workload)
    seconds = {name: np.median([row[name]["wall"] for row in rounds]) / block for name in names}
    pairs = [("ours", other) for other in names if other in ("bare", "trl")]
    pairs.append(("bare, once more", "bare"))
    return {
        "samples a step": samples,
        "seconds a step": {name: round(float(value), 4) for name, value in seconds.items()},
        "samples a second": {n: round(float(samples / value), 2) for n, value in seconds.items()},
        "rounds": len(rounds),
        "steps a turn": block,
        "weights apart after two steps": {n: float(f"{v:.2g}") for n, v in distances.items()},
        "rate against": {
            f"{name} / {other}": {
                "wall": compared(rounds, name, other, "wall"),
                "cpu": compared(rounds, name, other, "cpu"),
            }
            for name, other in pairs
        },
    }


def has_trl(python: str) -> bool:
    return bool(version_of(python, "trl"))


def version_of(python: str, package: str) -> str:
    """Empty where it is not installed."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def main() -> int:
    import unireward

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=24, help="turns of each after the first")
    parser.add_argument("--steps", type=int, default=4, help="steps of a turn")
    parser.add_argument("--starts", type=int, default=2, help="times that all start anew")
    parser.add_argument("--trl-python", default=sys.executable, help="a Python that has TRL")
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = save_model("small", folder / "model")
        save_pairs(256, folder / "pairs")
        found = {workload: measured(workload, folder, given) for workload in WORKLOADS}
    against = [row["rate against"]["ours / bare"]["wall"]["ratio"] for row in found.values()]
    result = {
        "what": "samples a second of the trainer over those of a bare PyTorch loop, same batches",
        "workloads": found,
        "weights of the Qwen3-VL": weights,
        "least": min(against),
        "asked": ASKED,
        "trl": version_of(given.trl_python, "trl") or "not installed, so not compared",
        "machine": {
            "cores": os.cpu_count(),
            "load before": round(load, 2),
            "load after": round(os.getloadavg()[0], 2),
        },
        "versions": {
            "unireward": unireward.__version__,
            "python": platform.python_version(),
            **{name: version_of(sys.executable, name) for name in ("torch", "transformers")},
        },
    }
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    if not has_trl(given.trl_python):
        print(f"{given.trl_python} has no TRL: not compared; name one with --trl-python")
    return int(min(against) < ASKED)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
