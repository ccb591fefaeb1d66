"""Metrics: what a training says while it runs, as lines, as JSON Lines, and to TensorBoard.

A line of the log is flat: ``{"stage", "step", "seconds", "loss", "sft/loss", ...}``; ``seconds``
are of training, over all sittings, without what judging in the loop took.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.trainer_callback import ExportableState

_DROPPED = ("epoch", "total_flos", "train_runtime", "train_samples_per_second",
            "train_steps_per_second", "train_loss")  # fmt: skip


class Metrics(TrainerCallback, ExportableState):
    """One stage's lines. Its seconds are part of each checkpoint."""

    def __init__(self, log: Path, stage: str, say: Callable[[str], None]) -> None:
        self.log, self.stage, self.say = log, stage, say
        self.before = 0.0
        self.start = time.perf_counter()
        self.last: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self.start

    def state(self) -> dict[str, Any]:
        return {
            "args": {"log": str(self.log), "stage": self.stage, "say": None},
            "attributes": {"before": self.seconds},
        }

    def left_out(self, counts: Mapping[str, int]) -> None:
        """Says what of the data was left out before the first step, by reason."""
        told = {f"skipped/{reason}": number for reason, number in counts.items()}
        self._write({"stage": self.stage, "step": 0, "seconds": 0.0, **told})

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        kept = state.stateful_callbacks.get("Metrics")
        if state.global_step and isinstance(kept, dict):
            self.before = kept["attributes"]["before"]
        self.start = time.perf_counter()

    def on_log(
        self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        row: dict[str, Any] = {
            "stage": self.stage,
            "step": state.global_step,
            "seconds": round(self.seconds, 1),
        }
        for name, value in logs.items():
            if name in _DROPPED or name.startswith("train_"):
                continue
            if isinstance(value, int | float) and math.isfinite(value):
                row[name] = round(value, 6)
        if len(row) == 3:
            return
        self.last.update({k: v for k, v in row.items() if k not in ("stage", "step", "seconds")})
        self._write(row)

    def _write(self, row: dict[str, Any]) -> None:
        with open(self.log, "a", encoding="utf-8") as out:
            out.write(json.dumps(row) + "\n")
        self.say(line_of(row))


def line_of(row: dict[str, Any]) -> str:
    """``joint 500  12 min  loss 0.61  sft/accuracy 0.83`` for a terminal."""
    from unireward.jobs.progress import spoken

    told = [f"{row['stage']} {row['step']:,}", spoken(row["seconds"])]
    told += [
        f"{name} {value:.3g}"
        for name, value in row.items()
        if name not in ("stage", "step", "seconds", "grad_norm", "learning_rate")
    ]
    return "  ".join(told)
