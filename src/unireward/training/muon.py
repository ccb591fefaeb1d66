"""Muon in float32: PyTorch's own optimiser with its orthogonalisation in full precision.

``torch.optim.Muon`` iterates in bfloat16, which processors without such units take several times
as long for as for float32: three quarters of a small model's step. The iteration is the same
(Jordan et al. 2024: five quintic Newton-Schulz steps), matrices of one shape together; so is the
state, and a checkpoint of one is taken up by the other.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class FullMuon(torch.optim.Muon):
    """See the module docstring. Its settings are ``torch.optim.Muon``'s, ``match_rms_adamw`` the
    only scale of its rate."""

    def __init__(self, *given: object, **named: object) -> None:
        super().__init__(*given, **named)  # pyright: ignore[reportArgumentType]
        assert all(group["adjust_lr_fn"] == "match_rms_adamw" for group in self.param_groups)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = {}
            for weight in group["params"]:
                if weight.grad is not None:
                    update = self._momentum(weight, group["momentum"], group["nesterov"])
                    by_shape.setdefault(weight.shape, []).append((weight, update))
            for shape, members in by_shape.items():
                stacked = torch.stack([update for _, update in members])
                stacked = orthogonal(stacked, group["ns_coefficients"], group["ns_steps"],
                                     group["eps"])  # fmt: skip
                # Moonlight (arXiv 2502.16982, eq. 4): an update of AdamW's root mean square.
                rate = group["lr"] * 0.2 * max(shape) ** 0.5
                for (weight, _), update in zip(members, stacked):
                    weight.mul_(1 - group["lr"] * group["weight_decay"])
                    weight.add_(update.to(weight.dtype), alpha=-rate)
        return loss

    def _momentum(self, weight: Tensor, momentum: float, nesterov: bool) -> Tensor:
        assert weight.grad is not None
        state = self.state[weight]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(
                weight.grad, memory_format=torch.preserve_format
            )
        mean = state["momentum_buffer"]
        mean.lerp_(weight.grad, 1 - momentum)
        return weight.grad.lerp(mean, momentum) if nesterov else mean


def orthogonal(
    matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """``matrices`` [N, rows, columns] with their singular values brought near 1, in float32."""
    a, b, c = coefficients
    x = matrices.float()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / x.flatten(1).norm(dim=1).clamp(min=eps)[:, None, None]
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.mT if tall else x
