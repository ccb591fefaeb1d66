"""Wan 2.1 and the single-transformer models of Wan 2.2: a flow over clips.

The second transformer of Wan 2.2 A14B is out of scope: it is refused when the pipeline is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.policies.pipelines.base import (
    Conditions,
    Defaults,
    Grid,
    PipelineAdapter,
)


class WanAdapter(PipelineAdapter):
    pipeline_class = "WanPipeline"
    task = "video_generation"
    lora_targets = (
        "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
        "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0",
        "ffn.net.0.proj", "ffn.net.2",
    )  # fmt: skip
    even = False
    max_sequence_length = 512

    def __init__(self, pipeline: Any) -> None:
        if pipeline.transformer_2 is not None or pipeline.transformer is None:
            raise InputError(
                "model_index.json: transformer_2 is there, and a pipeline of two transformers "
                "(Wan 2.2 A14B) is not supported; use Wan 2.1 or Wan 2.2 TI2V-5B"
            )
        super().__init__(pipeline)

    @property
    def defaults(self) -> Defaults:
        return Defaults(50, 5.0, 480, 832, frames=81, fps=16.0)

    @property
    def grid(self) -> Grid:
        config = self.denoiser.config
        return Grid(
            config.in_channels, self.pipeline.vae_scale_factor_spatial, config.patch_size[1],
            temporal=self.pipeline.vae_scale_factor_temporal,
        )  # fmt: skip

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, _ = self.pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
        )  # fmt: skip
        return {"prompt_embeds": embeds}

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        if self.pipeline.config.expand_timesteps:
            # A time for each token: TI2V can hold a given first frame clean.
            _, _, frames, height, width = latents.shape
            times = times[:, None].expand(-1, frames * (height // 2) * (width // 2))
        return self.denoiser(
            hidden_states=latents,
            timestep=times,
            encoder_hidden_states=conditions["prompt_embeds"],
            return_dict=False,
        )[0]
