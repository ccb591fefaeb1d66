"""Findings: what was found, as a file of JSON that is there whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from unireward.files.lines import replacing


def read(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8"))


def write(file: Path, found: dict[str, Any], *, indent: int | None = None) -> dict[str, Any]:
    """Written, and given back."""
    with replacing(file) as stream:
        stream.write((json.dumps(found, indent=indent) + "\n").encode())
    return found


def write_result(out: Path, result: Any) -> None:
    """``out/result.json``, of what has a ``to_dict``."""
    write(out / "result.json", result.to_dict(), indent=1)
