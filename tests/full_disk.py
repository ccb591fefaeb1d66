"""A disk that fills, for a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_LIMITED = """
import os, resource, sys
size = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


def python_on_full_disk(size: int, *words: str) -> subprocess.CompletedProcess[str]:
    """``python WORDS`` where no file may grow past ``size`` bytes."""
    return subprocess.run(
        [sys.executable, "-c", _LIMITED, str(size), *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
