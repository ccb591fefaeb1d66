"""Generator: a diffusers pipeline as a policy that draws.

::

    policy = load_generator("stabilityai/stable-diffusion-3.5-medium", dtype="bfloat16")
    policy = load_generator("runs/t2i", steps=8, guidance_scale=1.5, lora="runs/dpo/lora")
    sampled = policy.sample([prompt], n=4, seed=0)[0]        # pictures in memory, or reasons

The class in ``model_index.json`` chooses the adapter (:mod:`unireward.policies.pipelines`);
weights are safetensors and no code of a repository is run.

Edge rules: candidate k of a prompt is drawn from ``seed_of(seed, prompt.id, k)``. Pictures are
8-bit and in memory; whoever keeps them writes them. One that is not finite, black or flat
(:func:`~unireward.policies.health.fault_of`), or that the pipeline's own safety checker refuses,
is left out with that reason; so are all candidates of a prompt that the generator cannot draw.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, FiniteFloat, PositiveInt

from unireward.engines.checkpoint import best_device
from unireward.errors import InputError, UsageError
from unireward.files.validate import validate
from unireward.media import Image, Video
from unireward.policies.content import Content, gathered, misfit
from unireward.policies.health import fault_of
from unireward.policies.seeds import seed_of
from unireward.prompt import Prompt
from unireward.record import Part, Row
from unireward.sampled import Sampled

if TYPE_CHECKING:
    from torch import Tensor

    from unireward.policies.pipelines.base import PipelineAdapter

PIXELS_AT_ONCE = 1 << 20
ROWS_AT_ONCE = 64
"""A batch holds at most so many pixels and candidates (one candidate, however large it is)."""


class Drawing(Row):
    """How a generator samples. None: the family's own; ``frames`` and ``fps`` are of clips.

    ``guidance_scale`` is counted as the pipeline counts it, and ``negative_prompt`` is the caption
    of the pass without caption. ``batch`` candidates are drawn at once (None: by their size).
    """

    steps: PositiveInt | None = None
    guidance_scale: FiniteFloat | None = Field(default=None, ge=0)
    height: PositiveInt | None = None
    width: PositiveInt | None = None
    frames: PositiveInt | None = None
    fps: FiniteFloat | None = Field(default=None, gt=0)
    negative_prompt: str = ""
    batch: PositiveInt | None = None


class Generator:
    """``drawing`` says how it samples; ``identity`` None is the digest of the weights it has now.

    Raises :class:`InputError` for sizes or a guidance that the model cannot take.
    """

    def __init__(
        self,
        adapter: PipelineAdapter,
        drawing: Drawing | None = None,
        *,
        name: str = "generator",
        identity: str | None = None,
    ) -> None:
        from unireward.policies.pipelines.digest import tensors_digest, trained_tensors
        from unireward.policies.sampler import check_guidance

        self.adapter = adapter
        drawing = drawing or Drawing()
        given = drawing.model_dump(exclude={"negative_prompt", "batch"}, exclude_none=True)
        self.settings: dict[str, Any] = {**asdict(adapter.defaults), **given}
        if adapter.task == "image_generation":
            if drawing.frames not in (None, 1) or drawing.fps is not None:
                raise InputError(
                    f"frames, fps: {adapter.pipeline_class} draws pictures; leave them out"
                )
            self.settings = {k: v for k, v in self.settings.items() if k not in ("frames", "fps")}
        else:
            adapter.fps = self.settings["fps"]
        if drawing.negative_prompt:
            self.settings["negative_prompt"] = drawing.negative_prompt
        check_guidance(adapter, self.settings["guidance_scale"])
        self._shape = adapter.latent_shape(
            self.settings["height"], self.settings["width"], self.settings.get("frames", 1)
        )
        self._batch = drawing.batch or self._rows_at_once()
        self._negative = drawing.negative_prompt
        self._name = name
        self._identity = identity or tensors_digest(trained_tensors(adapter))

    @property
    def name(self) -> str:
        return self._name

    @property
    def identity(self) -> str:
        return self._identity

    def _rows_at_once(self) -> int:
        pixels = self.settings["height"] * self.settings["width"] * self.settings.get("frames", 1)
        return max(1, min(ROWS_AT_ONCE, PIXELS_AT_ONCE // pixels))

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        """``n`` candidates a prompt; see the module docstring."""
        if n < 1:
            raise UsageError(f"n: {n} candidates were asked for; give 1 or more")
        refusals = [self._refusal(prompt) for prompt in prompts]
        seeds = [[seed_of(seed, prompt.id, k) for k in range(n)] for prompt in prompts]
        wanted = [
            (prompt.text, own)
            for prompt, refusal, row in zip(prompts, refusals, seeds, strict=True)
            if refusal is None
            for own in row
        ]
        made = self._contents(wanted)
        return [
            gathered(
                prompt, self.name, [refusal if refusal is not None else next(made) for _ in row],
                seeds=row, settings=self.settings,
            )
            for prompt, refusal, row in zip(prompts, refusals, seeds, strict=True)
        ]  # fmt: skip

    def _refusal(self, prompt: Prompt) -> str | None:
        """Why all candidates of a prompt are left out."""
        if any(part.type != "text" for part in prompt.prompt):
            return "the prompt has pictures, and this generator reads words alone"
        if not prompt.text.strip():
            return "the prompt is empty"
        kind = "video" if self.adapter.task == "video_generation" else "image"
        return misfit(kind, prompt.task) or self.adapter.refusal(prompt.text)

    def _contents(self, wanted: Sequence[tuple[str, int]]) -> Iterator[Content | str]:
        """A content or reason for each (caption, seed), in order, batch by batch."""
        for start in range(0, len(wanted), self._batch):
            rows = wanted[start : start + self._batch]
            yield from self._drawn([caption for caption, _ in rows], [own for _, own in rows])

    def _drawn(self, captions: Sequence[str], seeds: Sequence[int]) -> list[Content | str]:
        import torch

        with torch.no_grad(), _evaluating(self.adapter):
            pixels = self.pixels(captions, seeds)
            flagged = self.adapter.flagged(pixels)
        arrays = pixels.movedim(-3, -1).cpu().numpy()
        return [
            fault_of(array)
            or ("refused by the pipeline's safety checker" if refused else None)
            or self._content(array)
            for array, refused in zip(arrays, flagged, strict=True)
        ]

    def pixels(self, captions: Sequence[str], seeds: Sequence[int]) -> Tensor:
        """Float [B, 3, H, W] or [B, T, 3, H, W], 0 to 1 where all is well: one for each caption
        and seed, in one batch, as it comes from the decoder. Gradients flow unless stopped."""
        from unireward.policies.pipelines.base import rows_of
        from unireward.policies.sampler import denoised, is_guided_twice, start_noise

        adapter, scale = self.adapter, self.settings["guidance_scale"]
        different = list(dict.fromkeys(captions))
        conditions = adapter.conditions(different)
        latents = denoised(
            adapter,
            start_noise(self._shape, seeds),
            rows_of(conditions, [different.index(caption) for caption in captions]),
            steps=self.settings["steps"],
            guidance_scale=scale,
            unconditional=(
                adapter.conditions([self._negative]) if is_guided_twice(adapter, scale) else None
            ),
        )
        return adapter.decode(latents)

    def _content(self, array: Any) -> Content:
        import numpy as np

        pixels = np.rint(array.clip(0, 1) * 255).astype(np.uint8)
        if pixels.ndim == 3:
            return (Part(type="image", media=Image(pixels)),)
        return (Part(type="video", media=Video(pixels, fps=self.settings["fps"])),)


@contextmanager
def _evaluating(adapter: PipelineAdapter) -> Iterator[None]:
    """Within: no dropout, in the midst of a training too."""
    modes = {part: part.training for part in adapter.trained().values()}
    for part in modes:
        part.eval()
    try:
        yield
    finally:
        for part, mode in modes.items():
            part.train(mode)


def load_generator(
    path: str,
    *,
    device: str | None = None,
    dtype: str = "float32",
    steps: int | None = None,
    guidance_scale: float | None = None,
    height: int | None = None,
    width: int | None = None,
    frames: int | None = None,
    fps: float | None = None,
    negative_prompt: str = "",
    batch: int | None = None,
    max_sequence_length: int | None = None,
    lora: str | None = None,
    name: str | None = None,
) -> Generator:
    """The generator of a folder in diffusers' layout, or of a hub id, ready on ``device`` (None:
    the best there is).

    ``dtype`` is that of the weights (``auto``: as they are stored); the VAE stays float32 (SDXL's
    overflows in halves). ``max_sequence_length`` is of the caption's tokens, ``lora`` the folder of
    adapters (:mod:`unireward.policies.lora`). The rest is of :class:`Drawing`.

    Raises :class:`InputError` for a folder that is none, a pipeline class that is not known, and
    adapters that do not fit; MissingExtraError where diffusers is not installed.
    """
    drawing = validate(
        Drawing,
        {
            "steps": steps, "guidance_scale": guidance_scale, "height": height, "width": width,
            "frames": frames, "fps": fps, "negative_prompt": negative_prompt, "batch": batch,
        },
    )  # fmt: skip
    from unireward.policies.pipelines.digest import pipeline_identity, tensors_digest
    from unireward.policies.pipelines.loading import folder_of, load_adapter

    folder = folder_of(path)
    adapter = load_adapter(folder, dtype)
    if max_sequence_length is not None:
        if adapter.max_sequence_length is None:
            raise InputError(
                f"max_sequence_length: {adapter.pipeline_class} has a fixed one; leave it out"
            )
        adapter.max_sequence_length = max_sequence_length
    identity = f"{pipeline_identity(path, folder, adapter)}:{dtype}"
    if lora is not None:
        from unireward.policies.lora import load_lora, lora_tensors

        load_lora(adapter, lora)
        identity += f"+{tensors_digest(lora_tensors(adapter))}"
    adapter.pipeline.to(device or best_device())
    return Generator(adapter, drawing, name=name or Path(path).name, identity=identity)
