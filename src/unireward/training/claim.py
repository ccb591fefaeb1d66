"""Claim: a folder belongs to one config.

One in which nothing was saved yet belongs to nobody: a config that was mended after it was
refused takes it over.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.claim import differences
from unireward.training.config import TrainConfig
from unireward.training.model_config import RESULTS

CONFIG, LOG, DONE = "config.yaml", "log.jsonl", "done.json"
_MAY_DIFFER = ("output", "log_every", "workers", "threads", "save", "device", "tensorboard", "meta")


def claim(config: TrainConfig) -> None:
    """Writes ``config.yaml``. InputError where another config's training lies there."""
    import yaml

    if found := taken(config):
        raise InputError(found)
    file = config.output / CONFIG
    said = _said(config)
    if file.is_file():
        if _differs(_before(file), said) is None:
            return
        for left in (config.output / "processor", config.output / "stages"):
            shutil.rmtree(left, ignore_errors=True)
        (config.output / LOG).unlink(missing_ok=True)
    draft = file.with_name(f".{CONFIG}")
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    draft.replace(file)


def taken(config: TrainConfig) -> str | None:
    """Why the output is not this config's, or None."""
    file = config.output / CONFIG
    if not file.is_file() or not _anything_saved(config.output):
        return None
    different = _differs(_before(file), _said(config))
    if different is None:
        return None
    return (
        f"{file}: another training lies there ({different} differs); give another output, or "
        "remove the folder"
    )


def _said(config: TrainConfig) -> dict[str, Any]:
    return json.loads(config.model_dump_json())


def _before(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def _anything_saved(out: Path) -> bool:
    """A whole checkpoint, the weights of a stage, or a result."""
    saved = [*out.glob("stages/*/checkpoint-*/complete.json"), *out.glob(f"stages/*/{DONE}")]
    return bool(saved) or any((out / result).exists() for result in RESULTS)


def _differs(before: Any, now: Mapping[str, Any]) -> str | None:
    """The dotted name of something that would change the weights and is not the same."""
    if not isinstance(before, dict):
        return "everything"
    known, own = ({k: v for k, v in one.items() if k not in _MAY_DIFFER} for one in (before, now))
    return next((found.name for found in differences(known, own)), None)
