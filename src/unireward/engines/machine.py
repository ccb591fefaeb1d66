"""Machine: how much faster than float32 other numbers are multiplied here.

A judgment is mostly matrix products: of many rows while a prompt is read, of one row for each
word of a reply. Which numbers are quick at which is the processor's, not the model's, so a
quarter of a second of products tells what setting is worth trying. What it does to the verdicts
is another question (``perf/settings.py``).
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

ROWS = {"prompt": 512, "reply": 1}
WIDTH = 1024
SECONDS, ROUNDS = 0.01, 7
WORTH = 1.3
"""Gains below this are within what such a short measurement is off by."""


def product_rates(device: str, seconds: float = SECONDS) -> dict[str, dict[str, float]]:
    """By dtype, products a second relative to float32 of ``prompt`` rows and of a ``reply``'s:
    medians of short turns that alternate, so that what else runs here slows both alike."""
    import torch
    from torch.nn.functional import linear

    found: dict[str, dict[str, float]] = {}
    with torch.inference_mode():
        for name, rows in ROWS.items():
            x = torch.randn(rows, WIDTH, device=device)
            w = torch.randn(WIDTH, WIDTH, device=device)
            for dtype in _dtypes(device):
                a, b = x.to(getattr(torch, dtype)), w.to(getattr(torch, dtype))
                ratios = [
                    _rate(lambda a=a, b=b: linear(a, b), device, seconds)
                    / _rate(lambda x=x, w=w: linear(x, w), device, seconds)
                    for _ in range(ROUNDS)
                ]
                found.setdefault(dtype, {})[name] = statistics.median(ratios)
    return found


def advice(rates: dict[str, dict[str, float]]) -> str:
    """What to try here, in one line."""
    best = max(rates, key=lambda dtype: min(rates[dtype].values()), default=None)
    if best is None or max(rates[best].values()) < WORTH:
        return "float32 is as fast as anything else here; leave --dtype alone"
    said = " and ".join(f"{ratio:.1f} x for the {name}" for name, ratio in rates[best].items())
    if min(rates[best].values()) < 1 / WORTH:
        return f"{best} runs {said}, against float32: leave --dtype alone for judges that think"
    return f"{best} runs {said}, against float32: try --dtype {best}, and compare verdicts"


def _dtypes(device: str) -> tuple[str, ...]:
    return ("bfloat16",) if device == "cpu" else ("bfloat16", "float16")


def _rate(call: Callable[[], Any], device: str, seconds: float) -> float:
    """Calls a second; the first is not counted."""
    import torch

    wait = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
    call()
    wait()
    start, calls = time.perf_counter(), 0
    while True:
        call()
        wait()
        calls += 1
        spent = time.perf_counter() - start
        if spent >= seconds:
            return calls / spent
