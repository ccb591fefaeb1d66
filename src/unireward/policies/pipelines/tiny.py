"""The tiny generators: real transformers of diffusers with learned words.

::

    pipeline = TinyPipeline.build("image", seed=0, vae=vae)  # 32 x 32, about 1 M parameters
    pipeline.save_pretrained("runs/t2i")                     # diffusers' own layout
    adapter = TinyAdapter(TinyPipeline.from_pretrained("runs/t2i"))

``image`` is Stable Diffusion 3's transformer, ``video`` Wan's. They draw latents of a VAE of
diffusers (``AutoencoderKL``, of clips frame by frame) or, without one, pixels themselves in
[-1, 1]. The words are trained with the transformer, the VAE before it. How a checkpoint is best
sampled (steps, guidance, time shift) lies in its own files.
"""

# diffusers fills its own name space as it is asked, which pyright cannot follow.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
from diffusers import (
    AutoencoderKL,
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
from unireward.policies.pipelines.latents import decoded, encoded, turned
from unireward.policies.pipelines.sd3 import SD3Adapter
from unireward.policies.pipelines.wan import WanAdapter
from unireward.policies.pipelines.words import Words

Kind = Literal["image", "video"]


class TinyPipeline(DiffusionPipeline):
    """``transformer``, ``scheduler``, ``words`` and perhaps ``vae``; the rest is how to sample and
    ``size``."""

    _optional_components: ClassVar = ["vae"]

    def __init__(
        self,
        transformer: Any,
        scheduler: FlowMatchEulerDiscreteScheduler,
        words: Words,
        vae: AutoencoderKL | None = None,
        size: int = 32,
        frames: int = 1,
        fps: float | None = None,
        steps: int = 16,
        guidance_scale: float = 2.5,
    ) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, scheduler=scheduler, words=words, vae=vae)
        self.register_to_config(
            size=size, frames=frames, fps=fps, steps=steps, guidance_scale=guidance_scale
        )

    @classmethod
    def build(
        cls,
        kind: Kind,
        seed: int,
        *,
        vae: AutoencoderKL | None = None,
        size: int = 32,
        width: int = 96,
        layers: int = 3,
        heads: int = 3,
        patch: int | None = None,
        max_words: int = 4,
        frames: int = 8,
        frame_patch: int = 2,
        fps: float = 8.0,
        steps: int = 16,
        guidance_scale: float = 2.5,
        shift: float = 1.0,
    ) -> TinyPipeline:
        """A new one of random weights, the same for the same ``seed``.

        ``size`` pixels a side in patches of ``patch`` latents (None: 1, of pixels 4); ``frames``
        (of videos) in groups of ``frame_patch``; ``width`` divides by ``heads``; captions of up
        to ``max_words`` words.
        """
        assert width % heads == 0
        channels, spatial = latents_of(vae)
        patch = patch or (4 if vae is None else 1)
        check_multiple("size", size, patch * spatial)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            transformer = (
                _image_transformer(size // spatial, channels, width, layers, heads, patch)
                if kind == "image"
                else _video_transformer(channels, width, layers, heads, (frame_patch, patch, patch))
            )
            _start(transformer)
            words = Words.of_world(width, max_words)
        clip = {"frames": frames, "fps": fps} if kind == "video" else {}
        return cls(
            transformer, FlowMatchEulerDiscreteScheduler(shift=shift), words, vae, size,
            steps=steps, guidance_scale=guidance_scale, **clip,
        )  # fmt: skip


def latents_of(vae: AutoencoderKL | None) -> tuple[int, int]:
    """Channels of a latent, and pixels a latent along each side."""
    if vae is None:
        return 3, 1
    return vae.config["latent_channels"], 2 ** (len(vae.config["block_out_channels"]) - 1)


def _image_transformer(
    size: int, channels: int, width: int, layers: int, heads: int, patch: int
) -> Any:
    return SD3Transformer2DModel(
        sample_size=size, patch_size=patch, in_channels=channels, out_channels=channels,
        num_layers=layers, attention_head_dim=width // heads, num_attention_heads=heads,
        joint_attention_dim=width, caption_projection_dim=width, pooled_projection_dim=width,
        pos_embed_max_size=size // patch,
    )  # fmt: skip


def _video_transformer(
    channels: int, width: int, layers: int, heads: int, patch: tuple[int, int, int]
) -> Any:
    return WanTransformer3DModel(
        patch_size=patch, in_channels=channels, out_channels=channels, num_layers=layers,
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


def _by_picture(done: Callable[[Tensor], Tensor], media: Tensor) -> Tensor:
    """``done`` of pictures [B, ...], or of clips [B, T, ...] frame by frame."""
    if media.ndim == 4:
        return done(media)
    return done(media.flatten(0, 1)).unflatten(0, media.shape[:2])


class TinyAdapter(PipelineAdapter):
    pipeline_class = "TinyPipeline"

    def __init__(self, pipeline: Any) -> None:
        super().__init__(pipeline)
        video = isinstance(self.denoiser, WanTransformer3DModel)
        self.task = "video_generation" if video else "image_generation"
        self.lora_targets = (WanAdapter if video else SD3Adapter).lora_targets

    @classmethod
    def pipeline_type(cls) -> Any:
        return TinyPipeline

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
        vae = self.pipeline.vae
        return {} if vae is None else {"vae": vae}

    @property
    def defaults(self) -> Defaults:
        told = self.pipeline.config
        return Defaults(
            told.steps, told.guidance_scale, told.size, told.size, told.frames, told.fps
        )

    @property
    def grid(self) -> Grid:
        patch = self.denoiser.config.patch_size
        return Grid(*latents_of(self.pipeline.vae), patch if isinstance(patch, int) else patch[1])

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
        vae = self.pipeline.vae
        if vae is None:
            return turned(2 * pixels.to(self.device).float() - 1)
        return turned(_by_picture(partial(encoded, vae), pixels))

    def decode(self, latents: Tensor) -> Tensor:
        vae = self.pipeline.vae
        if vae is None:
            return turned((latents + 1) / 2)
        return _by_picture(partial(decoded, vae), turned(latents))

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
