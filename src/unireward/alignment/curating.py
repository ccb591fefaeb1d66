"""Curating: one round's candidates and pairs, as a curation of its own.

What the config says of it becomes a :class:`~unireward.curation.config.CurateConfig`: held-out
prompts are kept out first, then candidates are sampled, then come the steps of the config or
those of the method. So it is resumed, counted and shown as any curation is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unireward.alignment.config import AlignConfig
from unireward.alignment.policy_ref import PolicyRef
from unireward.curation.config import CurateConfig
from unireward.curation.presets import PRESETS
from unireward.errors import InputError
from unireward.files.validate import validate

JUDGE = "judge"


def curate_config(
    config: AlignConfig,
    policy: PolicyRef,
    *,
    prompts: Path,
    held_out: Path,
    output: Path,
    seed: int,
) -> CurateConfig:
    """A round's curation. InputError names the step that is none."""
    steps = _steps(config)
    body = {
        "output": output,
        "prompts": prompts,
        "task": config.task,
        "seed": seed,
        "policy": policy.to_config(),
        "judges": {JUDGE: config.judge, **config.judges},
        "candidates": config.candidates,
        "clips": config.clips,
        "steps": [{"holdout": {"prompts": str(held_out)}}, {"sample": {}}, *steps],
    }
    try:
        made = validate(CurateConfig, body)
        assert made.options
    except InputError as error:
        raise InputError(f"curation: {error}") from None
    return made


def check_steps(config: AlignConfig) -> None:
    """InputError for steps that no round could run."""
    somewhere = Path("round")
    curate_config(
        config, PolicyRef.of(config.policy), prompts=somewhere, held_out=somewhere,
        output=somewhere, seed=0,
    )  # fmt: skip


def _steps(config: AlignConfig) -> list[Any]:
    told = config.curation
    if isinstance(told, str):
        if told not in PRESETS:
            raise InputError(
                f"curation: {told!r} is no preset; use {', '.join(PRESETS)}, or a list"
            )
        told = PRESETS[told]
    steps = list(config.way.steps if told is None else told)
    # The chain samples by itself, so that presets may be named and the count is said once.
    return [step for step in steps if not _is_sample(step)]


def _is_sample(step: Any) -> bool:
    return step == "sample" or (isinstance(step, Mapping) and [*step] == ["sample"])
