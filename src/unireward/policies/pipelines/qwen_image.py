"""Qwen-Image: a flow on packed latents, a video VAE used on one frame, true guidance whose length
is brought back to that of the conditional prediction."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.policies.pipelines.base import Conditions, Defaults, Grid, PipelineAdapter
from unireward.policies.pipelines.latents import decoded, encoded, packed, unpacked


class QwenImageAdapter(PipelineAdapter):
    pipeline_class = "QwenImagePipeline"
    lora_targets = (
        "attn.to_q", "attn.to_k", "attn.to_v", "attn.to_out.0",
        "attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj", "attn.to_add_out",
        "img_mlp.net.0.proj", "img_mlp.net.2", "txt_mlp.net.0.proj", "txt_mlp.net.2",
    )  # fmt: skip
    max_sequence_length = 512

    @property
    def defaults(self) -> Defaults:
        side = self.pipeline.default_sample_size * self.pipeline.vae_scale_factor
        return Defaults(50, 4.0, side, side)

    @property
    def grid(self) -> Grid:
        return Grid(self.denoiser.config.in_channels // 4, self.pipeline.vae_scale_factor, 2)

    def guided(self, prediction: Tensor, unconditional: Tensor, scale: float) -> Tensor:
        combined = super().guided(prediction, unconditional, scale)
        # Lengths are those of tokens, a tile of 2 x 2 places each.
        wanted = packed(prediction).norm(dim=-1, keepdim=True)
        tokens = packed(combined)
        return unpacked(tokens * (wanted / tokens.norm(dim=-1, keepdim=True)), combined)

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, mask = self.pipeline.encode_prompt(
            list(prompts), max_sequence_length=self.max_sequence_length
        )
        if mask is None:
            mask = torch.ones(embeds.shape[:2], device=embeds.device)
        return {"prompt_embeds": embeds, "mask": mask.bool()}

    def encode(self, pixels: Tensor) -> Tensor:
        return encoded(self.pipeline.vae, pixels[:, :, None])[:, :, 0]

    def decode(self, latents: Tensor) -> Tensor:
        return decoded(self.pipeline.vae, latents[:, :, None])[:, :, 0]

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        rows, columns = latents.shape[-2] // 2, latents.shape[-1] // 2
        mask = conditions["mask"]
        prediction = self.denoiser(
            hidden_states=packed(latents),
            timestep=times / self.path.model_times(torch.ones(())),
            encoder_hidden_states=conditions["prompt_embeds"],
            # Without padding the model needs no mask, and is faster.
            encoder_hidden_states_mask=None if mask.all() else mask,
            img_shapes=[[(1, rows, columns)]] * len(latents),
            return_dict=False,
        )[0]
        return unpacked(prediction, latents)
