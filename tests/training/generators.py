"""Generators small enough for a test: tiny pipelines of one layer, and what spoils them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from tests.policies.pipelines import stirred
from unireward.policies.noise import DiscretePath
from unireward.policies.pipelines.tiny import TinyAdapter, TinyPipeline
from unireward.prompt import Prompt
from unireward.training.config import TrainConfig, parse_config
from unireward.training.share import Share
from unireward.training.subjects import Subject

SIZE = 16


def picture(seed: int) -> TinyPipeline:
    """Not as new, where the blocks do nothing, but as after some training."""
    return stirred(TinyPipeline.build("image", seed, size=SIZE, width=24, layers=1, heads=1), seed)


def clip(seed: int) -> TinyPipeline:
    pipeline = TinyPipeline.build(
        "video", seed, size=SIZE, width=24, layers=1, heads=1, frames=4, max_words=8
    )
    return stirred(pipeline, seed)


def chain(seed: int) -> TinyAdapter:
    """The same picture model on a chain of ten steps, predicting the noise."""
    adapter = TinyAdapter(picture(seed))
    adapter.path = DiscretePath(torch.linspace(0.99, 0.02, 10), "epsilon")
    return adapter


class Blind(TinyAdapter):
    """A generator whose latents of any picture are not finite."""

    def encode(self, pixels: torch.Tensor) -> torch.Tensor:
        return super().encode(pixels) * float("nan")


def blind(seed: int) -> Blind:
    return Blind(picture(seed))


class Spoilt:
    """Float pixels, those of step ``step`` NaN."""

    def __init__(self, step: int, share: Share) -> None:
        self.step, self.share = step, share

    def __len__(self) -> int:
        return len(self.share)

    def __getitem__(self, item: int) -> Mapping[str, Any]:
        step, _ = self.share.place(item)
        pixels = torch.full((2, 3, SIZE, SIZE), float("nan") if step == self.step else 0.5)
        part = {
            "inputs": {"pixels": pixels}, "prompts": ["two red circles"] * 2,
            "seeds": torch.tensor([step, step + 100]), "error_weights": torch.ones(2),
        }  # fmt: skip
        return {"parts": [part], "record_ids": [f"p{step}-0", f"p{step}-1"], "skipped": {}}


def spoilt(spec: Mapping[str, Any], share: Share) -> Spoilt:
    return Spoilt(spec["step"], share)


def body(out: Path, **given: Any) -> dict[str, Any]:
    """A config's mapping: four steps of the world's right pictures unless ``given`` says else."""
    return {
        "output": str(out),
        "model": {"factory": "tests.training.generators:picture", "generator": True},
        "objective": {"denoise": {}},
        "data": {"sources": [{"world": "image_generation/right", "level": 1}],
                 "drop_caption": 0.2},
        "optimiser": {"lr": 3e-3},
        "batch": {"size": 8},
        "steps": 4,
        "save": {"every": 2},
        "log_every": 1,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
        "tensorboard": False,
        **given,
    }  # fmt: skip


def config(out: Path, *overrides: str, **given: Any) -> TrainConfig:
    return parse_config(body(out, **given), overrides)


def weights(out: Path) -> dict[str, torch.Tensor]:
    """All of the exported generator's, by part and name."""
    folder = out / "generator"
    return {
        f"{file.parent.name}.{name}": weight
        for file in sorted(folder.glob("*/*.safetensors"))
        for name, weight in load_file(file).items()
    }


def looked_at(
    subject: Subject, prompts: list[Prompt], seed: int, offset: float = 0.0
) -> dict[str, float]:
    """An evaluation that says how far the weights are from nought, and what can be drawn."""
    weight = subject.trainee.trained["denoiser"].pos_embed.proj.weight
    policy = subject.policy(steps=1, guidance_scale=1.0)
    made = policy.sample(prompts, 1, seed)
    return {
        "size": float(weight.abs().sum()) + offset,
        "drawn": sum(len(one.candidates) for one in made) / len(prompts),
    }
