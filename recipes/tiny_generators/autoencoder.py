"""The tiny generators' autoencoder: pictures of the drawn world as 8 x 8 latents of 8 channels.

    python -m recipes.tiny_generators.autoencoder recipes/tiny_generators/autoencoder

diffusers' ``AutoencoderKL`` made from config, trained from nothing on right pictures of level 1 by
the loss of a VAE (arXiv 1312.6114): the squared and the absolute error of what comes back, and
``BETA`` times the divergence of the latents from a normal distribution. It is frozen before a
generator is trained, and the mean and deviation of its latents are kept in its config.

Latents are what makes the generators cheap: a transformer on pixels spends its width on carrying
noise, and its depth on seeing through it.
"""

# diffusers fills its own name space as it is asked, which pyright cannot follow.
# pyright: reportPrivateImportUsage=false

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import Tensor

from recipes.command import run
from unireward.training.config import ScheduleConfig
from unireward.training.optimiser import make_schedule
from unireward.training.right import right_record
from unireward.world.checker import check
from unireward.world.sentences import read_caption

FOLDER = Path(__file__).parent / "autoencoder"
SIZE, CHANNELS = 32, 8
BETA, ABSOLUTE = 1e-4, 0.2
STEPS, BATCH, RATE, AVERAGE = 2500, 32, 2e-3, 0.995
WARMUP, DECAY = 0.04, 0.6
SEED, UNSEEN = 0, 10**9
"""Pictures from number ``UNSEEN`` on are never trained on."""
MEASURED = 1024


def build(seed: int = SEED) -> Any:
    """A new one of random weights: three resolutions, no attention."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return AutoencoderKL(
            in_channels=3, out_channels=3, latent_channels=CHANNELS, sample_size=SIZE,
            down_block_types=("DownEncoderBlock2D",) * 3, up_block_types=("UpDecoderBlock2D",) * 3,
            block_out_channels=(16, 24, 24), layers_per_block=1, norm_num_groups=8,
            mid_block_add_attention=False, use_quant_conv=False, use_post_quant_conv=False,
            scaling_factor=1.0,
        )  # fmt: skip


def load() -> Any:
    """The one that the generators' recipes use."""
    return AutoencoderKL.from_pretrained(FOLDER, use_safetensors=True).eval()


def pictures(first: int, number: int) -> tuple[Tensor, list[str]]:
    """[number, 3, 32, 32] in [0, 1] with their captions, from the training split."""
    records = [right_record("image_generation", SEED, first + k, 1, SIZE) for k in range(number)]
    shown = [np.asarray(r.candidates[0].content[0].load().load()) for r in records]
    pixels = torch.from_numpy(np.stack(shown)).permute(0, 3, 1, 2).float() / 255
    return pixels, [record.text for record in records]


def loss_of(vae: Any, pixels: Tensor) -> Tensor:
    """The VAE's loss of pictures in [0, 1]."""
    clean = 2 * pixels - 1
    latents = vae.encode(clean).latent_dist
    wrong = vae.decode(latents.sample()).sample - clean
    # kl() sums over a picture's latents.
    divergence = latents.kl().mean() / latents.mean[0].numel()
    return wrong.square().mean() + ABSOLUTE * wrong.abs().mean() + BETA * divergence


def train(steps: int = STEPS, say: Callable[[str], None] = print) -> Any:
    """The averaged model after so many steps."""
    torch.manual_seed(SEED)
    vae = build().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimiser = torch.optim.AdamW(vae.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0)
    rate = make_schedule(optimiser, ScheduleConfig(warmup=WARMUP, decay=DECAY), steps)
    average = torch.optim.swa_utils.AveragedModel(
        vae, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGE)
    )
    for step in range(steps):
        pixels, _ = pictures(step * BATCH, BATCH)
        loss = loss_of(vae, pixels.to(memory_format=torch.channels_last))
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        rate.step()
        average.update_parameters(vae)
        if (step + 1) % 100 == 0 or step + 1 == steps:
            say(f"step {step + 1}  loss {loss.item():.4f}")
    return average.module


@torch.no_grad()
def settle(vae: Any) -> None:
    """Keep the mean and deviation of each channel of its latents in its config."""
    pixels, _ = pictures(UNSEEN, MEASURED)
    latents = vae.encode(2 * pixels - 1).latent_dist.mode()
    vae.register_to_config(
        latents_mean=latents.mean((0, 2, 3)).tolist(),
        latents_std=latents.std((0, 2, 3)).tolist(),
    )


@torch.no_grad()
def exact(vae: Any, noise: float) -> float:
    """The share of pictures still exactly right after their latents took noise of so many
    deviations."""
    pixels, captions = pictures(UNSEEN + MEASURED, MEASURED)
    latents = vae.encode(2 * pixels - 1).latent_dist.mode()
    deviation = latents.std((0, 2, 3), keepdim=True)
    generator = torch.Generator().manual_seed(SEED)
    moved = latents + noise * deviation * torch.randn(latents.shape, generator=generator)
    back = ((vae.decode(moved).sample + 1) / 2).clamp(0, 1)
    drawn = back.permute(0, 2, 3, 1).mul(255).round().byte().numpy()
    right = [check(one, read_caption(text)).exact for one, text in zip(drawn, captions)]
    return sum(right) / len(right)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=STEPS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    vae = train(given.steps, lambda line: print(line, flush=True))
    settle(vae)
    vae.save_pretrained(given.out, safe_serialization=True)
    told = ", ".join(f"{100 * exact(vae, noise):.1f} % at noise {noise}" for noise in (0, 0.1, 0.2))
    print(f"exactly right after coming back: {told}")


if __name__ == "__main__":
    run(main)
