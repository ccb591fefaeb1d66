"""Memory of a training step for each sample, with and without gradient checkpointing.

    python perf/training_memory.py [--samples 1 2 4]

The trainer's own step (forward, loss, backward) on a Qwen3-VL of about 60 M random weights, each
sample a prompt with two pictures. Counted is every allocation of PyTorch's as its profiler saw
it: the peak over what was there before the step, gradients already in place, so that no other
process changes it. Bytes a sample are the slope between the fewest samples and the most; each
size is a process of its own, whose peak resident set (interpreter, weights, and what the system's
allocator keeps back) is told beside it. The result goes to ``perf/results/training_memory.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from _turns import ROOT
from _vision import save_model, save_pairs

SIZE = "60M"
RESULT = Path(__file__).parent / "results" / "training_memory.json"


def body(folder: Path, out: Path, samples: int, checkpointing: bool) -> dict[str, Any]:
    """The training's config as its YAML file would have it."""
    records = str(folder / "pairs/records.jsonl")
    return {
        "output": str(out),
        "model": {
            "path": str(folder / "model"),
            "family": "unifiedreward-2",
            "gradient_checkpointing": checkpointing,
        },
        "data": {"sources": [{"records": records, "limit": samples}], "orders": "given"},
        "objective": {"sft": {}},
        "steps": 1,
        "batch": {"size": samples},
        "workers": 0,
        "device": "cpu",
        "threads": 1,
        "tensorboard": False,
    }


def one(folder: Path, samples: int, checkpointing: bool) -> dict[str, float]:
    """Bytes at the peak of one step over what was allocated before it."""
    from torch.profiler import ProfilerActivity, profile

    from unireward.training.config import parse_config
    from unireward.training.run import Run

    out = folder / f"run-{samples}-{checkpointing}"
    config = parse_config(body(folder, out, samples, checkpointing))
    run = Run(config, lambda line: None)
    run.trainee.objective = run._objective(config.stages[0])
    trainer, _ = run._trainer(1, config.stages[0], out / "stages/1-train")
    batch = trainer.train_dataset[0]  # pyright: ignore[reportOptionalSubscript]
    model = trainer.model
    assert model is not None

    def step() -> float:
        start = time.process_time()
        batches, totals = trainer.get_batch_samples(iter([batch]), 1, trainer.args.device)
        trainer.training_step(model, batches[0], totals)
        return time.process_time() - start

    step()  # puts the gradients in place
    seconds = min(step() for _ in range(2))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as seen:
        step()
    return {
        "peak": peak_of(seen),
        "tokens": batch["parts"][0]["tokens"],
        "padded": batch["parts"][0]["inputs"]["input_ids"].numel(),
        "cpu_seconds": round(seconds, 3),
        "resident_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def peak_of(seen: Any) -> int:
    """The most bytes that were allocated at once since the profiler began."""
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    return peak


def table(rows: dict[str, dict[int, dict[str, float]]]) -> dict[str, Any]:
    """Bytes a sample of each way, and what checkpointing leaves of them."""
    ways = {}
    for way, by_samples in rows.items():
        fewest, most = min(by_samples), max(by_samples)
        slope = (by_samples[most]["peak"] - by_samples[fewest]["peak"]) / (most - fewest)
        padded = by_samples[most]["padded"] / most
        cpu = by_samples[most]["cpu_seconds"] / most
        ways[way] = {
            "bytes a sample": round(slope),
            "bytes a token": round(slope / padded),
            "cpu seconds a sample": round(cpu, 3),
            "steps": by_samples,
        }
    plain, less = (ways[way] for way in ("plain", "checkpointing"))
    cost = less["cpu seconds a sample"] / plain["cpu seconds a sample"]
    return {
        **ways,
        "checkpointing / plain": {
            "bytes a sample": round(less["bytes a sample"] / plain["bytes a sample"], 4),
            "cpu seconds a sample": round(cost, 2),
        },
    }


def run(folder: Path, samples: int, checkpointing: bool) -> dict[str, float]:
    """:func:`one` in a process of its own."""
    command = [sys.executable, __file__, "--one", str(folder), str(samples), str(checkpointing)]
    paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    done = subprocess.run(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> int:
    import unireward

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--out", type=Path, default=RESULT)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        weights = save_model(SIZE, folder / "model")
        save_pairs(8, folder / "pairs")
        rows = {
            way: {n: run(folder, n, way == "checkpointing") for n in given.samples}
            for way in ("plain", "checkpointing")
        }
    import torch
    import transformers

    result = {
        "what": "bytes that one more sample adds to the peak of a training step, two pictures each",
        "weights": weights,
        **table(rows),
        "versions": {
            "unireward": unireward.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
    given.out.parent.mkdir(exist_ok=True)
    given.out.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    if sys.argv[1:2] == ["--one"]:
        where, number, way = sys.argv[2:]
        print(json.dumps(one(Path(where), int(number), way == "True")))
        sys.exit(0)
    sys.exit(main())
