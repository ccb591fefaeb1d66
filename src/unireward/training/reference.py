"""Reference: the model as it was when the stage began, for losses that are measured from there.

With LoRA it is the model with its adapters off, which costs no memory; else a frozen copy.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from unireward.training.objectives import Dpo, Objective, sequence_logps
from unireward.training.trainee import Trainee


class Reference:
    """``added_to(batch)`` is the batch with ``reference_logps`` [R]."""

    def __init__(self, trainee: Trainee) -> None:
        self._adapters = hasattr(trainee.model, "disable_adapter")
        self.trainee = trainee if self._adapters else _frozen(trainee)

    @torch.no_grad()
    def added_to(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        if "sequence" not in batch or "reference_logps" in batch:
            return batch
        return {**batch, "reference_logps": self.logps(batch)}

    def logps(self, batch: Mapping[str, Any]) -> Tensor:
        """[R]: each row's summed log-probability of its targets."""
        learning = self.trainee.training
        self.trainee.eval()
        self.trainee.to(batch["logits_at"].device)
        off = self.trainee.model.disable_adapter() if self._adapters else nullcontext()
        try:
            with off:
                logits = self.trainee(batch).logits
        finally:
            self.trainee.train(learning)
        assert logits is not None
        rows = len(batch["inputs"]["attention_mask"])
        return sequence_logps(logits, batch["targets"], batch["sequence"], rows)[0]


def _frozen(trainee: Trainee) -> Trainee:
    objective, trainee.objective = trainee.objective, None
    try:
        made = copy.deepcopy(trainee)
    finally:
        trainee.objective = objective
    return made.requires_grad_(False).eval()


def reference_for(objective: Objective, trainee: Trainee) -> Reference | None:
    """The reference that the objective needs, None where no term reads one."""
    needs = [t for t in objective.terms if isinstance(t, Dpo) and not t.options.reference_free]
    return Reference(trainee) if needs else None
