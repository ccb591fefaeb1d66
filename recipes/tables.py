"""Tables: cells and rows of what a reproduction says, shares in % and differences in points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CELL = 22


def row(name: str, cells: Sequence[str]) -> str:
    return f"{name:14}" + "".join(f"{cell:>{CELL}}" for cell in cells)


def spread(values: Sequence[float]) -> str:
    """Mean of the seeds (lowest to highest)."""
    low, high = 100 * min(values), 100 * max(values)
    return f"{100 * float(np.mean(values)):.1f} ({low:.1f}-{high:.1f})"


def share(found: Mapping[str, Any]) -> str:
    low, high = 100 * found["low"], 100 * found["high"]
    return f"{100 * found['value']:.1f} [{low:.1f}, {high:.1f}]"


def points(found: Mapping[str, Any]) -> str:
    low, high = 100 * found["low"], 100 * found["high"]
    return f"{100 * found['value']:+8.1f}  [{low:+.1f}, {high:+.1f}]"


def listed(title: str, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A table of differences, a line each."""
    return ["", title, *(f"{name:14}{points(one)}" for name, one in found.items())]
