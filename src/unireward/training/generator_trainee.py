"""GeneratorTrainee: what the optimiser sees of a diffusers generator.

One forward makes clean pictures noisy and says how wrong the prediction is, row by row::

    trainee = GeneratorTrainee(adapter)
    trainee({"inputs": {"pixels": pixels}, "prompts": captions, "seeds": seeds}).errors      # [R]

Noise and time of a row come from its own seed, on the CPU: whatever a batch is cut into, and
wherever it is computed, a row is the same. What does not learn (VAE, text encoders) is held too,
so that it moves along, stays in evaluation mode and runs in its own precision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor, nn

from unireward.policies.noise import NoisePath
from unireward.policies.pipelines.base import Conditions, PipelineAdapter, rows_of
from unireward.training.objectives.base import Objective, Outputs


class GeneratorTrainee(nn.Module):
    """``times`` are the only ones that are trained (None: all that the path draws)."""

    def __init__(self, adapter: PipelineAdapter, times: Sequence[float] | None = None) -> None:
        super().__init__()
        self.adapter = adapter
        self.trained = nn.ModuleDict(adapter.trained())
        self.frozen = nn.ModuleDict(adapter.frozen())
        self.objective: Objective | None = None
        self._times = times

    def train(self, mode: bool = True) -> GeneratorTrainee:
        super().train(mode)
        self.frozen.eval()
        return self

    # One forward ------------------------------------------------------------------------------

    def forward(self, batch: Mapping[str, Any]) -> Outputs:
        batch = self.prepared(batch)
        conditions = batch.get("conditions")
        if conditions is None:
            conditions = self._conditions(batch["prompts"])
        predicted = self.adapter.predict(batch["noisy"], batch["times"], conditions)
        errors = (predicted - batch["target"]).square().flatten(1).mean(1)
        snr, gain = levels(self.adapter.path, batch["times"])
        return Outputs(errors=errors, snr=snr, gain=gain)

    @torch.no_grad()
    def prepared(self, batch: Mapping[str, Any]) -> Mapping[str, Any]:
        """The batch with what no gradient goes through: ``noisy``, ``times``, ``target`` and,
        where the text side does not learn, ``conditions``."""
        if "noisy" in batch:
            return batch
        path = self.adapter.path
        with self._as_stored():
            clean = self.adapter.encode(unit(batch["inputs"]["pixels"])).float()
            conditions = None if self._text_learns() else self._conditions(batch["prompts"])
        u, noise = drawn(batch["seeds"], clean.shape[1:])
        times = self._drawn_times(path, u).to(clean.device)
        noise = noise.to(clean.device)
        return {
            **batch,
            "noisy": path.noisy(clean, noise, times),
            "target": path.target(clean, noise, times),
            "times": times,
            "conditions": conditions,
        }

    def _drawn_times(self, path: NoisePath, u: Tensor) -> Tensor:
        if self._times is None:
            return path.times(u)
        known = torch.tensor(self._times, dtype=path.times(u[:1]).dtype)
        return known[(u.double() * len(known)).long().clamp(max=len(known) - 1)]

    def _conditions(self, prompts: Sequence[str]) -> Conditions:
        """A row a prompt; a prompt that comes twice is encoded once."""
        different = list(dict.fromkeys(prompts))
        found = self.adapter.conditions(different)
        place = {prompt: k for k, prompt in enumerate(different)}
        return rows_of(found, [place[prompt] for prompt in prompts])

    def _text_learns(self) -> bool:
        """Whether anything besides the denoiser learns: all else that may is of the text."""
        return any(
            weight.requires_grad
            for name, part in self.trained.items()
            if name != "denoiser"
            for weight in part.parameters()
        )

    def _as_stored(self) -> AbstractContextManager[Any]:
        """Within: no autocast, each weight computes in its own type."""
        return torch.autocast(self.adapter.device.type, enabled=False)

    # Compared ---------------------------------------------------------------------------------

    @property
    def has_adapters(self) -> bool:
        from unireward.policies.lora import has_adapters

        return has_adapters(self.adapter)

    def without_adapters(self) -> AbstractContextManager[Any]:
        from unireward.policies.lora import without_adapters

        return without_adapters(self.adapter)

    def reference_fields(self, outputs: Outputs, batch: Mapping[str, Any]) -> dict[str, Tensor]:
        """What the outputs of a reference add to a batch."""
        assert outputs.errors is not None
        return {"reference_errors": outputs.errors}


def unit(pixels: Tensor) -> Tensor:
    """uint8 as floats in [0, 1]; floats as they are."""
    return pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels


def drawn(seeds: Tensor, shape: Sequence[int]) -> tuple[Tensor, Tensor]:
    """``u`` [R] in (0, 1) and normal noise [R, *shape], each row from its seed, on the CPU."""
    u, noise = [], []
    for seed in seeds.tolist():
        own = torch.Generator().manual_seed(seed)
        # The normal distribution has no quantile at 0.
        u.append(torch.rand((), generator=own).clamp(1e-6, 1 - 1e-6))
        noise.append(torch.randn(tuple(shape), generator=own))
    return torch.stack(u), torch.stack(noise)


def levels(path: NoisePath, times: Tensor) -> tuple[Tensor, Tensor]:
    """``(snr, gain)`` [R] of times: alpha^2 / sigma^2, and by how much a squared error of the
    prediction is one of the clean picture. Read off the path, which is linear in all it is given.
    """
    one = torch.ones(len(times), 1, device=times.device)
    none = torch.zeros_like(one)
    alpha, sigma = path.noisy(one, none, times), path.noisy(none, one, times)
    gain = path.clean_of(none, one, times)
    return (alpha / sigma).square()[:, 0], gain.square()[:, 0]
