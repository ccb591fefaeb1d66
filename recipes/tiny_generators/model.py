"""The tiny generators' architectures, as the recipes' configs name them.

Both are transformers of diffusers made from config, on pixels: see
:mod:`unireward.policies.pipelines.pixel`. Captions are those of the world's first level: a count,
a colour and a shape, or (of clips) also a motion.
"""

from __future__ import annotations

from unireward.policies.pipelines.pixel import PixelPipeline


def picture(seed: int) -> PixelPipeline:
    """Stable Diffusion 3's transformer, 32 x 32 pixels, about 1 M parameters."""
    return PixelPipeline.build("image", seed, max_words=3, steps=8, guidance_scale=1.5, shift=2.0)


def clip(seed: int) -> PixelPipeline:
    """Wan's transformer, 8 frames of 32 x 32 pixels, two frames a patch."""
    return PixelPipeline.build("video", seed, max_words=5, steps=8, guidance_scale=1.5, shift=2.0)
