"""The tiny generators: real transformers of diffusers on pixels themselves, with learned words.

::

    pipeline = PixelPipeline.build("image", seed=0)          # 32 x 32, about 1 M parameters
    pipeline.save_pretrained("runs/t2i")                     # diffusers' own layout
    adapter = PixelAdapter(PixelPipeline.from_pretrained("runs/t2i"))

``image`` is Stable Diffusion 3's transformer, ``video`` Wan's. There is no VAE: latents are
pixels in [-1, 1]. The words are trained with the transformer. How a checkpoint is best sampled
(steps, guidance, time shift) lies in its own files.
"""

# diffusers fills its own name space as it is asked, which pyright cannot follow.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from diffusers import (
    DiffusionPipeline,
    FlowMatchEulerDiscreteScheduler,
    SD3Transformer2DModel,
    WanTransformer3DModel,
)
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.policies.pipelines.base import (
    Conditions,
    Defaults,
    Grid,
    PipelineAdapter,
    check_multiple,
)
from unireward.policies.pipelines.latents import turned
from unireward.policies.pipelines.sd3 import SD3Adapter
from unireward.policies.pipelines.wan import WanAdapter
from unireward.policies.pipelines.words import Words

Kind = Literal["image", "video"]


class PixelPipeline(DiffusionPipeline):
    """``transformer``, ``scheduler`` and ``words``; the rest is how to sample and ``size``."""

    def __init__(
        self,
        transformer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        words: Words,
        size: int = 32,
        frames: int = 1,
        fps: float | None = None,
        steps: int = 16,
        guidance_scale: float = 2.5,
    ) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, scheduler=scheduler, words=words)
        self.register_to_config(
            size=size, frames=frames, fps=fps, steps=steps, guidance_scale=guidance_scale
        )

    @classmethod
    def build(
        cls,
        kind: Kind,
        seed: int,
        *,
        size: int = 32,
        width: int = 96,
        layers: int = 3,
        heads: int = 3,
        patch: int = 4,
        max_words: int = 4,
        frames: int = 8,
        frame_patch: int = 2,
        fps: float = 8.0,
        steps: int = 16,
        guidance_scale: float = 2.5,
        shift: float = 1.0,
    ) -> PixelPipeline:
        """A new one of random weights, the same for the same ``seed``.

        ``size`` pixels a side in patches of ``patch``; ``frames`` (of videos) in groups of
        ``frame_patch``; ``width`` divides by ``heads``; captions of up to ``max_words`` words.
        """
        assert width % heads == 0
        check_multiple("size", size, patch)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            transformer = (
                _image_transformer(size, width, layers, heads, patch)
                if kind == "image"
                else _video_transformer(width, layers, heads, (frame_patch, patch, patch))
            )
            _start(transformer)
            words = Words.of_world(width, max_words)
        clip = {"frames": frames, "fps": fps} if kind == "video" else {}
        return cls(
            transformer, FlowMatchEulerDiscreteScheduler(shift=shift), words, size,
            steps=steps, guidance_scale=guidance_scale, **clip,
        )  # fmt: skip


def _image_transformer(size: int, width: int, layers: int, heads: int, patch: int) -> Any:
    return SD3Transformer2DModel(
        sample_size=size, patch_size=patch, in_channels=3, out_channels=3, num_layers=layers,
        attention_head_dim=width // heads, num_attention_heads=heads, joint_attention_dim=width,
        caption_projection_dim=width, pooled_projection_dim=width,
        pos_embed_max_size=size // patch,
    )  # fmt: skip


def _video_transformer(width: int, layers: int, heads: int, patch: tuple[int, int, int]) -> Any:
    return WanTransformer3DModel(
        patch_size=patch, in_channels=3, out_channels=3, num_layers=layers,
        attention_head_dim=width // heads, num_attention_heads=heads, text_dim=width,
        freq_dim=width, ffn_dim=4 * width, rope_max_seq_len=64,
    )  # fmt: skip


_ZERO = ("norm1.linear", "norm1_context.linear", "norm_out.linear", "time_proj", "proj_out")
"""Ends of the names of what tells a layer the time, and of the last layer."""


def _start(transformer: nn.Module) -> None:
    """Blocks that begin as nothing, and an output of zeros (adaLN-Zero, arXiv 2212.09748, 3.2);
    the rest as diffusers has it. It learns faster than from other weights of the same size."""
    for name, layer in transformer.named_modules():
        if name.endswith(_ZERO) and isinstance(layer, nn.Linear):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)


class PixelAdapter(PipelineAdapter):
    pipeline_class = "PixelPipeline"

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        video = isinstance(self.denoiser, WanTransformer3DModel)
        self.task = "video_generation" if video else "image_generation"
        self.lora_targets = (WanAdapter if video else SD3Adapter).lora_targets

    @classmethod
    def pipeline_type(cls) -> Any:
        return PixelPipeline

    @classmethod
    def fetched(cls, repository: str) -> Path:
        from huggingface_hub import snapshot_download

        # diffusers fetches no part whose class is from elsewhere.
        return Path(snapshot_download(repository, allow_patterns=["*.json", "*.safetensors"]))

    def lora_files(self) -> Any:
        import diffusers.loaders as loaders

        video = self.task == "video_generation"
        return loaders.WanLoraLoaderMixin if video else loaders.SD3LoraLoaderMixin

    def trained(self) -> dict[str, nn.Module]:
        return {"denoiser": self.denoiser, "words": self.pipeline.words}

    def frozen(self) -> dict[str, nn.Module]:
        return {}

    @property
    def defaults(self) -> Defaults:
        told = self.pipeline.config
        return Defaults(
            told.steps, told.guidance_scale, told.size, told.size, told.frames, told.fps
        )

    @property
    def grid(self) -> Grid:
        patch = self.denoiser.config.patch_size
        return Grid(3, 1, patch if isinstance(patch, int) else patch[1])

    def latent_shape(self, height: int, width: int, frames: int = 1) -> tuple[int, ...]:
        largest = self.pipeline.config.size
        if max(height, width) > largest:
            raise InputError(
                f"height, width: {height} x {width}, but this model draws up to {largest}; "
                "set both to at most that"
            )
        if self.task == "video_generation":
            check_multiple("frames", frames, self.denoiser.config.patch_size[0])
        return super().latent_shape(height, width, frames)

    def refusal(self, prompt: str) -> str | None:
        return self.pipeline.words.refusal(prompt)

    def conditions(self, prompts: Sequence[str]) -> Conditions:
        """With gradients: the words learn too."""
        embeds, pooled = self.pipeline.words(prompts)
        return {"prompt_embeds": embeds, "pooled": pooled}

    def encode(self, pixels: Tensor) -> Tensor:
        return turned(2 * pixels.to(self.device).float() - 1)

    def decode(self, latents: Tensor) -> Tensor:
        return turned((latents + 1) / 2)

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        pooled = {"pooled_projections": conditions["pooled"]}
        return self.denoiser(
            hidden_states=latents,
            timestep=times,
            encoder_hidden_states=conditions["prompt_embeds"],
            return_dict=False,
            **pooled if self.task == "image_generation" else {},
        )[0]
