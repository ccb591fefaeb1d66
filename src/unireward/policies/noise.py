"""NoisePath: how clean latents become noisy, and what the denoiser predicts.

Two kinds cover the diffusers generators: straight lines from data to noise (flow matching: SD3,
FLUX, Qwen-Image, Z-Image, Wan, LTX) and variance-preserving chains of T steps (SD 1.5, SDXL)::

    path = FlowPath(shift=3.0, logit_normal=(0.0, 1.0))
    times = path.times(torch.rand(8))                      # [8], sigma in (0, 1)
    noisy = path.noisy(clean, noise, times)                # [8, ...], like clean
    loss = (prediction - path.target(clean, noise, times)).square().mean()
    path.step(noisy, prediction, times, times - 0.1)       # Euler, or DDIM on a chain

Latents are ``[R, ...]``, times ``[R]``, one for each row. On a chain a time is an integer step,
0 the cleanest, and -1 stands behind the last one: where sampling ends.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from torch import Tensor

Kind = Literal["flow", "epsilon", "v"]


class NoisePath(Protocol):
    """See the module docstring; the formulas are with the two classes."""

    @property
    def kind(self) -> Kind: ...
    @property
    def start(self) -> float:
        """The time of pure noise."""
        ...

    def times(self, u: Tensor) -> Tensor:
        """``u`` [R] uniform in (0, 1) -> the times to train at."""
        ...

    def noisy(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor: ...
    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        """What the denoiser should say of ``noisy``."""
        ...

    def clean_of(self, noisy: Tensor, prediction: Tensor, times: Tensor) -> Tensor: ...
    def noise_of(self, noisy: Tensor, prediction: Tensor, times: Tensor) -> Tensor: ...
    def step(self, noisy: Tensor, prediction: Tensor, now: Tensor, then: Tensor) -> Tensor:
        """Deterministically from the times ``now`` to the cleaner times ``then``."""
        ...

    def model_times(self, times: Tensor) -> Tensor:
        """What the denoiser is given: the path's times on its own scale, float."""
        ...


@dataclass(frozen=True)
class FlowPath:
    """``x = (1 - sigma) clean + sigma noise``, predicted ``noise - clean`` (rectified flow,
    arXiv 2209.03003; logit-normal times and their shift are arXiv 2403.03206, 3.1 and eq. 23).

    ``shift`` s moves training times towards noise, ``s t / (1 + (s - 1) t)``; ``logit_normal``
    (mean, deviation) makes them ``sigmoid(mean + deviation * normal)`` before that, None leaves
    them uniform. ``steps`` is the number the denoiser calls pure noise by (1000).
    """

    shift: float = 1.0
    logit_normal: tuple[float, float] | None = None
    steps: int = 1000
    kind: Literal["flow"] = field(default="flow", init=False)

    @property
    def start(self) -> float:
        return 1.0

    def times(self, u: Tensor) -> Tensor:
        t = u.float()
        if self.logit_normal is not None:
            mean, deviation = self.logit_normal
            t = torch.sigmoid(mean + deviation * torch.special.ndtri(t))
        return self.shift * t / (1 + (self.shift - 1) * t)

    def noisy(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        sigma = rows(times, clean)
        return (1 - sigma) * clean + sigma * noise

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        return noise - clean

    def clean_of(self, noisy: Tensor, prediction: Tensor, times: Tensor) -> Tensor:
        return noisy - rows(times, noisy) * prediction

    def noise_of(self, noisy: Tensor, prediction: Tensor, times: Tensor) -> Tensor:
        return noisy + (1 - rows(times, noisy)) * prediction

    def step(self, noisy: Tensor, prediction: Tensor, now: Tensor, then: Tensor) -> Tensor:
        return noisy + rows(then - now, noisy) * prediction

    def model_times(self, times: Tensor) -> Tensor:
        return times * self.steps


@dataclass(frozen=True)
class DiscretePath:
    """``x = alpha clean + sigma noise`` with ``alpha^2 = alphas_cumprod[t]``, ``sigma^2 = 1 -
    alpha^2`` (DDPM, arXiv 2006.11239). Predicted is the noise, or ``v = alpha noise - sigma
    clean`` (arXiv 2202.00512); ``step`` is DDIM's with eta 0 (arXiv 2010.02502, eq. 12).

    ``alphas_cumprod`` [T] float; ``end`` is that of time -1 (1: fully clean).
    """

    alphas_cumprod: Tensor
    kind: Literal["epsilon", "v"] = "epsilon"
    end: float = 1.0

    @classmethod
    def of_scheduler(cls, scheduler: Any) -> DiscretePath:
        """The chain of a diffusers scheduler with ``alphas_cumprod`` and a ``prediction_type``
        of ``epsilon`` or ``v_prediction``."""
        predicted = scheduler.config.prediction_type
        assert predicted in ("epsilon", "v_prediction"), predicted
        return cls(
            scheduler.alphas_cumprod.float(),
            "v" if predicted == "v_prediction" else "epsilon",
            float(getattr(scheduler, "final_alpha_cumprod", 1.0)),
        )

    @property
    def start(self) -> float:
        return float(len(self.alphas_cumprod) - 1)

    def times(self, u: Tensor) -> Tensor:
        """Integers 0 .. T - 1, each as often."""
        steps = len(self.alphas_cumprod)
        return (u.double() * steps).long().clamp(max=steps - 1)

    def _scales(self, times: Tensor, like: Tensor) -> tuple[Tensor, Tensor]:
        known = self.alphas_cumprod.to(times.device)
        # Time -1 reads the last entry.
        table = torch.cat([known, known.new_tensor([self.end])])
        squared = rows(table[times.long()], like)
        return squared.sqrt(), (1 - squared).sqrt()

    def noisy(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        alpha, sigma = self._scales(times, clean)
        return alpha * clean + sigma * noise

    def target(self, clean: Tensor, noise: Tensor, times: Tensor) -> Tensor:
        if self.kind == "epsilon":
            return noise
        alpha, sigma = self._scales(times, clean)
        return alpha * noise - sigma * clean

    def clean_of(self, noisy: Tensor, prediction: Tensor, times: Tensor) -> Tensor:
        alpha, sigma = self._scales(times, noisy)
        if self.kind == "epsilon":
            return (noisy - sigma * prediction) / alpha
        return alpha * noisy - sigma * prediction

    def noise_of(self, noisy: Tensor, prediction: Tensor, times: Tensor) -> Tensor:
        if self.kind == "epsilon":
            return prediction
        alpha, sigma = self._scales(times, noisy)
        return alpha * prediction + sigma * noisy

    def step(self, noisy: Tensor, prediction: Tensor, now: Tensor, then: Tensor) -> Tensor:
        clean = self.clean_of(noisy, prediction, now)
        return self.noisy(clean, self.noise_of(noisy, prediction, now), then)

    def model_times(self, times: Tensor) -> Tensor:
        return times.float()


def rows(values: Tensor, like: Tensor) -> Tensor:
    """``values`` [R] shaped to multiply ``like`` [R, ...], on its device."""
    return values.to(like.device).reshape(-1, *[1] * (like.ndim - 1))
