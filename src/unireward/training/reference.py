"""Reference: the model as it was when the stage began, for losses that are measured from there.

Where only adapters learn and they begin as nothing, it is the model without them, and costs no
memory. Else it is the weights that learn as the stage found them, put in place for the forward:
nothing that is frozen (a vision encoder, a VAE, a text encoder) is there twice. Sharded weights
cannot be put in place, so there it is a frozen copy of the whole model.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from unireward.training.objectives import Objective
from unireward.training.trainee import trained_state


class Reference:
    """``added_to(batch)`` is the batch with what the losses compare with: ``reference_logps`` or
    ``reference_errors`` [R]."""

    def __init__(self, trainee: Any, *, sharded: bool = False) -> None:
        self.trainee = trainee
        self._way: Any = nullcontext
        if trainee.has_adapters and _at_nothing(trainee):
            self._way = trainee.without_adapters
        elif sharded:
            self.trainee = _frozen(trainee)
        else:
            self._way = Start(trainee).in_place

    @torch.no_grad()
    def added_to(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        if "chosen" not in batch or any(name.startswith("reference_") for name in batch):
            return batch
        batch = self.trainee.prepared(batch)
        learning = self.trainee.training
        self.trainee.eval()
        self.trainee.to(_device(batch))
        way: AbstractContextManager[Any] = self._way()
        try:
            with way:
                outputs = self.trainee(batch)
        finally:
            self.trainee.train(learning)
        return {**batch, **self.trainee.reference_fields(outputs, batch)}


class Start:
    """The weights that learn, as they were."""

    def __init__(self, trainee: nn.Module) -> None:
        self._live = list(trained_state(trainee).values())
        self._held = [weight.detach().clone() for weight in self._live]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within: the trainee computes with them. Nothing is copied, only pointed to."""
        self._held = [held.to(live.device) for held, live in zip(self._held, self._live)]
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for place, live in enumerate(self._live):
            self._held[place], live.data = live.data, self._held[place]


def _at_nothing(trainee: nn.Module) -> bool:
    """Whether adapters change nothing yet: their second matrices are zero."""
    own = trained_state(trainee)
    return all("lora_" in name for name in own) and not any(
        bool(weight.any()) for name, weight in own.items() if "lora_B" in name
    )


def _device(batch: Mapping[str, Any]) -> torch.device:
    return next(value.device for value in batch.values() if isinstance(value, Tensor))


def _frozen(trainee: Any) -> Any:
    objective, trainee.objective = trainee.objective, None
    try:
        made = copy.deepcopy(trainee)
    finally:
        trainee.objective = objective
    return made.requires_grad_(False).eval()


def reference_for(objective: Objective, trainee: Any, *, sharded: bool = False) -> Reference | None:
    """The reference that the objective needs, None where no term reads one."""
    if not any(getattr(term, "reads_reference", False) for term in objective.terms):
        return None
    return Reference(trainee, sharded=sharded)
