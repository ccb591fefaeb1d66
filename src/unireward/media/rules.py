"""FrameRule: which frames of a video a judge is shown.

The rule is part of a family and is written into each judgment. Four rules, for n frames:

- ``uniform:N``: ``int(i * n / N)`` for i in 0..N-1 (the first frame of N equal stretches);
- ``linspace:N``: ``numpy.linspace(0, n - 1, N)`` cut to integers (first and last included);
- ``fps:R``: the frame on screen at 0, 1/R, 2/R ... seconds, at least one;
- ``all``: every frame.

``uniform`` and ``linspace`` always give exactly N indices: of fewer than N frames some come
twice or more, as the two formulas have it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from unireward.errors import InputError

_USE = "use uniform:N, linspace:N, fps:R or all"


@dataclass(frozen=True)
class FrameRule:
    """``kind`` is uniform, linspace, fps or all; ``value`` the count, or the frames a second."""

    kind: str = "linspace"
    value: float = 8

    def __post_init__(self) -> None:
        if self.kind not in ("uniform", "linspace", "fps", "all"):
            raise InputError(f"frame rule {self.kind!r} is unknown; {_USE}")
        if self.kind == "all":
            object.__setattr__(self, "value", 0)
        elif not (math.isfinite(self.value) and self.value > 0):
            raise InputError(f"frame rule {self} has no positive number; {_USE}")
        elif self.kind != "fps" and self.value != int(self.value):
            raise InputError(f"frame rule {self} takes a part of a frame; give a whole number")

    @classmethod
    def parse(cls, text: str | FrameRule) -> FrameRule:
        """Read ``"uniform:8"`` and its like; :class:`InputError` for anything else."""
        if isinstance(text, FrameRule):
            return text
        kind, colon, value = str(text).strip().partition(":")
        if kind == "all" and not colon:
            return cls("all", 0)
        try:
            return cls(kind, float(value))
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"frame rule {text!r} has no number; {_USE}") from None

    def __str__(self) -> str:
        return "all" if self.kind == "all" else f"{self.kind}:{self.value:.12g}"

    def indices(self, times: Sequence[float] | int, limit: int | None = None) -> tuple[int, ...]:
        """Indices into n >= 1 frames, ascending.

        ``times`` are the frames' seconds from the first (ascending), or n where they are not
        known, which ``fps`` cannot do with. ``limit`` bounds ``fps`` only: more frames than that
        become a linspace over the same frames.
        """
        import numpy as np

        n = times if isinstance(times, int) else len(times)
        assert n >= 1, "no frames to choose from"
        if self.kind == "all":
            return tuple(range(n))
        if self.kind == "fps":
            if isinstance(times, int):
                raise InputError(f"frame rule {self} needs the frames' rate; give fps=")
            wanted = _at_rate(times, self.value, limit)
            if wanted is not None:
                return wanted
            assert limit is not None
            return FrameRule("linspace", limit).indices(n)
        count = int(self.value)
        if self.kind == "uniform":
            return tuple(int(i * n / count) for i in range(count))
        return tuple(np.linspace(0, n - 1, count).astype(int).tolist())


def _at_rate(times: Sequence[float], rate: float, limit: int | None) -> tuple[int, ...] | None:
    """The frame on screen at each 1/rate; None where that is more than ``limit`` frames.

    The slack absorbs timestamps rounded to the container's clock (1/90000 s or 1/1000 s):
    a frame due at 0.5 s may be stamped 0.5005.
    """
    slack = 0.001
    count = math.floor((times[-1] + slack) * rate) + 1
    if limit is not None and count > limit:
        return None
    return tuple(max(0, bisect_right(times, k / rate + slack) - 1) for k in range(count))
