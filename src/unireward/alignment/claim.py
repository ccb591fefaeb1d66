"""Claim: an output belongs to one alignment; another one is told what differs.

``OUTPUT/alignment.json`` holds the config and what else could change a number: the content of the
files of prompts, the judges' and the first policy's identity. An output in which nothing was
looked at yet belongs to nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unireward.alignment.config import AlignConfig
from unireward.errors import InputError
from unireward.files.claim import check_same, differences, plain, read_claim, write_claim

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
    before = _read(config)
    if before is None or not before.get("complete"):
        return False
    now = said(config)
    return not any(differences({name: before.get(name) for name in now}, now))


def claim(config: AlignConfig, job: Mapping[str, Any]) -> None:
    """Take the output. UsageError naming what differs where another alignment has it."""
    before = _read(config)
    begun = any((config.output / "evaluations").glob("*.jsonl"))
    if before is not None and begun:
        now = said(config)
        check_same(config.output, before.get("config"), now["config"])
        known = {**before.get("job", {}), "files": before.get("files")}
        check_same(config.output, known, {**plain(job), "files": now["files"]})
    _write(config, job, complete=False)


def mark_complete(config: AlignConfig, job: Mapping[str, Any]) -> None:
    _write(config, job, complete=True)


def said(config: AlignConfig) -> dict[str, Any]:
    """What a config and its files say that could change a number."""
    files = {
        name: _digest(path, name)
        for name, path in (("prompts", config.prompts),
                           ("evaluation.prompts", config.evaluation.prompts))
        if path is not None
    }  # fmt: skip
    return {"config": config.model_dump(mode="json", exclude=_PLACE_ONLY), "files": files}


def _digest(path: Path, field: str) -> str:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{field}: {path} cannot be read ({error.strerror})") from None


def _write(config: AlignConfig, job: Mapping[str, Any], *, complete: bool) -> None:
    write_claim(config.output / FILE, **said(config), job=plain(job), complete=complete)


def _read(config: AlignConfig) -> dict[str, Any] | None:
    return read_claim(config.output / FILE, config.output)
