"""What the endpoint client costs: its requests a second beside a bare httpx loop's.

Both put the same questions to the same scripted server (a process of its own, on loopback) at
concurrency 32, taking turns; the bare loop posts bodies made beforehand and parses the JSON,
nothing else: no retries, deadline, order, encoding or checks. Once the server answers at once,
so that the clients' own work is all there is (and a place is free again before all 32 are
taken), once after 30 ms, so that all 32 are under way. The processor time of a request, on all
threads of the client, is given beside the rates: a busy machine moves it little.

    python perf/client_overhead.py            # writes perf/results/client_overhead.json
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np

import unireward
from unireward.ask import Ask, ImageContent, Message, TextContent
from unireward.engines.encoding import MediaEncoder
from unireward.engines.openai import OpenAIEngine
from unireward.engines.wire import request_body
from unireward.media import Image

CONCURRENCY = 32
RESULT = Path(__file__).parent / "results" / "client_overhead.json"


@contextmanager
def served(delay: float) -> Iterator[str]:
    """A scripted server in a process of its own; gives its base URL."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.jsonl"
        table.write_text('{"reply": "Image 1 is better"}\n', encoding="utf-8")
        command = [sys.executable, "-m", "unireward.engines.serve_scripted", str(table)]
        server = subprocess.Popen(
            [*command, "--delay", str(delay)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()
            server.wait()


def questions(number: int, side: int) -> list[Ask]:
    """``number`` asks of 1,500 characters, each with two of eight pictures where ``side`` > 0."""
    draw = np.random.default_rng(0)
    pictures = [
        Image(draw.integers(0, 256, (side, side, 3), np.uint8)) for _ in range(8 if side else 0)
    ]
    asks = []
    for index in range(number):
        shown = [pictures[(index + k) % 8] for k in (0, 3)] if side else []
        contents = (*(ImageContent(one) for one in shown), TextContent(f"{index} " + "word " * 300))
        asks.append(Ask((Message("user", contents),)))
    return asks


class Speed(NamedTuple):
    """Requests a second, and milliseconds of the client's processor time for each."""

    rate: float
    cpu: float


class Watch:
    """Wall and processor time since it was made."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def speed(self, number: int) -> Speed:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        return Speed(number / wall, 1000 * cpu / number)


def by_client(url: str, asks: list[Ask]) -> Speed:
    """Through the engine, its pictures encoded within the time."""
    with OpenAIEngine(url, concurrency=CONCURRENCY) as engine:
        engine.connect()
        watch = Watch()
        good = sum(reply.text == "Image 1 is better" for _, reply in engine.stream(asks))
        speed = watch.speed(len(asks))
    assert good == len(asks)
    return speed


def by_bare_loop(url: str, bodies: list[bytes]) -> Speed:
    """32 coroutines that post and parse."""

    async def run() -> Speed:
        left = iter(bodies)
        limits = httpx.Limits(max_connections=CONCURRENCY, max_keepalive_connections=CONCURRENCY)
        headers = {"Content-Type": "application/json"}
        async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=60.0) as client:

            async def work() -> int:
                good = 0
                for body in left:
                    answer = await client.post(
                        f"{url}/chat/completions", content=body, headers=headers
                    )
                    said = answer.json()["choices"][0]["message"]["content"]
                    good += said == "Image 1 is better"
                return good

            watch = Watch()
            good = sum(await asyncio.gather(*(work() for _ in range(CONCURRENCY))))
            speed = watch.speed(len(bodies))
        assert good == len(bodies)
        return speed

    return asyncio.run(run())


def measure(number: int, rounds: int, *, side: int = 0, delay: float = 0.0) -> dict[str, Any]:
    asks = questions(number, side)
    encoder = MediaEncoder()
    bodies = [request_body(ask, "scripted", encoder.part, logprobs=False) for ask in asks]
    ours, bare = [], []
    with served(delay) as url:
        by_bare_loop(url, bodies[: number // 4])
        for _ in range(rounds):
            bare.append(by_bare_loop(url, bodies))
            ours.append(by_client(url, asks))
    return {
        "bytes_a_request": round(statistics.mean(map(len, bodies))),
        "bare": _said(bare),
        "client": _said(ours),
        "ratio": round(_median(ours).rate / _median(bare).rate, 3),
        "processor_ratio": round(_median(bare).cpu / _median(ours).cpu, 3),
    }


def _said(speeds: list[Speed]) -> dict[str, list[float]]:
    return {
        "requests_a_second": [round(speed.rate, 1) for speed in speeds],
        "processor_ms_a_request": [round(speed.cpu, 3) for speed in speeds],
    }


def _median(speeds: list[Speed]) -> Speed:
    return Speed(*(statistics.median(column) for column in zip(*speeds)))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--asks", type=int, default=1500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULT)
    options = parser.parse_args()
    result = {
        "what": "requests a second against a scripted server on loopback, side by side",
        "concurrency": CONCURRENCY,
        "asks": options.asks,
        "rounds": options.rounds,
        "text": measure(options.asks, options.rounds),
        "text_after_30_ms": measure(options.asks, options.rounds, delay=0.03),
        "two_pictures_of_256": measure(options.asks // 4, options.rounds, side=256),
        "two_pictures_of_256_after_30_ms": measure(
            options.asks // 4, options.rounds, side=256, delay=0.03
        ),
        "versions": {
            "unireward": unireward.__version__,
            "httpx": httpx.__version__,
            "python": platform.python_version(),
        },
        "cpus": os.cpu_count(),
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
