"""The arms: which trainings are compared, and on how much of what.

Every arm begins with the same weights, which can describe pictures and clips and have judged
nothing (a stand-in for the pretrained model that the paper begins with), and takes steps of
``BATCH`` pairs at the same rates, the fall to nothing over the second half of its own steps:

=============  ===================================  =====================  =====
arm            a step holds                         pairs of each task     steps
=============  ===================================  =====================  =====
``single``     one task                             N                      S
``joint``      all five in equal parts              N (equal per task)     5 S
``thin``       all five in equal parts              N / 5 (equal in all)   S
=============  ===================================  =====================  =====
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

KINDS = {
    "image_generation": "image pair",
    "video_generation": "clip pair",
    "image_editing": "edit pair",
    "image_understanding": "question pair",
    "video_understanding": "clip_question pair",
}
TASKS = tuple(KINDS)
BATCH = 20
STEPS = 300
"""S; so N is 6,000 pairs a task."""
CAPTIONS = {"captions": (550, {"image caption": 64}),
            "clips": (430, {"image caption": 8, "clip caption": 32})}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """One training: its name, its seed, the tasks it sees."""

    name: str
    seed: int
    tasks: tuple[str, ...]
    steps: int

    @property
    def folder(self) -> str:
        return f"seed-{self.seed}/{self.name}"

    @property
    def parts(self) -> dict[str, int]:
        """Trees a step."""
        return {KINDS[task]: BATCH // len(self.tasks) for task in self.tasks}

    def config(self, out: Path, base: Path) -> dict[str, Any]:
        """The arm's training config."""
        return {
            **_common(),
            "name": self.name,
            "output": str(out / self.folder),
            "seed": self.seed,
            "model": {**_model(), "init": str(base)},
            "schedule": {"warmup": 0.02, "decay": 0.5},
            "steps": self.steps,
            "data": _data(self.parts),
        }


def arms(seeds: int, scale: float) -> list[Arm]:
    """All trainings, seed by seed. ``scale`` is times the steps."""
    steps = max(1, round(STEPS * scale))
    found = []
    for seed in range(1, seeds + 1):
        found += [Arm(f"single-{task}", seed, (task,), steps) for task in TASKS]
        found.append(Arm("thin", seed, TASKS, steps))
        found.append(Arm("joint", seed, TASKS, len(TASKS) * steps))
    return found


def base_config(out: Path, scale: float) -> dict[str, Any]:
    """What every arm begins with: descriptions alone."""
    stages = [
        {
            "name": name,
            "steps": max(1, round(steps * min(1.0, scale))),
            "data": _data(parts),
            "optimiser": {"lr": 5e-3, "adam_lr": 3e-3} if name == "captions" else {},
        }
        for name, (steps, parts) in CAPTIONS.items()
    ]
    return {
        **_common(),
        "name": "base",
        "output": str(out / "base"),
        "seed": 0,
        "model": _model(),
        "schedule": {"warmup": 0.02, "decay": 0},
        "stages": stages,
    }


def _model() -> dict[str, Any]:
    return {
        "factory": "recipes.tiny_judge.model:build",
        "family": "tiny",
        "auxiliary": {"score": 4},
    }


def _data(parts: dict[str, int]) -> dict[str, Any]:
    return {"factory": "recipes.tiny_judge.mix:world_steps", "parts": parts}


def _common() -> dict[str, Any]:
    return {
        "objective": {
            "sft": {},
            "words": {"wrong": "wrong", "right": "right"},
            "score": {"kind": "auxiliary", "field": "score"},
        },
        "optimiser": {"name": "muon", "lr": 3e-3, "adam_lr": 2e-3, "betas": [0.9, 0.98]},
        "average": 0.98,
        "save": {"every": 100, "limit": 1},
        "log_every": 50,
        "device": "cpu",
        "threads": 1,
        "tensorboard": False,
    }
