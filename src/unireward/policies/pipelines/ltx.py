"""LTX-Video: a flow over clips, packed into tokens; what is near in time depends on the rate."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.policies.pipelines.base import Conditions, Defaults, Grid, PipelineAdapter
from unireward.policies.pipelines.latents import decoded, turned


class LTXAdapter(PipelineAdapter):
    pipeline_class = "LTXPipeline"
    task = "video_generation"
    lora_targets = (
        "attn1.to_q", "attn1.to_k", "attn1.to_v", "attn1.to_out.0",
        "attn2.to_q", "attn2.to_k", "attn2.to_v", "attn2.to_out.0",
        "ff.net.0.proj", "ff.net.2",
    )  # fmt: skip
    max_sequence_length = 128
    fps: float | None = 25.0

    @property
    def defaults(self) -> Defaults:
        return Defaults(50, 3.0, 512, 704, frames=161, fps=25.0)

    @property
    def grid(self) -> Grid:
        pipeline = self.pipeline
        return Grid(
            self.denoiser.config.in_channels // pipeline.transformer_spatial_patch_size**2,
            pipeline.vae_spatial_compression_ratio,
            pipeline.transformer_spatial_patch_size,
            temporal=pipeline.vae_temporal_compression_ratio,
        )

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, mask, _, _ = self.pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
        )  # fmt: skip
        return {"prompt_embeds": embeds, "mask": mask}

    def decode(self, latents: Tensor) -> Tensor:
        vae = self.pipeline.vae
        # At decoding time 0, the pipeline's default, no noise is mixed in.
        conditioned = vae.config.timestep_conditioning
        time = torch.zeros(len(latents), device=vae.device, dtype=vae.dtype)
        return turned(decoded(vae, latents, temb=time if conditioned else None))

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        pipeline = self.pipeline
        sizes = (pipeline.transformer_spatial_patch_size, pipeline.transformer_temporal_patch_size)
        frames, height, width = latents.shape[2:]
        space = pipeline.vae_spatial_compression_ratio
        assert self.fps is not None
        prediction = self.denoiser(
            hidden_states=pipeline._pack_latents(latents, *sizes),
            encoder_hidden_states=conditions["prompt_embeds"],
            timestep=times,
            encoder_attention_mask=conditions["mask"],
            num_frames=frames,
            height=height,
            width=width,
            rope_interpolation_scale=(
                pipeline.vae_temporal_compression_ratio / self.fps, space, space,
            ),
            return_dict=False,
        )[0]  # fmt: skip
        return pipeline._unpack_latents(prediction, frames, height, width, *sizes)
