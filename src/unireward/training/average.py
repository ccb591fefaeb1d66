"""Average: a running mean of the weights, which is what a stage ends with.

``average <- decay x average + (1 - decay) x weights`` after every step (Polyak averaging). It is
saved within each checkpoint, so that a resumed run ends with the same weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback

from unireward.training.trainee import load_trained, trained_state

FILE = "average.safetensors"


class Average(TrainerCallback):
    """The mean of the weights that learn, held beside them."""

    def __init__(self, trainee: nn.Module, decay: float) -> None:
        self.trainee, self.decay = trainee, decay
        self._live = list(trained_state(trainee).values())
        self._mean = [weight.detach().clone() for weight in self._live]

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        # The weights may have been moved to an accelerator since.
        self._mean = [mean.to(live.device) for mean, live in zip(self._mean, self._live)]

    @torch.no_grad()
    def on_optimizer_step(self, *_: Any, **__: Any) -> None:
        live = [weight.detach() for weight in self._live]
        torch._foreach_lerp_(self._mean, live, 1 - self.decay)  # pyright: ignore

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within: the trainee holds the mean."""
        live = [weight.detach().clone() for weight in self._live]
        self._put(self._mean)
        try:
            yield
        finally:
            self._put(live)

    def settle(self) -> None:
        """The trainee takes the mean for good."""
        self._put(self._mean)

    @torch.no_grad()
    def _put(self, values: list[Tensor]) -> None:
        for weight, value in zip(self._live, values, strict=True):
            weight.copy_(value)

    def state(self) -> dict[str, Tensor]:
        return dict(zip(trained_state(self.trainee), self._mean, strict=True))

    def write(self, folder: Path) -> None:
        from safetensors.torch import save_file

        save_file({n: w.contiguous().cpu() for n, w in self.state().items()}, folder / FILE)

    def read(self, folder: Path) -> None:
        """Take up the mean that a checkpoint holds."""
        from safetensors.torch import load_file

        state = load_file(folder / FILE)
        with self.in_place():
            load_trained(self.trainee, state, str(folder / FILE))
            self._mean = [weight.detach().clone() for weight in self._live]
