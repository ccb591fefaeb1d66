"""The tiny generators' architectures, as the recipes' configs name them.

Both are transformers of diffusers made from config, on the latents of
:mod:`recipes.tiny_generators.autoencoder`: see :mod:`unireward.policies.pipelines.tiny`. Captions
are those of the world's first level: a count, a colour and a shape, or (of clips) also a motion.
"""

from __future__ import annotations

from recipes.tiny_generators.autoencoder import load
from unireward.policies.pipelines.tiny import TinyPipeline


def picture(seed: int) -> TinyPipeline:
    """Stable Diffusion 3's transformer, 32 x 32 pixels, about 1 M parameters."""
    return TinyPipeline.build(
        "image", seed, vae=load(), heads=6, max_words=3, steps=8, guidance_scale=3.0, shift=2.0
    )


def clip(seed: int) -> TinyPipeline:
    """Wan's transformer, 8 frames of 32 x 32 pixels, four frames a patch."""
    return TinyPipeline.build(
        "video", seed, vae=load(), heads=6, frame_patch=4, max_words=5,
        steps=8, guidance_scale=2.0, shift=2.0,
    )  # fmt: skip
