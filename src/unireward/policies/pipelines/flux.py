"""FLUX.1: a flow on packed latents; dev is given its guidance as a number, schnell has none."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.policies.pipelines.base import (
    Conditions,
    Defaults,
    Grid,
    Guidance,
    PipelineAdapter,
)
from unireward.policies.pipelines.latents import packed, unpacked


class FluxAdapter(PipelineAdapter):
    pipeline_class = "FluxPipeline"
    lora_targets = (
        "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0",
        "attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out",
        "ff.net.0.proj", "ff.net.2", "ff_context.net.0.proj", "ff_context.net.2", "proj_mlp",
    )  # fmt: skip
    max_sequence_length = 512

    @property
    def guidance(self) -> Guidance:
        return "embedded" if self.denoiser.config.guidance_embeds else "none"

    @property
    def defaults(self) -> Defaults:
        side = self.pipeline.default_sample_size * self.pipeline.vae_scale_factor
        return (
            Defaults(28, 3.5, side, side)
            if self.guidance == "embedded"
            else Defaults(4, 1.0, side, side)
        )

    @property
    def grid(self) -> Grid:
        return Grid(self.denoiser.config.in_channels // 4, self.pipeline.vae_scale_factor, 2)

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, pooled, _ = self.pipeline.encode_prompt(
            list(prompts), max_sequence_length=self.max_sequence_length
        )
        return {"prompt_embeds": embeds, "pooled": pooled}

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        rows, columns = latents.shape[-2] // 2, latents.shape[-1] // 2
        places = torch.zeros(rows, columns, 3, device=latents.device, dtype=latents.dtype)
        places[..., 1] = torch.arange(rows, device=latents.device)[:, None]
        places[..., 2] = torch.arange(columns, device=latents.device)
        told = None
        if self.guidance == "embedded":
            told = torch.full((len(latents),), guidance, device=latents.device)
        prediction = self.denoiser(
            hidden_states=packed(latents),
            timestep=times / self.path.model_times(torch.ones(())),
            guidance=told,
            pooled_projections=conditions["pooled"],
            encoder_hidden_states=conditions["prompt_embeds"],
            txt_ids=places.new_zeros(conditions["prompt_embeds"].shape[1], 3),
            img_ids=places.flatten(0, 1),
            return_dict=False,
        )[0]
        return unpacked(prediction, latents)
