"""Eyes: how one architecture's processor and tower see a medium, and which are known to work.

transformers runs the tower over whatever one call shows. To encode a medium once and show it in
many prompts we need it alone: how many tokens it will take (from its size, before any pixel is
touched), its tensors, and its features. The official processor and the official
``get_image_features`` do all of it; these classes only hand them one medium, or several at once,
and take the answers apart.

An architecture is known by its ``model_type`` and by a probe: pictures of two odd shapes must
take the tokens that were foretold. Where they do not, there are no eyes, and the whole prompts
go through the model as they are.
"""

from __future__ import annotations

import sys
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal

Kind = Literal["image", "video"]


@dataclass(frozen=True)
class Medium:
    """One image or clip as a model sees it; its pixels are elsewhere.

    ``key`` names everything that its features hang on, ``text`` is what the processor writes
    for its placeholder, ``tokens`` the placeholder tokens in it (one for each row of features),
    ``extra`` what the processor tells the model besides pixels, as plain numbers.
    """

    key: str
    kind: Kind
    text: str
    tokens: int
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Shot:
    """Decoded pictures of one medium (PIL, RGB; one for an image), and of a clip its metadata.

    ``alone``: is it the only image of its ask? (LLaVA-OneVision cuts that one into tiles.)
    """

    kind: Kind
    pictures: list[Any]
    about: Any = None
    alone: bool = True


Tensors = dict[str, Any]
"""The tower's inputs for one medium, as tensors on the CPU."""


class Eyes:
    """What the two architectures below have in common."""

    kinds: frozenset[str] = frozenset({"image"})
    """Media that can be seen apart from their prompt."""

    def __init__(self, processor: Any) -> None:
        self.processor = processor
        merged = processor._merge_kwargs(tokenizer_init_kwargs=processor.tokenizer.init_kwargs)
        self.settings = {**merged["images_kwargs"], "return_tensors": "pt"}
        self._measured = lru_cache(10_000)(self.measure_image)

    def tells_alone(self) -> bool:
        """Do features hang on whether the image is its ask's only one?"""
        return False

    def measure(self, key: str, shot: Shot) -> Medium:
        """Raises ValueError for a shape that the processor refuses."""
        if shot.kind == "image":
            return replace(self._measured(shot.pictures[0].size, shot.alone), key=key)
        return self.measure_clip(key, shot)

    def measure_image(self, size: tuple[int, int], alone: bool) -> Medium:
        """Of an image of that width and height; its key is left open."""
        raise NotImplementedError

    def measure_clip(self, key: str, shot: Shot) -> Medium:
        raise NotImplementedError

    def tensors(self, shot: Shot) -> Tensors:
        raise NotImplementedError

    def features(self, model: Any, kind: Kind, seen: Sequence[Tensors]) -> list[list[Any]]:
        """For each medium the layers of its features, each [tokens, width]: what is shown at
        the input, then what is added deeper (deepstack)."""
        raise NotImplementedError

    def patches(self, medium: Medium) -> int:
        """The tower's own tokens for a medium: what it costs."""
        raise NotImplementedError

    def side(self, medium: Medium) -> Hashable:
        """Media of one side may go into one call of the tower."""
        return medium.kind

    def group(self, medium: Medium) -> tuple[Any, ...]:
        """Where to stand among those of one side: next to like shapes, which make one batched
        product in the tower."""
        raise NotImplementedError


class GridEyes(Eyes):
    """Qwen2-VL and its heirs: patches of each medium's own grid, packed into one sequence."""

    def __init__(self, processor: Any) -> None:
        super().__init__(processor)
        images = processor.image_processor
        self._resize = sys.modules[type(images).__module__].smart_resize
        self._paced = "second_per_grid_ts" in processor.model_input_names
        packer = getattr(processor, "video_processor", None)
        if hasattr(packer, "grid"):
            self.kinds = frozenset({"image", "video"})

    def measure_image(self, size: tuple[int, int], alone: bool) -> Medium:
        import torch

        images = self.processor.image_processor
        patch, bounds = images.patch_size, images.size
        width, height = size
        high, wide = self._resize(
            height,
            width,
            factor=patch * images.merge_size,
            min_pixels=bounds["shortest_edge"],
            max_pixels=bounds["longest_edge"],
        )
        grid = 1, high // patch, wide // patch
        text = self.processor.replace_image_token({"image_grid_thw": torch.tensor([grid])}, 0)
        return Medium("", "image", text, _volume(grid) // images.merge_size**2, {"grid": grid})

    def measure_clip(self, key: str, shot: Shot) -> Medium:
        import torch

        packer = self.processor.video_processor
        grid = packer.grid(shot.pictures)
        given = {"video_grid_thw": torch.tensor([grid]), "video_metadata": [shot.about]}
        text = self.processor.replace_video_token(given, 0)
        extra: dict[str, Any] = {"grid": grid}
        if self._paced:
            extra["seconds"] = packer.temporal_patch_size / shot.about.sampled_fps
        return Medium(key, "video", text, _volume(grid) // packer.merge_size**2, extra)

    def tensors(self, shot: Shot) -> Tensors:
        if shot.kind == "image":
            made = self.processor.image_processor(shot.pictures, **self.settings)
            return {"pixels": made["pixel_values"], "grid": made["image_grid_thw"]}
        made = self.processor.video_processor([shot.pictures], video_metadata=[shot.about])
        return {"pixels": made["pixel_values_videos"], "grid": made["video_grid_thw"]}

    def features(self, model: Any, kind: Kind, seen: Sequence[Tensors]) -> list[list[Any]]:
        import torch

        pixels = torch.cat([one["pixels"] for one in seen]).to(model.device)
        grid = torch.cat([one["grid"] for one in seen]).to(model.device)
        see = model.get_image_features if kind == "image" else model.get_video_features
        out = see(pixels, grid, return_dict=True)
        deeper = getattr(out, "deepstack_features", None) or []
        return [list(layers) for layers in zip(out.pooler_output, *deeper)]

    def patches(self, medium: Medium) -> int:
        return _volume(medium.extra["grid"])

    def group(self, medium: Medium) -> tuple[Any, ...]:
        return (medium.kind, *medium.extra["grid"])


class TileEyes(Eyes):
    """LLaVA-OneVision: one square view, and tiles besides where an image is alone in its ask.

    Its clips need transformers' own video processor (torchvision), which we have not run: they
    are left to whole prompts.
    """

    def tells_alone(self) -> bool:
        return True

    def measure_image(self, size: tuple[int, int], alone: bool) -> Medium:
        import numpy as np

        width, height = size
        side = self._side()
        # The official count reads of the pixels only how large one tile is.
        given = {
            "pixel_values": [np.empty((1, 3, side, side), np.uint8)],
            "image_sizes": [(height, width)],
            "batch_num_images": [1 if alone else 2],
        }
        text = self.processor.replace_image_token(given, 0)
        return Medium("", "image", text, text.count(self.processor.image_token), {"alone": alone})

    def _side(self) -> int:
        size = self.processor.image_processor.size
        return size["height"] or size["shortest_edge"]

    def tensors(self, shot: Shot) -> Tensors:
        from PIL.Image import new

        # Whether it is alone is told by how many there are: a speck keeps it company.
        company = [] if shot.alone else [new("RGB", (1, 1))]
        made = self.processor.image_processor([[*shot.pictures, *company]], **self.settings)
        alone = {"alone": shot.alone}
        return {"pixels": made["pixel_values"][:1], "size": made["image_sizes"][:1]} | alone

    def features(self, model: Any, kind: Kind, seen: Sequence[Tensors]) -> list[list[Any]]:
        import torch

        alone = seen[0]["alone"]
        out = model.get_image_features(
            torch.cat([one["pixels"][0] for one in seen]).to(model.device),
            torch.cat([one["size"] for one in seen]),
            batch_num_images=[1] * len(seen) if alone else [max(len(seen), 2)],
            return_dict=True,
        )
        return [[layer] for layer in out.pooler_output]

    def patches(self, medium: Medium) -> int:
        return medium.tokens

    def side(self, medium: Medium) -> Hashable:
        return medium.extra["alone"]

    def group(self, medium: Medium) -> tuple[Any, ...]:
        return (medium.extra["alone"], medium.tokens)


def _volume(grid: Sequence[int]) -> int:
    return grid[0] * grid[1] * grid[2]


KNOWN: dict[str, type[Eyes]] = {
    "qwen2_vl": GridEyes,
    "qwen2_5_vl": GridEyes,
    "qwen3_vl": GridEyes,
    "qwen3_5": GridEyes,
    "llava_onevision": TileEyes,
}
"""The architectures that tests compare with the plain path."""


def eyes_of(model: Any, processor: Any) -> Eyes | None:
    """The eyes of a model, None where its architecture is not known to work (or the probe of
    its processor fails)."""
    import inspect

    kind = KNOWN.get(getattr(model.config, "model_type", ""))
    if kind is None or "mm_encoder_outputs" not in inspect.signature(model.forward).parameters:
        return None
    try:
        eyes = kind(processor)
        shapes = [(37, 61), (150, 90)]
        ways = [True, False] if eyes.tells_alone() else [True]
        right = all(_foretold(eyes, shapes, alone) for alone in ways)
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return eyes if right else None


def _foretold(eyes: Eyes, shapes: Sequence[tuple[int, int]], alone: bool) -> bool:
    """Do pictures of those shapes (width, height) take the tokens that were foretold, alone or
    all in one text?"""
    from PIL.Image import new

    processor = eyes.processor
    pictures = [new("RGB", shape) for shape in shapes]
    media = [eyes.measure("probe", Shot("image", [p], alone=alone)) for p in pictures]
    mark = processor.image_token
    whole = processor(
        text=[mark] * len(shapes) if alone else [mark * len(shapes)],
        images=[[p] for p in pictures] if alone else [pictures],
        add_special_tokens=False,
    )["input_ids"]
    told = [medium.text for medium in media] if alone else ["".join(m.text for m in media)]
    said = processor.tokenizer(told, add_special_tokens=False)["input_ids"]
    marks = sum(row.count(processor.image_token_id) for row in said)
    return said == [list(row) for row in whole] and marks == sum(m.tokens for m in media)
