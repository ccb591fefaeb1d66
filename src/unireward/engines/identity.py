"""A checkpoint's identity: the digest of everything that could change its replies."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

_PARTS = ("*.safetensors", "*.bin", "*.json", "*.jinja", "*.model", "*.txt")
_NOT_THE_MODEL = {"judge.json", "training.json", "trainer_state.json"}


def weights_digest(folder: Path, memo: Path | None = None) -> str:
    """sha256 over the names and contents of the weights, config, tokenizer and template.

    Reading 15 GB takes a while, so file digests are remembered in ``memo`` (a JSON file) by
    path, size and time of change. ``judge.json`` is left out: prompts are part of each ask.
    """
    known = _recall(memo)
    whole = hashlib.sha256()
    for file in sorted({f for pattern in _PARTS for f in folder.glob(pattern)}):
        if file.name in _NOT_THE_MODEL:
            continue
        stat = file.stat()
        key = f"{file.resolve()}:{stat.st_size}:{stat.st_mtime_ns}"
        if key not in known:
            with file.open("rb") as stream:
                known[key] = hashlib.file_digest(stream, "sha256").hexdigest()
        whole.update(f"{file.name}:{known[key]}\n".encode())
    _remember(memo, known)
    return whole.hexdigest()


def _recall(memo: Path | None) -> dict[str, str]:
    try:
        found = json.loads(memo.read_text()) if memo else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(memo: Path | None, known: dict[str, str]) -> None:
    if memo is None:
        return
    try:
        memo.parent.mkdir(parents=True, exist_ok=True)
        memo.write_text(json.dumps(known))
    except OSError:
        return  # only a memo: the next start reads the weights again
