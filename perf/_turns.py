"""Turns: processes that do the same work a few steps at a time, never two of them at once.

What else runs on the machine then slows them alike, and the two turns of a pair are a second or
two apart. A contender tells the wall and CPU seconds of each turn on its standard output.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class Turns:
    """In the contender: call ``begin`` once, then ``step_done`` after every step."""

    def __init__(self, block: int) -> None:
        # What libraries print must not come between the lines that the other side reads.
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self.block, self.steps = block, 0

    def begin(self) -> None:
        self._pass_on({})

    def step_done(self) -> None:
        self.steps += 1
        if self.steps % self.block == 0:
            wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
            self._pass_on({"wall": wall, "cpu": cpu})

    def _pass_on(self, told: dict[str, float]) -> None:
        print(json.dumps(told), file=self._out, flush=True)
        sys.stdin.readline()
        self._wall, self._cpu = time.perf_counter(), time.process_time()


class Contender:
    """A contender from outside. It stands still but for its ``turn``."""

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        paths = f"{ROOT / 'src'}{os.pathsep}{ROOT}"
        quiet = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
        self._process = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**os.environ, **quiet, "PYTHONPATH": paths, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._heard()

    def turn(self) -> dict[str, Any]:
        """Wall and CPU seconds of the next few steps."""
        self._go()
        return self._heard()

    def end(self) -> None:
        """Lets it finish what comes after its last turn."""
        self._go()
        self._process.stdin.close()  # pyright: ignore[reportOptionalMemberAccess]
        if self._process.wait():
            raise SystemExit(f"{self.name} left with {self._process.returncode}")

    def stop(self) -> None:
        """Ends it wherever it is."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def _go(self) -> None:
        stream = self._process.stdin
        assert stream is not None
        stream.write("go\n")
        stream.flush()

    def _heard(self) -> dict[str, Any]:
        stream = self._process.stdout
        assert stream is not None
        line = stream.readline()
        if not line:
            raise SystemExit(f"{self.name} ended before its time; see its messages above")
        return json.loads(line)
