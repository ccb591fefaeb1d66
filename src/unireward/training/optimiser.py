"""Optimiser and rate: AdamW, or Muon on the hidden matrices beside AdamW on the rest.

Muon (Jordan et al. 2024) orthogonalises the momentum of each matrix; its step is scaled to
AdamW's RMS (Moonlight, arXiv 2502.16982), so that one learning rate means the same for both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.training.config import OptimiserConfig, ScheduleConfig

_NOT_HIDDEN = ("embed", "words.", "lm_head", "auxiliary.", "head.", "lora_")


def is_matrix(name: str, weight: Tensor) -> bool:
    """Whether Muon takes it: a hidden 2-D weight, no embedding, output layer, head or adapter."""
    return weight.ndim == 2 and not any(mark in name for mark in _NOT_HIDDEN)


def make_optimiser(module: nn.Module, config: OptimiserConfig) -> torch.optim.Optimizer:
    """The optimiser of the weights that learn. No decay on biases, norms and embeddings."""
    named = [(n, w) for n, w in module.named_parameters() if w.requires_grad]
    if not named:
        raise InputError("model.freeze: nothing is left to train; freeze fewer parts")
    if config.name == "adamw":
        return torch.optim.AdamW(_groups(named, config), lr=config.lr, betas=config.betas,
                                 eps=config.eps)  # fmt: skip
    if not hasattr(torch.optim, "Muon"):
        raise InputError("optimiser.name: muon needs PyTorch 2.9 or newer; use adamw")
    matrices = [w for n, w in named if is_matrix(n, w)]
    rest = [(n, w) for n, w in named if not is_matrix(n, w)]
    adam_lr = config.adam_lr or config.lr
    parts: list[torch.optim.Optimizer] = []
    if matrices:
        from unireward.training.muon import FullMuon

        kind = FullMuon if config.orthogonalise == "float32" else torch.optim.Muon
        parts.append(
            kind(
                matrices,
                lr=config.lr,
                momentum=config.momentum,
                weight_decay=config.weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )
        )
    if rest:
        parts.append(
            torch.optim.AdamW(_groups(rest, config), lr=adam_lr, betas=config.betas, eps=config.eps)
        )
    return Together(parts)


def _groups(named: Iterable[tuple[str, Tensor]], config: OptimiserConfig) -> list[dict[str, Any]]:
    groups: dict[bool, list[Tensor]] = {True: [], False: []}
    for name, weight in named:
        table = "embed" in name or "words." in name
        groups[weight.ndim >= 2 and not table].append(weight)
    decays = {True: config.weight_decay, False: 0.0}
    return [
        {"params": weights, "weight_decay": decays[decayed]}
        for decayed, weights in groups.items()
        if weights
    ]


class Together(torch.optim.Optimizer):
    """Several optimisers as one: their groups side by side, stepped in turn.

    The groups are the inner ones themselves, so a scheduler that sets a group's rate sets the
    inner one's.
    """

    def __init__(self, parts: list[torch.optim.Optimizer]) -> None:
        self.parts = parts
        groups = [group for part in parts for group in part.param_groups]
        super().__init__(groups, {})
        self.param_groups = groups

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = closure() if closure is not None else None
        for part in self.parts:
            part.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        return {"parts": [part.state_dict() for part in self.parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        for part, state in zip(self.parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self.parts for group in part.param_groups]


def make_schedule(
    optimiser: torch.optim.Optimizer, config: ScheduleConfig, steps: int
) -> torch.optim.lr_scheduler.LambdaLR:
    """Every group's rate over ``steps`` (see :class:`ScheduleConfig`)."""
    return torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: rate(config, step, steps))


def rate(config: ScheduleConfig, step: int, steps: int) -> float:
    """Share of the full rate at ``step`` of ``steps`` (counted from 0), in [0, 1]."""
    warm = config.warmup * steps
    rise = min(1.0, (step + 1) / warm) if warm >= 1 else 1.0
    if not config.decay:
        return rise
    fall = min(1.0, max(0.0, (1 - step / steps) / config.decay))
    if config.kind == "cosine":
        fall = 0.5 * (1 - math.cos(math.pi * fall))
    return min(rise, fall)
