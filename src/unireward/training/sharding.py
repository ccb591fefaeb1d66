"""Sharding: whether several processes share out a model's weights, and how.

Asked for in the config (``trainer: {fsdp: true}``, ``trainer: {deepspeed: zero3.json}``), or by
``accelerate launch --config_file``, which says it in the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unireward.errors import InputError


def sharding(trainer: Mapping[str, Any]) -> str | None:
    """``fsdp``, or DeepSpeed's ``zero1``, ``zero2``, ``zero3``; None where each process has all.

    InputError for a DeepSpeed file that cannot be read.
    """
    if trainer.get("deepspeed"):
        return _zero(trainer["deepspeed"], "trainer.deepspeed")
    if trainer.get("fsdp") or _told("ACCELERATE_USE_FSDP"):
        return "fsdp"
    if not _told("ACCELERATE_USE_DEEPSPEED"):
        return None
    file = os.environ.get("ACCELERATE_DEEPSPEED_CONFIG_FILE", "none")
    if file.lower() != "none":
        return _zero(file, "deepspeed_config_file")
    stage = os.environ.get("ACCELERATE_DEEPSPEED_ZERO_STAGE", "2")
    return f"zero{stage}" if stage != "0" else None


def _told(name: str) -> bool:
    return os.environ.get(name, "false").lower() in ("true", "1")


def _zero(given: Any, field: str) -> str | None:
    if not isinstance(given, Mapping):
        try:
            given = json.loads(Path(str(given)).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(
                f"{field}: {given} cannot be read ({error}); give a DeepSpeed JSON file"
            ) from None
    stage = (given.get("zero_optimization") or {}).get("stage", 0)
    if stage not in (0, 1, 2, 3):
        raise InputError(f"{field}: stage is {stage!r}; set it to 0, 1, 2 or 3")
    return f"zero{stage}" if stage else None
