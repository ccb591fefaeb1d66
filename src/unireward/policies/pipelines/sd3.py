"""Stable Diffusion 3 and 3.5: a flow, three text encoders, one pooled vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.policies.pipelines.base import (
    Conditions,
    Defaults,
    Grid,
    PipelineAdapter,
)


class SD3Adapter(PipelineAdapter):
    pipeline_class = "StableDiffusion3Pipeline"
    lora_targets = (
        "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0",
        "attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out",
        "ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2",
    )  # fmt: skip
    even = False
    max_sequence_length = 256

    @property
    def defaults(self) -> Defaults:
        side = self.pipeline.default_sample_size * self.pipeline.vae_scale_factor
        return Defaults(28, 7.0, side, side)

    @property
    def grid(self) -> Grid:
        config = self.denoiser.config
        return Grid(config.in_channels, self.pipeline.vae_scale_factor, config.patch_size)

    def latent_shape(self, height: int, width: int, frames: int = 1) -> tuple[int, ...]:
        shape = super().latent_shape(height, width, frames)
        largest = self.denoiser.config.pos_embed_max_size * self.grid.patch * self.grid.spatial
        if max(height, width) > largest:
            raise InputError(
                f"height, width: {height} x {width}, but the transformer knows places up to "
                f"{largest}; set both to at most that"
            )
        return shape

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, _, pooled, _ = self.pipeline.encode_prompt(
            list(prompts), None, None, do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
        )  # fmt: skip
        return {"prompt_embeds": embeds, "pooled": pooled}

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        return self.denoiser(
            hidden_states=latents,
            timestep=times,
            encoder_hidden_states=conditions["prompt_embeds"],
            pooled_projections=conditions["pooled"],
            return_dict=False,
        )[0]
