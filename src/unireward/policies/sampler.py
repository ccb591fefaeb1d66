"""Sampler: from noise to latents, along the path that a generator was trained on.

::

    noise = start_noise(adapter.latent_shape(512, 512), seeds=[7, 8])
    conditions = adapter.conditions(["two red circles"] * 2)
    latents = denoised(adapter, noise, conditions, steps=28)
    pixels = adapter.decode(latents)

One deterministic rule for every family (``NoisePath.step``): Euler on a flow, DDIM with eta 0 on
a chain, which is Euler in other words. With the scheduler of that rule in the pipeline the result
is that of the pipeline's own ``__call__``; a checkpoint that comes with another solver (UniPC,
PNDM, DPM++) keeps its times and noise levels and is stepped by this one.

Edge rules: a sample's noise comes from its own seed on the CPU, so what else is in the batch, and
on which device it runs, changes nothing (beyond rounding). Latents stay float32. Guidance is done
as the family does it and counts it; at a scale of 1 (Z-Image: 0) or less there is no second pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.policies.pipelines.base import Conditions, PipelineAdapter, rows_of


def start_noise(shape: Sequence[int], seeds: Sequence[int]) -> Tensor:
    """Normal noise [len(seeds), *shape], float32 on the CPU; each row from its seed alone."""
    return torch.stack(
        [torch.randn(tuple(shape), generator=torch.Generator().manual_seed(s)) for s in seeds]
    )


def denoised(
    adapter: PipelineAdapter,
    noise: Tensor,
    conditions: Conditions,
    *,
    steps: int,
    guidance_scale: float | None = None,
    unconditional: Conditions | None = None,
) -> Tensor:
    """Clean latents [B, ...] float32 of ``noise`` [B, ...], for conditions of B rows.

    ``guidance_scale`` None is none; ``unconditional``, one row, is needed where
    :func:`is_guided_twice` says so. Gradients flow unless the caller stops them.
    """
    scale = adapter.unguided if guidance_scale is None else guidance_scale
    times = adapter.schedule(steps, noise.shape[1:]).to(adapter.device)
    latents = noise.to(adapter.device, torch.float32)
    twice = is_guided_twice(adapter, scale)
    assert not twice or unconditional is not None, "guidance needs the conditions of no caption"
    without = rows_of(unconditional, [0] * len(noise)) if twice and unconditional else None
    for now, then in pairwise(times.unbind()):
        now, then = now.expand(len(latents)), then.expand(len(latents))
        prediction = adapter.predict(latents, now, conditions, guidance=scale)
        if without is not None:
            other = adapter.predict(latents, now, without, guidance=scale)
            prediction = adapter.guided(prediction, other, scale)
        latents = adapter.path.step(latents, prediction, now, then)
    return latents


def is_guided_twice(adapter: PipelineAdapter, guidance_scale: float) -> bool:
    """Whether a second pass without caption is made."""
    return adapter.guidance == "classifier-free" and guidance_scale > adapter.unguided


def check_guidance(adapter: PipelineAdapter, guidance_scale: float) -> None:
    """:class:`InputError` for a scale that the model cannot be guided by."""
    if adapter.guidance == "none" and guidance_scale > adapter.unguided:
        raise InputError(
            f"guidance_scale: {guidance_scale:g}, but this {adapter.pipeline_class} was distilled "
            "to be sampled without guidance; set it to {adapter.unguided:g}"
        )
