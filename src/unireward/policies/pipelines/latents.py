"""Between pixels and the latents a denoiser is trained on: one rule for every VAE of diffusers.

``latents = (z - mean) / deviation`` with ``mean`` the VAE's ``latents_mean`` or
``shift_factor``, ``deviation`` its ``latents_std`` over its ``scaling_factor``; whichever it
lacks is 0 or 1. Pixels here are [B, 3, H, W] or [B, 3, F, H, W] in [0, 1], the VAE's own in
[-1, 1].
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


@torch.no_grad()
def encoded(vae: Any, pixels: Tensor) -> Tensor:
    """Latents, float32; the mode of the VAE's distribution."""
    pixels = pixels.to(vae.device, vae.dtype)
    z = vae.encode(2 * pixels - 1).latent_dist.mode().float()
    mean, deviation = _scale(vae, z)
    return (z - mean) / deviation


def decoded(vae: Any, latents: Tensor, **more: Any) -> Tensor:
    """Pixels, float32; ``more`` goes to the VAE's ``decode``."""
    latents = latents.to(vae.device, vae.dtype)
    mean, deviation = _scale(vae, latents)
    return (vae.decode(latents * deviation + mean, return_dict=False, **more)[0].float() + 1) / 2


def _scale(vae: Any, like: Tensor) -> tuple[Tensor, Tensor]:
    config = vae.config
    # LTX keeps them beside its weights.
    kept = dict(vae.named_buffers())
    mean = kept.get("latents_mean", config.get("latents_mean"))
    if mean is None:
        mean = config.get("shift_factor") or 0.0
    deviation = kept.get("latents_std", config.get("latents_std"))
    deviation = _channels(1.0 if deviation is None else deviation, like)
    return _channels(mean, like), deviation / (config.get("scaling_factor") or 1.0)


def _channels(values: Any, like: Tensor) -> Tensor:
    values = torch.as_tensor(values, device=like.device, dtype=like.dtype)
    return values.reshape(1, -1, *[1] * (like.ndim - 2))


def turned(pixels: Tensor) -> Tensor:
    """[B, T, 3, H, W] <-> [B, 3, T, H, W]; pictures as they are."""
    return pixels.transpose(1, 2) if pixels.ndim == 5 else pixels


def packed(latents: Tensor) -> Tensor:
    """[B, C, H, W] -> tokens [B, H/2 * W/2, 4 C] of 2 x 2 places, row by row."""
    batch, channels, height, width = latents.shape
    tiles = latents.reshape(batch, channels, height // 2, 2, width // 2, 2)
    return tiles.permute(0, 2, 4, 1, 3, 5).reshape(batch, height * width // 4, channels * 4)


def unpacked(tokens: Tensor, like: Tensor) -> Tensor:
    """The reverse of :func:`packed`, in the shape of ``like`` [B, C, H, W]."""
    batch, channels, height, width = like.shape
    tiles = tokens.reshape(batch, height // 2, width // 2, channels, 2, 2)
    return tiles.permute(0, 3, 1, 4, 2, 5).reshape(like.shape)
