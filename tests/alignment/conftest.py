"""One small generator for all tests, and a config around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.alignment import bright
from unireward.alignment.config import AlignConfig, parse_config
from unireward.curation.config import JudgeConfig


@pytest.fixture(scope="session")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bright.save_generator(tmp_path_factory.mktemp("generator") / "t2i")


@pytest.fixture
def room(
    generator: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., AlignConfig]:
    """``room("key=value", field=...)``: a config in a folder of its own; judges by name."""
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(JudgeConfig, "load", bright.lend_judge)
    bright.JUDGES.clear()
    bright.JUDGES.update(bright=bright.Bright(), dark=bright.Bright(-1))

    def make(*overrides: str, **given: Any) -> AlignConfig:
        return parse_config(body(generator, tmp_path, **given), overrides)

    return make


def body(generator: Path, folder: Path, **given: Any) -> dict[str, Any]:
    """A config's mapping: two rounds of eight prompts, looked at on ten others."""
    prompts = bright.write_captions(folder / "prompts.txt", bright.CAPTIONS[:24])
    held_out = bright.write_captions(folder / "held_out.txt", bright.CAPTIONS[20:30])
    return {
        "output": "out",
        "policy": str(generator),
        "judge": "bright",
        "truth": "tests.alignment.bright:darkness",
        "prompts": str(prompts),
        "task": "image_generation",
        "method": {"online": {"rounds": 2, "prompts": 8}},
        "candidates": 4,
        "curation": ["pair_rank", "point_sift"],
        "training": {
            "steps": 4, "batch": {"size": 8}, "optimiser": {"lr": 5e-3}, "log_every": 2,
            "objective": {"diffusion-dpo": {"beta": 500}}, "device": "cpu", "threads": 1,
        },
        "evaluation": {"prompts": str(held_out), "samples": 2, "every": 1},
        "alarm": "off",
        **given,
    }  # fmt: skip
