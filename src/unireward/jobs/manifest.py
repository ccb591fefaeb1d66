"""Manifest: what a file of judgments was made from and by, beside the file.

``judgments.jsonl.manifest.json`` is written before the first row. A later run goes on only if
everything in it that could change a row is the same, and says what is not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import unireward
from unireward.errors import InputError, UsageError
from unireward.files.lines import replacing

SCHEMA = 1
_SPOKEN = {
    "input": "input file's content",
    "model": "model (weights, or address)",
    "prompt": "prompt of the family",
}
_SHOWN = 60


def manifest_path(out: Path) -> Path:
    return out.with_name(out.name + ".manifest.json")


def read_manifest(out: Path) -> dict[str, Any] | None:
    """The manifest beside ``out``, None where there is none; InputError if it is damaged."""
    path = manifest_path(out)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); delete it and {out.name} to begin anew"
        ) from None
    if not isinstance(found, dict) or not isinstance(found.get("job"), dict):
        raise InputError(f"{path}: is no manifest; delete it and {out.name} to begin anew")
    return found


def write_manifest(out: Path, job: Mapping[str, Any], **state: Any) -> None:
    """Write it whole; ``state`` (``complete``, ``statuses``) is for people and for a later run."""
    body = {"schema": SCHEMA, "unireward": unireward.__version__, "job": dict(job), **state}
    with replacing(manifest_path(out)) as stream:
        stream.write(json.dumps(body, indent=2, ensure_ascii=False).encode() + b"\n")


def check_same(out: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise UsageError naming the first difference between two jobs."""
    for key in now:
        old, new = before.get(key), now[key]
        if old != new:
            raise UsageError(
                f"{out} was begun with another {_SPOKEN.get(key, key)}: {_short(old)} then, "
                f"{_short(new)} now; set it as it was, or give another --out"
            )


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
