"""Pixels as an image processor makes them, in torch, so that a score has a gradient in the picture.

::

    transform = transform_of(processor.image_processor)
    transform(pixels)          # what the processor gives for the same pictures, differentiably

Resizing is torch's antialiased one, which has the same kernels as Pillow's. What differs is that
Pillow rounds to whole grey levels after each of its two passes: a value is off by at most two of
255 levels (before normalising; less than half of one on average), and by nothing where no
resizing is done. Where torchvision is installed and resizes instead, it rounds otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from unireward.engines.processor import FramePacker

if TYPE_CHECKING:
    from torch import Tensor

LEVELS_OFF = 2.0
"""Most grey levels of 255 by which a resized value differs from the processor's."""
_MODES = {2: "bilinear", 3: "bicubic"}
"""Pillow's number of a filter -> torch's name of it."""
_PLAIN = {
    "CLIPImageProcessor",
    "SiglipImageProcessor",
    "ViTImageProcessor",
    "BlipImageProcessor",
    "ChineseCLIPImageProcessor",
}
_PATCHES = {"Qwen2VLImageProcessor"}
_TILES = {"LlavaOnevisionImageProcessor"}
Transform = Callable[["Tensor"], "Tensor"]


def transform_of(images: Any) -> Transform | None:
    """The transform of an image processor, from [B, 3, H, W] in [0, 1] to its ``pixel_values``;
    None for one whose steps are not known here."""
    if images is None or _MODES.get(int(getattr(images, "resample", None) or 0)) is None:
        return None
    name = type(images).__name__.removesuffix("Pil").removesuffix("Fast")
    steps = _Steps.of(images)
    if name in _PATCHES:
        return _Patches(steps, _packer(images))
    if name in _TILES:
        size = _box(images.size)
        return _Tiles(steps, size, images.image_grid_pinpoints) if size else None
    if name in _PLAIN and not getattr(images, "do_pad", False):
        return _Plain(steps, images)
    return None


def resize(pixels: Tensor, size: tuple[int, int], mode: str = "bicubic") -> Tensor:
    """[B, C, H, W] in [0, 1] to ``size`` (height, width), as Pillow resizes: one side and then
    the other, cut to [0, 1] after each."""
    height, width = pixels.shape[-2:]
    if height == size[0] or width == size[1]:
        return _in_two(pixels, size, mode, across_first=True)
    return _in_two(pixels, size, mode, across_first=_across_first((height, width), size, mode))


def _in_two(pixels: Tensor, size: tuple[int, int], mode: str, *, across_first: bool) -> Tensor:
    from torch.nn.functional import interpolate

    height, width = pixels.shape[-2:]
    for step in ((height, size[1]) if across_first else (size[0], width), size):
        if tuple(pixels.shape[-2:]) != step:
            grown = interpolate(pixels, size=step, mode=mode, antialias=True, align_corners=False)
            pixels = grown.clamp(0, 1)
    return pixels


@lru_cache(maxsize=256)
def _across_first(shape: tuple[int, int], size: tuple[int, int], mode: str) -> bool:
    """Which side Pillow resizes first. Where there is overshoot to cut, that shows; the rule has
    changed between its versions (13 starts with the height where that shrinks more), so it is
    asked, once for each pair of sizes."""
    import numpy as np
    import torch
    from PIL import Image as PILImage

    noise = np.random.default_rng(0).integers(0, 2, shape, dtype=np.uint8) * 255
    filters = {name: number for number, name in _MODES.items()}
    resized = PILImage.fromarray(noise).resize((size[1], size[0]), filters[mode])
    expected = torch.from_numpy(np.array(resized)).float() / 255
    pixels = torch.from_numpy(noise).float()[None, None] / 255
    off = [
        (_in_two(pixels, size, mode, across_first=first)[0, 0] - expected).abs().mean()
        for first in (True, False)
    ]
    return bool(off[0] <= off[1])


@dataclass(frozen=True)
class _Steps:
    """The last steps that all processors share, and the filter."""

    mode: str
    resizes: bool
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, images: Any) -> _Steps:
        normal = bool(images.do_normalize)
        return cls(
            mode=_MODES[int(images.resample)],
            resizes=bool(images.do_resize),
            scale=255 * images.rescale_factor if images.do_rescale else 255.0,
            mean=tuple(images.image_mean) if normal else (0.0,) * 3,
            std=tuple(images.image_std) if normal else (1.0,) * 3,
        )

    def finish(self, pixels: Tensor) -> Tensor:
        """Rescale and normalise [..., 3, H, W]."""
        mean, std = (pixels.new_tensor(values).view(3, 1, 1) for values in (self.mean, self.std))
        return (pixels * self.scale - mean) / std

    def resize(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        return resize(pixels, size, self.mode)


@dataclass(frozen=True)
class _Plain:
    """Resize, crop the middle, normalise: [B, 3, H, W] -> [B, 3, h, w]."""

    steps: _Steps
    images: Any

    def __call__(self, pixels: Tensor) -> Tensor:
        if self.steps.resizes:
            pixels = self.steps.resize(pixels, _target(pixels.shape[-2:], self.images.size))
        if getattr(self.images, "do_center_crop", False):
            crop = self.images.crop_size
            pixels = center_crop(pixels, (crop["height"], crop["width"]))
        return self.steps.finish(pixels)


@dataclass(frozen=True)
class _Patches:
    """Resize to the patch grid and cut up: [B, 3, H, W] -> [B * patches, 3 * T * p * p]."""

    steps: _Steps
    packer: FramePacker

    def __call__(self, pixels: Tensor) -> Tensor:
        packer = self.packer
        if self.steps.resizes:
            height, width = pixels.shape[-2:]
            pixels = self.steps.resize(pixels, packer._target(1, height, width))
        pixels = self.steps.finish(pixels)
        count, _, high, wide = pixels.shape
        p, m, t = packer.patch_size, packer.merge_size, packer.temporal_patch_size
        blocks = pixels.reshape(count, 3, high // p // m, m, p, wide // p // m, m, p)
        # As [image, block row, block column, row, column, channel, frame, y, x]: a still picture
        # stands for all frames of its patch.
        blocks = blocks.permute(0, 2, 5, 3, 6, 1, 4, 7).unsqueeze(6)
        blocks = blocks.expand(*blocks.shape[:6], t, p, p)
        return blocks.reshape(count * (high // p) * (wide // p), 3 * t * p * p)


@dataclass(frozen=True)
class _Tiles:
    """The whole picture and its tiles at the best of the known resolutions (LLaVA-OneVision):
    [B, 3, H, W] -> [B, 1 + tiles, 3, h, w]."""

    steps: _Steps
    size: tuple[int, int]
    resolutions: Sequence[Sequence[int]]

    def __call__(self, pixels: Tensor) -> Tensor:
        import torch
        from transformers.image_processing_utils import select_best_resolution

        height, width = pixels.shape[-2:]
        best = select_best_resolution((height, width), [list(one) for one in self.resolutions])
        fitted = self.steps.resize(pixels, _within((height, width), best))
        tiles = center_crop(fitted, (best[0], best[1]), even=False)
        h, w = self.size
        cut = tiles.unfold(2, h, h).unfold(3, w, w)  # [B, 3, rows, columns, h, w]
        cut = cut.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)
        whole = self.steps.resize(pixels, self.size).unsqueeze(1)
        return self.steps.finish(torch.cat([whole, cut], dim=1))


def center_crop(pixels: Tensor, size: tuple[int, int], *, even: bool = True) -> Tensor:
    """The middle ``size`` (height, width) of [..., H, W], black around it where that is larger.

    An odd pixel of border goes before the picture, or after it if not ``even``.
    """
    from torch.nn.functional import pad

    borders = [max(0, want - have) for want, have in zip(size, pixels.shape[-2:])]
    before = [math.ceil(border / 2) if even else border // 2 for border in borders]
    top, left = before
    bottom, right = (border - first for border, first in zip(borders, before))
    pixels = pad(pixels, (left, right, top, bottom))
    y, x = ((have - want) // 2 for want, have in zip(size, pixels.shape[-2:]))
    return pixels[..., y : y + size[0], x : x + size[1]]


def _target(shape: Sequence[int], size: Any) -> tuple[int, int]:
    """Height and width that a processor's ``size`` asks for."""
    box = _box(size)
    if box is not None and "shortest_edge" not in _given(size):
        return box
    short = _given(size)["shortest_edge"]
    height, width = shape
    if width <= height:
        return int(short * height / width), short
    return short, int(short * width / height)


def _box(size: Any) -> tuple[int, int] | None:
    given = _given(size)
    if "height" in given:
        return given["height"], given["width"]
    short = given.get("shortest_edge")
    return None if short is None else (short, short)


def _given(size: Any) -> dict[str, int]:
    return {key: int(value) for key, value in dict(size).items() if value is not None}


def _within(shape: tuple[int, int], best: Sequence[int]) -> tuple[int, int]:
    """``shape`` as large as fits ``best``, its sides in proportion (rounded up)."""
    (height, width), (tall, wide) = shape, best
    if wide / width < tall / height:
        return min(math.ceil(height * wide / width), tall), wide
    return tall, min(math.ceil(width * tall / height), wide)


def _packer(images: Any) -> FramePacker:
    size = _given(images.size)
    return FramePacker(
        patch_size=images.patch_size,
        temporal_patch_size=images.temporal_patch_size,
        merge_size=images.merge_size,
        mean=list(images.image_mean),
        std=list(images.image_std),
        size=(size["shortest_edge"], size["longest_edge"]),
        per_clip=False,
    )
