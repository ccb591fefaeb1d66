"""Torch twins of image processors: their own pixels within the stated grey levels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import transformers
from PIL import Image as PILImage

from unireward.rewards.transforms import LEVELS_OFF, center_crop, resize, transform_of

PINPOINTS = [[32, 32], [32, 64], [64, 32], [64, 64], [96, 32]]


def qwen(**options):
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    given = {"patch_size": 8, "merge_size": 2, "temporal_patch_size": 2}
    size = {"shortest_edge": 256, "longest_edge": 4096}
    return Qwen2VLImageProcessorPil(**{**given, "size": size, **options})


def clip(**options):
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    given = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}}
    return CLIPImageProcessorPil(**{**given, **options})


def siglip(**options):
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    return SiglipImageProcessorPil(**{"size": {"height": 32, "width": 24}, **options})


def onevision(**options):
    from transformers.models.llava_onevision.image_processing_pil_llava_onevision import (
        LlavaOnevisionImageProcessorPil,
    )

    given = {"size": {"height": 32, "width": 32}, "image_grid_pinpoints": PINPOINTS}
    return LlavaOnevisionImageProcessorPil(**{**given, **options})


PROCESSORS = {
    "qwen": qwen, "qwen, its own mean": lambda: qwen(image_mean=[0.1] * 3, image_std=[0.7] * 3),
    "clip": clip, "clip, crop larger": lambda: clip(crop_size={"height": 37, "width": 40}),
    "clip, crop smaller": lambda: clip(crop_size={"height": 21, "width": 24}),
    "clip, bilinear": lambda: clip(resample=2), "siglip": siglip,
    "siglip, as it is": lambda: siglip(do_normalize=False), "onevision": onevision,
}  # fmt: skip
SIZES = [(40, 56), (57, 33), (24, 24), (100, 30), (31, 90)]


def picture(height, width, seed=0):
    """Smooth with noise on it, and some of it at both ends of the range."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    wave = 127 + 140 * np.sin(x / 7 + y[..., None].repeat(1, -1)[..., 0] / 11)
    noise = rng.normal(0, 25, (height, width, 3))
    return np.clip(wave[..., None] + noise, 0, 255).astype(np.uint8)


def pixels_of(arrays):
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).double() / 255


def theirs(processor, arrays):
    images = [PILImage.fromarray(array) for array in arrays]
    # One picture a prompt: of several together LLaVA-OneVision shows no tiles.
    given = [[image] for image in images] if "Llava" in type(processor).__name__ else images
    return processor(given, return_tensors="pt")["pixel_values"].double()


def levels(processor, difference):
    """A difference of pixel values in grey levels."""
    std = max(processor.image_std) if processor.do_normalize else 1.0
    return difference.abs().max().item() * std * 255


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_are_the_processors_own(name, size):
    processor = PROCESSORS[name]()
    arrays = [picture(*size, seed) for seed in (0, 1)]
    transform = transform_of(processor)
    assert transform is not None
    mine, expected = transform(pixels_of(arrays)), theirs(processor, arrays)
    assert mine.shape == expected.shape
    difference = mine - expected
    assert levels(processor, difference) <= LEVELS_OFF
    assert levels(processor, difference.abs().mean()) < 0.5


def test_without_resizing_they_are_equal():
    for processor in (qwen(), clip(), siglip(size={"height": 32, "width": 32})):
        arrays = [picture(32, 32)]
        difference = transform_of(processor)(pixels_of(arrays)) - theirs(processor, arrays)
        assert difference.abs().max() < 1e-5


def test_the_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(0)
    for processor in (qwen(), clip(), siglip(), onevision()):
        transform = transform_of(processor)
        pixels = torch.rand(1, 3, 20, 28, dtype=torch.double, generator=generator) * 0.8 + 0.1
        pixels.requires_grad_()
        out = transform(pixels)
        weights = torch.randn(out.shape, dtype=torch.double, generator=generator)
        (slope,) = torch.autograd.grad((out * weights).sum(), pixels)
        way = torch.randn(pixels.shape, dtype=torch.double, generator=generator)
        step = 1e-6
        with torch.no_grad():
            up, down = ((transform(pixels + sign * step * way) * weights).sum() for sign in (1, -1))
        assert (slope * way).sum().item() == pytest.approx((up - down).item() / 2 / step, rel=1e-4)


def test_an_unknown_processor_has_no_twin():
    assert transform_of(None) is None
    assert transform_of(clip(resample=1)) is None  # Lanczos: torch has no such filter
    assert transform_of(transformers.Idefics3ImageProcessorPil()) is None


def test_resize_to_its_own_size_changes_nothing():
    pixels = torch.rand(1, 3, 5, 7)
    assert resize(pixels, (5, 7)) is pixels


@pytest.mark.parametrize("size", [(4, 4), (9, 9), (4, 9)])
def test_center_crop_by_numpy(size):
    from transformers.image_transforms import center_crop as official

    pixels = torch.rand(3, 6, 7)
    expected = official(pixels.numpy(), size, input_data_format="channels_first")
    np.testing.assert_array_equal(center_crop(pixels, size).numpy(), expected)
