"""Peak memory of ``unireward judge`` with a scripted judge, on 1,000 against 20,000 records.

The house wants it flat within 15 %. Each size is a process of its own (the real command), its
peak resident set as the kernel counts it. Run: ``python perf/bulk_memory.py``.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (1_000, 20_000)
ALLOWED = 0.15
RESULT = Path(__file__).parent / "results" / "bulk_memory.json"


def write_records(folder: Path, count: int) -> Path:
    """Pairs of two small pictures, each record with a prompt of its own."""
    from PIL import Image

    for name, colour in (("a", "red"), ("b", "blue")):
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.png")
    path = folder / f"records_{count}.jsonl"
    with path.open("w") as stream:
        for number in range(count):
            row = {
                "schema": 1,
                "id": f"r{number}",
                "task": "image_generation",
                "prompt": [{"type": "text", "text": f"picture {number} of two red circles"}],
                "candidates": [
                    {"id": name, "content": [{"type": "image", "path": f"{name}.png"}]}
                    for name in "ab"
                ],
            }
            stream.write(json.dumps(row) + "\n")
    return path


def judged(folder: Path, count: int) -> dict[str, float]:
    """Peak MiB, CPU seconds and seconds of judging ``count`` records."""
    records = write_records(folder, count)
    out = folder / f"judgments_{count}.jsonl"
    command = [
        sys.executable, "-c", "from unireward.cli import main; main()", "judge", str(records),
        "--out", str(out), "--judge", f"scripted:{folder / 'table.jsonl'}",
        "--family", "unifiedreward-2",
    ]  # fmt: skip
    start = time.perf_counter()
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if running.returncode:
        raise SystemExit(f"judging {count} records left with {running.returncode}")
    with out.open() as stream:
        rows = sum(1 for _ in stream)
    assert rows == count, f"{rows} rows of {count} records"
    return {
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 2),
        "seconds": round(seconds, 2),
    }


def main() -> int:
    import unireward

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "table.jsonl").write_text('{"reply": "Image 1 is better"}\n')
        figures = {str(count): judged(folder, count) for count in SIZES}
    small, large = (figures[str(count)]["peak_mib"] for count in SIZES)
    result = {
        "what": "peak resident memory of the bulk command, scripted judge, pairs in both orders",
        "records": figures,
        "growth": round(large / small - 1, 4),
        "allowed": ALLOWED,
        "versions": {"unireward": unireward.__version__, "python": platform.python_version()},
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    return int(result["growth"] > ALLOWED)


if __name__ == "__main__":
    sys.exit(main())
