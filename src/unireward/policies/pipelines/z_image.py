"""Z-Image: a flow whose model counts time from noise to data and predicts the other way round."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unireward.policies.pipelines.base import Conditions, Defaults, Grid, PipelineAdapter


class ZImageAdapter(PipelineAdapter):
    pipeline_class = "ZImagePipeline"
    lora_targets = (
        "attention.to_q", "attention.to_k", "attention.to_v", "attention.to_out.0",
        "feed_forward.w1", "feed_forward.w2", "feed_forward.w3",
    )  # fmt: skip
    unguided = 0.0
    max_sequence_length = 512

    @property
    def defaults(self) -> Defaults:
        """Those of the undistilled model; Z-Image-Turbo wants 8 steps and guidance 0."""
        return Defaults(50, 5.0, 1024, 1024)

    @property
    def grid(self) -> Grid:
        return Grid(self.denoiser.in_channels, self.pipeline.vae_scale_factor, 2)

    def guided(self, prediction: Tensor, unconditional: Tensor, scale: float) -> Tensor:
        """``scale`` as the pipeline counts it: one more than elsewhere."""
        return prediction + scale * (prediction - unconditional)

    @torch.no_grad()
    def conditions(self, prompts: Sequence[str]) -> Conditions:
        # The pipeline writes into the list that it is given.
        embeds, _ = self.pipeline.encode_prompt(
            list(prompts), do_classifier_free_guidance=False,
            max_sequence_length=self.max_sequence_length,
        )  # fmt: skip
        lengths = torch.tensor([len(row) for row in embeds], device=embeds[0].device)
        filled = torch.nn.utils.rnn.pad_sequence(embeds, batch_first=True)
        places = torch.arange(filled.shape[1], device=filled.device)
        return {"prompt_embeds": filled, "mask": places < lengths[:, None]}

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        whole = self.path.model_times(torch.ones(()))
        captions = zip(conditions["prompt_embeds"], conditions["mask"])
        out = self.denoiser(
            list(latents[:, :, None].unbind()),
            (whole - times) / whole,
            [embeds[mask] for embeds, mask in captions],
            return_dict=False,
        )[0]
        return -torch.stack(list(out))[:, :, 0]
