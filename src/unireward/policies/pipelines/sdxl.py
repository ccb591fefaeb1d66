"""Stable Diffusion XL: as SD 1.5, with a pooled vector and the picture's size as conditions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.policies.pipelines.base import Conditions
from unireward.policies.pipelines.stable_diffusion import UNetAdapter


class SDXLAdapter(UNetAdapter):
    pipeline_class = "StableDiffusionXLPipeline"
    guidance_scale = 5.0

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        embeds, _, pooled, _ = self.pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False
        )
        if self.pipeline.config.force_zeros_for_empty_prompt:
            said = torch.tensor([bool(prompt) for prompt in prompts], device=embeds.device)
            embeds, pooled = embeds * said[:, None, None], pooled * said[:, None]
        return {"prompt_embeds": embeds, "pooled": pooled}

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        factor = self.pipeline.vae_scale_factor
        size = (latents.shape[-2] * factor, latents.shape[-1] * factor)
        # Original size, left and top cut, target size: a picture that is whole.
        told = torch.tensor([*size, 0, 0, *size], device=latents.device, dtype=latents.dtype)
        return self.denoiser(
            latents,
            times,
            encoder_hidden_states=conditions["prompt_embeds"],
            added_cond_kwargs={
                "text_embeds": conditions["pooled"],
                "time_ids": told.expand(len(latents), -1),
            },
            return_dict=False,
        )[0]
