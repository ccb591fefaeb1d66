"""Claim: an output belongs to one alignment; another one is told what differs.

``OUTPUT/alignment.json`` holds the config and what else could change a number: the content of the
files of prompts, the judges' and the first policy's identity. An output in which nothing was
looked at yet belongs to nobody.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import unireward
from unireward.alignment.config import AlignConfig
from unireward.errors import InputError, UsageError
from unireward.files.lines import replacing
from unireward.training.claim import differences

FILE = "alignment.json"
_PLACE_ONLY: dict[str, Any] = {
    "output": True,
    "alarm": {"do"},
    "evaluation": {"shown"},
    "training": {"log_every", "workers", "threads", "device"},
}
"""Fields of a config that change no number."""


def finished(config: AlignConfig) -> bool:
    """Whether this very alignment came to its end there, so that nothing need be loaded."""
    before = _read(config.output)
    if before is None or not before.get("complete"):
        return False
    return not differences(_config_of(before), said(config))


def claim(config: AlignConfig, job: Mapping[str, Any]) -> None:
    """Take the output. UsageError naming what differs where another alignment has it."""
    before = _read(config.output)
    now = said(config) | _plain(job)
    begun = any((config.output / "evaluations").glob("*.jsonl"))
    if before is not None and begun:
        different = differences(_config_of(before) | before.get("job", {}), now)
        if different:
            name = different[0].removeprefix("config.")
            raise UsageError(
                f"{config.output} was begun with another {name}; set it as it was, or give another "
                "output"
            )
    _write(config, job, complete=False)


def mark_complete(config: AlignConfig, job: Mapping[str, Any]) -> None:
    _write(config, job, complete=True)


def said(config: AlignConfig) -> dict[str, Any]:
    """What a config and its files say that could change a number, under one key: the names that
    the comparison leaves aside at the top are those of another config."""
    inner = config.model_dump(mode="json", exclude=_PLACE_ONLY)
    files = {
        name: _digest(path, name)
        for name, path in (("prompts", config.prompts),
                           ("evaluation.prompts", config.evaluation.prompts))
        if path is not None
    }  # fmt: skip
    return {"config": inner, "files": files}


def _config_of(before: Mapping[str, Any]) -> dict[str, Any]:
    return {name: before.get(name) for name in ("config", "files")}


def _digest(path: Path, field: str) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{field}: {path} cannot be read ({error.strerror})") from None


def _write(config: AlignConfig, job: Mapping[str, Any], *, complete: bool) -> None:
    body = {
        "schema": 1,
        "unireward": unireward.__version__,
        **said(config),
        "job": _plain(job),
        "complete": complete,
    }
    with replacing(config.output / FILE) as stream:
        stream.write(json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8") + b"\n")


def _read(output: Path) -> dict[str, Any] | None:
    path = output / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise InputError(f"output: {output} is a file; give a folder") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); remove {output} to begin anew"
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is no object; remove {output} to begin anew")
    return found


def _plain(value: Any) -> Any:
    """As JSON has it, so that what is read back compares equal."""
    return json.loads(json.dumps(value, default=str))
