"""Stable Diffusion 1.x and 2.x: a chain of steps, a U-Net, epsilon or v."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.policies.pipelines.base import (
    Conditions,
    Defaults,
    Grid,
    PipelineAdapter,
)
from unireward.policies.pipelines.schedules import chain_schedule


class UNetAdapter(PipelineAdapter):
    """What the two U-Net families share. Sampled by DDIM whatever the scheduler's own solver."""

    denoiser_name = "unet"
    lora_targets = (
        "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
        "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0",
        "ff.net.0.proj", "ff.net.2",
    )  # fmt: skip
    guidance_scale = 7.5

    @property
    def defaults(self) -> Defaults:
        side = self.denoiser.config.sample_size * self.pipeline.vae_scale_factor
        return Defaults(50, self.guidance_scale, side, side)

    @property
    def grid(self) -> Grid:
        return Grid(self.denoiser.config.in_channels, self.pipeline.vae_scale_factor, 1)

    def schedule(self, steps: int, shape: Sequence[int]) -> Tensor:
        return chain_schedule(self.pipeline.scheduler, steps)


class StableDiffusionAdapter(UNetAdapter):
    pipeline_class = "StableDiffusionPipeline"

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, _ = self.pipeline.encode_prompt(list(prompts), self.device, 1, False)
        return {"prompt_embeds": embeds}

    def flagged(self, pixels: Tensor) -> list[bool]:
        if self.pipeline.safety_checker is None:
            return super().flagged(pixels)
        shown = 2 * pixels.nan_to_num().clamp(0, 1) - 1
        _, refused = self.pipeline.run_safety_checker(shown, self.device, self.denoiser.dtype)
        return [bool(found) for found in refused]

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        return self.denoiser(
            latents, times, encoder_hidden_states=conditions["prompt_embeds"], return_dict=False
        )[0]
