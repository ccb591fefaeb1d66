"""A checkpoint's processor, also where torchvision is absent.

transformers builds no processor of a model that has a video processor unless torchvision is
installed. Its image side and its text side need none, so we build the processor from its parts:
the official class (and thus the official expansion of image tokens), the Pillow image processor,
and for native video our own :class:`FramePacker`, which does what the video processor does --
resize to the patch grid, normalise, patchify -- on frames that the family's rule has chosen.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from unireward.errors import InputError

_FAULTS = (OSError, ValueError, TypeError, KeyError, AttributeError, ImportError)
"""What transformers raises for a checkpoint whose files lack something."""


def load_processor(path: str) -> Any:
    """The processor of the checkpoint at ``path`` (a folder or a repository id).

    Raises :class:`InputError` where it cannot be built, or could not be asked anything: no
    tokenizer, no image processor, no chat template.
    """
    import logging

    # One warning per image processor about torchvision; nothing the user could act on.
    logging.getLogger("transformers.image_processing_utils").setLevel(logging.ERROR)
    try:
        processor = _load(path)
    except InputError:
        raise
    except _FAULTS as error:
        if isinstance(error, ImportError) or "install" in str(error):
            raise InputError(
                f"{path}: its processor needs a package that is not installed "
                f"({first_line(error)}); install it, or serve the model and give the server's URL"
            ) from error
        raise InputError(
            f"{path}: no processor can be loaded ({first_line(error)}); "
            "give the whole checkpoint, tokenizer and preprocessor files included"
        ) from error
    return _able(path, processor)


def first_line(error: BaseException) -> str:
    """What an error of another library says, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _load(path: str) -> Any:
    from transformers import AutoProcessor
    from transformers.utils.import_utils import is_torchvision_available

    try:
        return AutoProcessor.from_pretrained(path)
    except (ImportError, ValueError):
        # Which of the two it is hangs on the files that the checkpoint has.
        if is_torchvision_available():
            raise
    return _from_parts(path)


def _able(path: str, processor: Any) -> Any:
    tokenizer = getattr(processor, "tokenizer", None)
    if tokenizer is None or getattr(processor, "image_processor", None) is None:
        raise InputError(
            f"{path}: it takes no images (its processor is a {type(processor).__name__}); "
            "give an image-text-to-text checkpoint"
        )
    if processor.chat_template is None:
        processor.chat_template = tokenizer.chat_template
    if processor.chat_template is None:
        raise InputError(
            f"{path}: it has no chat template; add the model's own as chat_template.jinja"
        )
    return processor


def _from_parts(path: str) -> Any:
    import inspect

    from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
    from transformers.models.auto.processing_auto import (
        PROCESSOR_MAPPING_NAMES,  # pyright: ignore[reportPrivateImportUsage]
        processor_class_from_name,
    )

    config = AutoConfig.from_pretrained(path)
    name = PROCESSOR_MAPPING_NAMES.get(config.model_type)
    official = processor_class_from_name(name) if name else None
    if official is None:
        raise InputError(
            f"{path}: no processor is known for model type {config.model_type!r}; "
            "give an image-text-to-text checkpoint"
        )

    class FromParts(official):
        """The official processor, without the check that its parts are of official classes."""

        def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> None:
            return None

    images = AutoImageProcessor.from_pretrained(path)
    parts: dict[str, Any] = {
        "image_processor": images,
        "tokenizer": AutoTokenizer.from_pretrained(path),
    }
    # What the checkpoint says of the processor itself: tokens an image, chat template and such.
    told, _ = official.get_processor_dict(path)
    if "video_processor" in official.get_attributes():
        videos = told.get("video_processor") or _json_of(path, "video_preprocessor_config.json")
        parts["video_processor"] = FramePacker.for_model(config.model_type, images, videos)
    taken = inspect.signature(official.__init__).parameters
    settings = {key: value for key, value in told.items() if key in taken and key not in parts}
    return FromParts(**parts, **settings)


def _json_of(path: str, name: str) -> dict[str, Any]:
    """A JSON file of the checkpoint (a folder's or a repository's), empty where there is none."""
    from transformers.utils.hub import cached_file

    file = cached_file(path, name, _raise_exceptions_for_missing_entries=False)
    return json.loads(Path(file).read_text("utf-8")) if file else {}


class FramePacker:
    """Chosen frames to ``pixel_values_videos`` [patches, C*T*p*p] and ``video_grid_thw`` [N, 3].

    ``per_clip`` bounds T x H x W (Qwen3-VL); otherwise H x W of each frame is bounded
    (Qwen2-VL, Qwen2.5-VL). ``size`` is (smallest, largest) in those pixels.
    """

    model_input_names = ("pixel_values_videos", "video_grid_thw")

    def __init__(
        self,
        *,
        patch_size: int,
        temporal_patch_size: int,
        merge_size: int,
        mean: list[float],
        std: list[float],
        size: tuple[int, int],
        per_clip: bool,
    ) -> None:
        self.patch_size = patch_size
        self.temporal_patch_size = temporal_patch_size
        self.merge_size = merge_size
        self.mean, self.std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        self.size = size
        self.per_clip = per_clip

    @classmethod
    def for_model(
        cls, model_type: str, images: Any, videos: Mapping[str, Any]
    ) -> FramePacker | None:
        """None for a model whose videos we cannot pack (its frames go as images).

        ``images`` is its image processor, ``videos`` the settings of its video processor. Where
        these name no size, it is the official class's own, which is also what the published
        judges' frames are resized to.
        """
        if model_type not in ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_vl_moe", "qwen3_5"):
            return None
        newer = model_type.startswith("qwen3")
        side = 32 if newer else 28
        size = videos.get("size") or {}
        low = videos.get("min_pixels") or size.get("shortest_edge") or 128 * side * side
        high = videos.get("max_pixels") or size.get("longest_edge") or 768 * side * side

        def told(name: str) -> Any:
            return videos.get(name) or getattr(images, name)

        return cls(
            patch_size=told("patch_size"),
            temporal_patch_size=told("temporal_patch_size"),
            merge_size=told("merge_size"),
            mean=told("image_mean"),
            std=told("image_std"),
            size=(low, high),
            per_clip=newer,
        )

    def __call__(self, videos: Any, video_metadata: Any = None, **_: Any) -> dict[str, Any]:
        import torch

        packed = [self.pack(frames) for frames in videos]
        return {
            "pixel_values_videos": torch.from_numpy(np.concatenate([p for p, _ in packed])),
            "video_grid_thw": torch.tensor([grid for _, grid in packed]),
            "video_metadata": video_metadata,
        }

    def pack(self, frames: Any) -> tuple[np.ndarray, tuple[int, int, int]]:
        """RGB PIL frames of one clip -> patches [t*h*w, C*T*p*p] (merge blocks together), grid.

        All frames take the size of the first; an incomplete last group repeats the last frame.
        Raises ValueError for sides of more than 200 to 1, which the models refuse.
        """
        grid = self.grid(frames)
        high, wide = grid[1] * self.patch_size, grid[2] * self.patch_size
        bicubic = 3
        stack = np.stack([np.asarray(f.resize((wide, high), bicubic)) for f in frames])
        pixels = (stack.astype(np.float32) / 255 - self.mean) / self.std
        pixels = pixels.transpose(0, 3, 1, 2)
        spare = -len(frames) % self.temporal_patch_size
        pixels = np.concatenate([pixels, np.repeat(pixels[-1:], spare, axis=0)])
        p, m, t = self.patch_size, self.merge_size, self.temporal_patch_size
        blocks = pixels.reshape(grid[0], t, 3, grid[1] // m, m, p, grid[2] // m, m, p)
        patches = blocks.transpose(0, 3, 6, 4, 7, 2, 1, 5, 8).reshape(math.prod(grid), -1)
        return np.ascontiguousarray(patches), grid

    def grid(self, frames: Any) -> tuple[int, int, int]:
        """Patches of a clip in time, height and width, by the size of its first frame."""
        width, height = frames[0].size
        high, wide = self._target(len(frames), height, width)
        groups = -(-len(frames) // self.temporal_patch_size)
        return groups, high // self.patch_size, wide // self.patch_size

    def _target(self, count: int, height: int, width: int) -> tuple[int, int]:
        """Frame size on the patch grid within the pixel budget, aspect kept (smart resize)."""
        factor = self.patch_size * self.merge_size
        if max(height, width) > 200 * min(height, width):
            raise ValueError(f"sides of {width}x{height} are more than 200 to 1; crop the frames")
        low, high = self.size
        volume = 1
        if self.per_clip:
            volume = max(round(count / self.temporal_patch_size) * self.temporal_patch_size, 1)
            if min(height, width) < factor:
                scale = factor / min(height, width)
                height, width = int(height * scale), int(width * scale)
        tall, wide = round(height / factor) * factor, round(width / factor) * factor
        frames = count if self.per_clip else 1
        if volume * tall * wide > high:
            shrink = math.sqrt(frames * height * width / high)
            tall = max(factor, math.floor(height / shrink / factor) * factor)
            wide = max(factor, math.floor(width / shrink / factor) * factor)
        elif volume * tall * wide < low:
            grow = math.sqrt(low / (frames * height * width))
            tall = math.ceil(height * grow / factor) * factor
            wide = math.ceil(width * grow / factor) * factor
        return tall, wide
