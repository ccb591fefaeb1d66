"""Trainings small enough for a test: the recipe's own model, a few steps of a few trees."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from unireward.training.config import TrainConfig, parse_config

ROOT = Path(__file__).resolve().parents[2]
PARTS = {"image caption": 4, "image pair": 4}
TERMS = {
    "sft": {},
    "words": {"wrong": "wrong", "right": "right"},
    "score": {"kind": "auxiliary", "field": "score"},
}


def body(out: Path, **given: Any) -> dict[str, Any]:
    """A config's mapping: one stage of packed trees unless ``given`` says otherwise."""
    return {
        "output": str(out),
        "model": {
            "factory": "recipes.tiny_judge.model:build",
            "family": "tiny",
            "auxiliary": {"score": 4},
        },
        "objective": TERMS,
        "data": {"factory": "recipes.tiny_judge.mix:world_steps", "parts": PARTS},
        "optimiser": {"name": "muon", "lr": 3e-3, "adam_lr": 2e-3},
        "average": 0.9,
        "steps": 4,
        "save": {"every": 2},
        "log_every": 1,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
        "tensorboard": False,
        **given,
    }


def config(out: Path, *overrides: str, **given: Any) -> TrainConfig:
    return parse_config(body(out, **given), overrides)


def weights(out: Path) -> dict[str, torch.Tensor]:
    return load_file(out / "judge" / "model.safetensors")


def furthest(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> float:
    """The largest difference between two checkpoints' weights."""
    assert a.keys() == b.keys()
    return max((a[name] - b[name]).abs().max().item() for name in a)


def command(file: Path, *words: str, processes: int = 1) -> subprocess.Popen[str]:
    """``unireward train FILE`` in a process of its own, or in several under torchrun."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    return subprocess.Popen(
        [*start, "unireward", "train", str(file), *words],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
