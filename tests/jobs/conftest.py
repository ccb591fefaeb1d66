"""A file of records with real pictures, and a judge of them that another process can build."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image as PILImage

from unireward.engines.scripted import ScriptedEngine
from unireward.families import get_family
from unireward.rewards.judge import Judge

FAMILY = "unifiedreward-2"
REPLY = "Image 1 is better"


def judge_of(replies=REPLY, policy="keep", **options) -> Judge:
    options.setdefault("identity", "scripted:fixed")
    return Judge(ScriptedEngine(replies, **options), get_family(FAMILY), policy=policy)


def write_pairs(folder: Path, count: int, name: str = "records.jsonl") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for at, colour in (("a", "red"), ("b", "blue")):
        PILImage.new("RGB", (8, 8), colour).save(folder / f"{at}.png")
    path = folder / name
    with path.open("w", encoding="utf-8") as stream:
        for number in range(count):
            row = {
                "schema": 1,
                "id": f"r{number}",
                "task": "image_generation",
                "prompt": [{"type": "text", "text": f"picture number {number}."}],
                "candidates": [
                    {"id": at, "content": [{"type": "image", "path": f"{at}.png"}]} for at in "ab"
                ],
            }
            stream.write(json.dumps(row) + "\n")
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    """Twelve records."""
    return write_pairs(tmp_path / "data", 12)


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(path: Path) -> list[dict]:
    """Rows without what may differ between two runs."""
    return [{k: v for k, v in row.items() if k not in ("seconds", "cached")} for row in rows(path)]
