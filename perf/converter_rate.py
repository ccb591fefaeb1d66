"""Rows a second of ``unireward data convert``, and its peak memory on 50 MB against 1 GB.

    python perf/converter_rate.py [--megabytes 1000] [--small 50]

A synthetic LLaVA-style JSON list (one array in one file, as such sets are published) becomes
records. Each size is a process of its own (the real command), its peak resident set as the kernel
counts it. The house wants memory flat: at most 15 % more for twenty times the file. CPU seconds
are counted, so a busy machine changes the rate little. ``--unchecked``: the pictures named in the
rows are not there. The result goes to ``perf/results/converter_rate.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ALLOWED = 0.15
RESULT = Path(__file__).parent / "results" / "converter_rate.json"
_ANSWER = (
    "The picture shows a wooden table by a window with two cups on it, one of them half full, and "
    "behind it a shelf with books and a plant. Light falls from the left, so it is most likely the "
    "morning. Nothing in the picture says in which country it was taken. "
)


def write_rows(path: Path, megabytes: int) -> int:
    """A JSON list of about so many million bytes; how many rows."""
    count = 0
    with path.open("w") as stream:
        stream.write("[\n")
        while stream.tell() < megabytes * 1_000_000:
            for _ in range(500):
                row = {
                    "id": f"{count:09d}",
                    "image": f"coco/train2017/{count:012d}.jpg",
                    "conversations": [
                        {"from": "human", "value": f"<image>\nWhat is shown in picture {count}?"},
                        {"from": "gpt", "value": _ANSWER * (1 + count % 4)},
                    ],
                }
                stream.write((",\n" if count else "") + json.dumps(row))
                count += 1
        stream.write("\n]\n")
    return count


def converted(folder: Path, megabytes: int) -> dict[str, float]:
    """Rows, bytes, peak MiB, CPU seconds and rows a CPU second of converting a list of a size."""
    source, out = folder / "in.json", folder / "out.jsonl"
    rows = write_rows(source, megabytes)
    command = [
        sys.executable, "-c", "from unireward.cli import main; main()", "data", "convert",
        str(source), "--from", "llava", "--unchecked", "--out", str(out),
    ]  # fmt: skip
    start = time.perf_counter()
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - start
    if running.returncode:
        raise SystemExit(f"converting {megabytes} MB left with {running.returncode}")
    with out.open("rb") as stream:
        written = sum(1 for _ in stream)
    assert written == rows, f"{written} records of {rows} rows"
    cpu = usage.ru_utime + usage.ru_stime
    found = {
        "rows": rows,
        "bytes": source.stat().st_size,
        "peak_mib": round(usage.ru_maxrss / 1024, 1),
        "cpu_seconds": round(cpu, 2),
        "seconds": round(seconds, 2),
        "rows_per_cpu_second": round(rows / cpu),
    }
    source.unlink()
    out.unlink()
    return found


def main() -> int:
    import unireward

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, default=1000, help="size of the large file")
    parser.add_argument("--small", type=int, default=50, help="size of the small file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        sizes = (given.small, given.megabytes)
        figures = {f"{size} MB": converted(Path(name), size) for size in sizes}
    small, large = (figures[f"{size} MB"]["peak_mib"] for size in sizes)
    result = {
        "what": "rows a second and peak memory of data convert, a LLaVA-style JSON list to records",
        "files": figures,
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
