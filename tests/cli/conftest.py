"""A command line run in this process, on real pictures, with a scripted judge."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from PIL import Image as PILImage

from unireward.cli import run
from unireward.rewards import notice

FAMILY = "unifiedreward-2"


class Ran(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def line(self) -> str:
        """The one line on stderr."""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert "Traceback" not in lines[0]
        return lines[0]


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))
    notice.forget()


@pytest.fixture
def unireward(capsys, monkeypatch):
    """``unireward("compare", ...)`` -> code, stdout, stderr. ``stdin=`` is what it reads."""

    def call(*words: object, stdin: str | bytes = "") -> Ran:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        capsys.readouterr()
        code = run([str(word) for word in words])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return call


@pytest.fixture
def pictures(tmp_path, monkeypatch) -> Path:
    """A working folder with a.png, b.png, c.png."""
    for name, colour in (("a", "red"), ("b", "blue"), ("c", "green")):
        PILImage.new("RGB", (12, 10), colour).save(tmp_path / f"{name}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def table(pictures):
    """``table(rule, ...)`` writes a scripted judge's table; returns the options that use it."""

    def write(*rules: dict | str, family: str = FAMILY) -> list[str]:
        rows = [{"reply": rule} if isinstance(rule, str) else rule for rule in rules]
        path = pictures / "table.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ["--judge", f"scripted:{path}", "--family", family]

    return write


def write_pairs(folder: Path, count: int, name: str = "records.jsonl") -> Path:
    path = folder / name
    rows = [
        {
            "id": f"r{number}",
            "task": "image_generation",
            "prompt": [{"type": "text", "text": f"picture number {number}."}],
            "candidates": [
                {"id": at, "content": [{"type": "image", "path": f"{at}.png"}]} for at in "ab"
            ],
        }
        for number in range(count)
    ]
    path.write_text("".join(json.dumps({"schema": 1, **row}) + "\n" for row in rows))
    return path
