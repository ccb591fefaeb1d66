"""PipelineAdapter: what differs between diffusers pipelines, and nothing else.

One thin subclass a file. Everything above (sampling, health, LoRA, training) speaks to a
generator through this::

    adapter = adapter_of(pipeline)
    conditions = adapter.conditions(["two red circles"])        # {"prompt_embeds": [1, L, D], ...}
    clean = adapter.encode(pixels)                              # [1, C, H, W]
    times = adapter.path.times(torch.rand(1))
    noisy = adapter.path.noisy(clean, noise, times)
    adapter.predict(noisy, times, conditions)                   # like noisy
    adapter.decode(clean)                                       # pixels again

Edge rules:

- Latents are never packed out here: [B, C, H, W] for pictures, [B, C, F, H, W] for clips. A
  model that packs them into tokens (FLUX, Qwen-Image, LTX) does so inside ``predict``, so that
  the shape of the picture is always known from the latents. A mean over elements is the same.
- Latents are scaled and shifted as the denoiser was trained on them.
- ``conditions`` are batch-first tensors; those of several calls are put together by
  :func:`joined`, rows are taken by :func:`rows_of`. Lengths may differ between calls, masks say
  what is padding.
- ``predict`` speaks the path's convention (``noise - clean`` on a flow), whatever the model's
  own sign or time scale is. It takes and gives float32, the denoiser runs in its own dtype.
- One denoiser a pipeline: the second transformer of Wan 2.2 A14B is out of scope and refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.policies.noise import NoisePath
from unireward.policies.pipelines.latents import decoded, encoded, turned
from unireward.policies.pipelines.schedules import flow_schedule, path_of, resolution_shift

Conditions = dict[str, Tensor]
Guidance = Literal["classifier-free", "embedded", "none"]


@dataclass(frozen=True)
class Defaults:
    """What the family is sampled with unless told; ``frames`` and ``fps`` of clips only."""

    steps: int
    guidance_scale: float
    height: int
    width: int
    frames: int = 1
    fps: float | None = None


@dataclass(frozen=True)
class Grid:
    """How latents lie over pixels: ``channels``, ``spatial`` pixels a latent along each side,
    ``patch`` latents a token along each side, ``temporal`` frames a latent after the first."""

    channels: int
    spatial: int
    patch: int
    temporal: int = 1


class PipelineAdapter:
    """See the module docstring. A subclass gives ``defaults``, ``grid``, ``conditions``,
    ``_predict`` and the class attributes below, and overrides what else its family does in a way
    of its own."""

    pipeline_class: ClassVar[str]
    """The name in ``model_index.json``."""
    denoiser_name: ClassVar[str] = "transformer"
    task: Literal["image_generation", "video_generation"] = "image_generation"
    lora_targets: tuple[str, ...]
    """Ends of the names of the linear layers that LoRA is put on: attention and feed-forward."""

    max_sequence_length: int | None = None
    """Tokens of a caption, None where the family has no choice."""
    even: ClassVar[bool] = True
    """Whether the scheduler is given evenly spaced sigmas (:func:`flow_schedule`)."""
    unguided: ClassVar[float] = 1.0
    """The guidance scale, as the family counts it, up to which there is no guidance."""
    fps: float | None = None
    """Frames a second that clips are made for; some families tell the denoiser."""
    path: NoisePath
    """May be replaced for training (``dataclasses.replace(adapter.path, logit_normal=...)``)."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        self.path = path_of(pipeline.scheduler)
        for part in self.frozen().values():
            part.requires_grad_(False).eval()

    @classmethod
    def pipeline_type(cls) -> Any:
        """The class of ``pipeline_class``."""
        import diffusers

        return getattr(diffusers, cls.pipeline_class)

    @classmethod
    def fetched(cls, repository: str) -> Path:
        """The hub's snapshot of a pipeline, what is needed of it."""
        return Path(cls.pipeline_type().download(repository, use_safetensors=True))

    def lora_files(self) -> Any:
        """The class of diffusers that reads and writes LoRA files of this family."""
        return type(self.pipeline)

    # Parts ------------------------------------------------------------------------------------

    @property
    def denoiser(self) -> Any:
        """The transformer or UNet (``nn.Module``). Settable, so that it can be wrapped."""
        return getattr(self.pipeline, self.denoiser_name)

    @denoiser.setter
    def denoiser(self, module: nn.Module) -> None:
        setattr(self.pipeline, self.denoiser_name, module)

    def trained(self) -> dict[str, nn.Module]:
        """By name what full training trains; ``denoiser`` is always there."""
        return {"denoiser": self.denoiser}

    def frozen(self) -> dict[str, nn.Module]:
        """By name every other module: text encoders, VAE. Their gradients are off."""
        return {
            name: part
            for name, part in self.pipeline.components.items()
            if isinstance(part, nn.Module) and name != self.denoiser_name
        }

    @property
    def device(self) -> torch.device:
        return next(self.denoiser.parameters()).device

    def save(self, folder: str | Path) -> None:
        """The whole pipeline as diffusers writes it, safetensors."""
        self.pipeline.save_pretrained(folder, safe_serialization=True)

    # Sampling ---------------------------------------------------------------------------------

    @property
    def defaults(self) -> Defaults:
        raise NotImplementedError

    @property
    def guidance(self) -> Guidance:
        """How the family is guided: by a second pass without caption, by a number given to the
        denoiser, or not at all (a distilled model)."""
        return "classifier-free"

    def guided(self, prediction: Tensor, unconditional: Tensor, scale: float) -> Tensor:
        """Classifier-free guidance (arXiv 2207.12598) as the family does it."""
        return unconditional + scale * (prediction - unconditional)

    @property
    def grid(self) -> Grid:
        raise NotImplementedError

    def latent_shape(self, height: int, width: int, frames: int = 1) -> tuple[int, ...]:
        """Shape of one sample's latents, [C, H, W] or [C, F, H, W].

        Raises :class:`InputError` for a size that the model cannot make, naming the nearest.
        """
        grid = self.grid
        for name, value in (("height", height), ("width", width)):
            check_multiple(name, value, grid.spatial * grid.patch)
        place = (height // grid.spatial, width // grid.spatial)
        if self.task == "image_generation":
            if frames != 1:
                raise InputError(f"frames: {frames}, but {self.pipeline_class} makes pictures")
            return (grid.channels, *place)
        if frames < 1 or (frames - 1) % grid.temporal:
            near = max(round((frames - 1) / grid.temporal), 0) * grid.temporal + 1
            raise InputError(
                f"frames: {frames} is not 1 more than a multiple of {grid.temporal}, which "
                f"{self.pipeline_class} needs; set it to {near}"
            )
        return (grid.channels, (frames - 1) // grid.temporal + 1, *place)

    def schedule(self, steps: int, shape: Sequence[int]) -> Tensor:
        """The times that sampling visits, [steps + 1] float from noise to the end, shifted as
        the pipeline's own scheduler does for latents of ``shape`` ([C, ...])."""
        return flow_schedule(self.pipeline.scheduler, steps, self._shift_of(shape), even=self.even)

    def _shift_of(self, shape: Sequence[int]) -> dict[str, Any]:
        """``mu`` for a scheduler that shifts by resolution (the number of places that the
        denoiser sees), else nothing."""
        config = self.pipeline.scheduler.config
        if not config.get("use_dynamic_shifting"):
            return {}
        tokens = math.prod(shape[1:]) // self.grid.patch**2
        return {"mu": resolution_shift(config, tokens)}

    # The model --------------------------------------------------------------------------------

    def refusal(self, prompt: str) -> str | None:
        """Why the model cannot read ``prompt``, None where it can."""
        return None

    def conditions(self, prompts: Sequence[str]) -> Conditions:
        """What the denoiser is conditioned on, a row a prompt. ``""`` is the caption of the
        pass without one."""
        raise NotImplementedError

    def encode(self, pixels: Tensor) -> Tensor:
        """``pixels`` float [B, 3, H, W] or [B, T, 3, H, W] in [0, 1] -> latents, no gradient
        (the mode of the VAE's distribution, so that an item has one encoding)."""
        return encoded(self.pipeline.vae, turned(pixels))

    def decode(self, latents: Tensor) -> Tensor:
        """Latents -> pixels like those of ``encode``; neither clamped nor mended, so that what
        is not finite stays so. Differentiable."""
        return turned(decoded(self.pipeline.vae, latents))

    def flagged(self, pixels: Tensor) -> list[bool]:
        """Which of decoded ``pixels`` the pipeline's own safety checker refuses, if it has one."""
        return [False] * len(pixels)

    def predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, *, guidance: float = 1.0
    ) -> Tensor:
        """The denoiser's prediction, float32 like ``latents`` [B, ...]; ``times`` [B].

        ``guidance`` matters to models that embed it (FLUX dev) and is else ignored.
        """
        times = times.to(latents.device)
        dtype = self.denoiser.dtype
        inner = {k: v.to(dtype) if v.is_floating_point() else v for k, v in conditions.items()}
        model_times = self.path.model_times(times)
        return self._predict(latents.to(dtype), model_times, inner, guidance).float()

    def _predict(
        self, latents: Tensor, times: Tensor, conditions: Conditions, guidance: float
    ) -> Tensor:
        """``times`` as the path's ``model_times``."""
        raise NotImplementedError


def check_multiple(name: str, value: int, of: int) -> None:
    """:class:`InputError` for a size that is no positive multiple, naming the nearest."""
    if value < 1 or value % of:
        near = max(round(value / of), 1) * of
        raise InputError(f"{name}: {value} is not a multiple of {of}; set it to {near}")


def joined(parts: Sequence[Conditions]) -> Conditions:
    """Conditions one behind the other; shorter sequences (dimension 1) are filled with zeros,
    which masks call padding."""
    return {name: _stacked([part[name] for part in parts]) for name in parts[0]}


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    if tensors[0].ndim > 1:
        longest = max(tensor.shape[1] for tensor in tensors)
        tensors = [
            F.pad(tensor, (0, 0) * (tensor.ndim - 2) + (0, longest - tensor.shape[1]))
            for tensor in tensors
        ]
    return torch.cat(list(tensors))


def rows_of(conditions: Conditions, rows: Sequence[int] | Tensor) -> Conditions:
    """Some rows of conditions, in that order, repeated where given again."""
    return {
        name: tensor[torch.as_tensor(rows, device=tensor.device)]
        for name, tensor in conditions.items()
    }
