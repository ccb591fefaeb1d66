"""Retry: when a request is asked again, and how long to wait before.

Exponential back-off with full jitter: before extra attempt ``n`` (from 0) the wait is drawn
uniformly from ``[0, min(cap, base * 2**n)]`` seconds. A server's ``Retry-After`` is a lower
bound to it. All waits and attempts of one ask share one deadline, so that a hung or
rate-limited server costs at most that much for each of them. Only statuses that say "later"
are asked again; any other 4xx is final, as asking the same thing twice changes nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from random import Random

from unireward.errors import UsageError

RETRIED = frozenset({408, 429})
"""Statuses asked again, besides all 5xx."""


def is_retried(status: int) -> bool:
    return status in RETRIED or 500 <= status <= 599


@dataclass(frozen=True)
class Clock:
    """Time as the engine sees it; tests hand in one that does not wait."""

    monotonic: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True)
class Retry:
    """``retries`` extra attempts at most, ``base`` and ``cap`` in seconds (see the module).

    ``deadline`` is seconds for one ask in all, waits and attempts included.
    """

    retries: int = 6
    base: float = 0.5
    cap: float = 30.0
    deadline: float = 300.0
    random: Random = field(default_factory=Random, compare=False, repr=False)
    """Unseeded on purpose: processes that were refused together must not come back together."""

    def __post_init__(self) -> None:
        if self.retries < 0:
            raise UsageError(f"retries is {self.retries}; set it to 0 or more")
        for name in ("base", "cap", "deadline"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}; set it above 0 seconds")

    def wait(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait before extra attempt ``attempt`` (from 0)."""
        # The exponent is bounded so that a long plan of retries cannot overflow a float.
        ceiling = min(self.cap, self.base * 2.0 ** min(attempt, 60))
        return max(self.random.uniform(0.0, ceiling), retry_after or 0.0)


def retry_after_seconds(header: str | None, now: float) -> float | None:
    """Seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3), None if it says none.

    ``now`` is the wall clock in seconds since the epoch, for the date form. A date in the past
    is 0; what is neither whole seconds nor a date is no wish at all.
    """
    if header is None:
        return None
    text = header.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    # RFC 9110 dates are GMT; one without a zone is read so as well.
    date = date if date.tzinfo is not None else date.replace(tzinfo=UTC)
    return max(0.0, date.timestamp() - now)
