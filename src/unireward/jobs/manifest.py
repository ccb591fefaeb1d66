"""Manifest: what a file of judgments was made from and by, beside the file.

``judgments.jsonl.manifest.json`` is written before the first row. A later run goes on only if
everything in it that could change a row is the same, and says what is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files import claim
from unireward.files.claim import read_claim, write_claim

_SPOKEN = {
    "input": "input file's content",
    "model": "model (weights, or address)",
    "prompt": "prompt of the family",
}


def manifest_path(out: Path) -> Path:
    return out.with_name(out.name + ".manifest.json")


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest beside ``out``, None where there is none; InputError if it is damaged."""
    path = manifest_path(out)
    found = read_claim(path, f"it and {out.name}")
    if found is not None and not isinstance(found.get("job"), dict):
        raise InputError(f"{path}: is no manifest; remove it and {out.name} to begin anew")
    return found


def write_manifest(out: Path, job: Mapping[str, Any], **state: Any) -> None:
    """Write it whole; ``state`` (``complete``, ``statuses``) is for people and for a later run."""
    write_claim(manifest_path(out), job=dict(job), **state)


def check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UsageError naming the first difference between two jobs."""
    known = {name: before.get(name) for name in now}
    claim.check_same(out, known, now, spoken=_SPOKEN, other="--out")
