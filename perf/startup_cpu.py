"""CPU of ``import unireward`` and ``unireward --help``, beside an empty Python.

The house allows each 0.3 s of CPU. Every figure is user plus system time of a process of its own,
the least of several runs (other work on the machine only adds).
Run: ``python perf/startup_cpu.py``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

RUNS = 9
ALLOWED = 0.3
RESULT = Path(__file__).parent / "results" / "startup_cpu.json"
COMMANDS = {
    "python": [sys.executable, "-c", "pass"],
    "import unireward": [sys.executable, "-c", "import unireward"],
    "unireward --help": [
        sys.executable,
        "-c",
        "from unireward.cli import main; main(['--help'])",
    ],
}


def cpu_seconds(command: list[str]) -> float:
    """User plus system seconds of one run."""
    before = os.times()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return (after.children_user - before.children_user) + (
        after.children_system - before.children_system
    )


def measure() -> dict[str, float]:
    """The least of ``RUNS`` for each command, the commands taking turns."""
    least = dict.fromkeys(COMMANDS, float("inf"))
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            least[name] = min(least[name], cpu_seconds(command))
    return {name: round(seconds, 3) for name, seconds in least.items()}


def main() -> int:
    import unireward

    seconds = measure()
    result = {
        "what": "CPU seconds of a fresh process, least of several",
        "cpu_seconds": seconds,
        "allowed": ALLOWED,
        "runs": RUNS,
        "versions": {"unireward": unireward.__version__, "python": platform.python_version()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    for name, value in seconds.items():
        print(f"{name:18} {value:.3f} s")
    return int(max(seconds["import unireward"], seconds["unireward --help"]) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
