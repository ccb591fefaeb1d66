"""Progress: how far, how fast, how long still; on stderr.

A bar on a terminal, elsewhere a plain line every ten seconds. Rate and time left are of this
run's own rows, not of those that an earlier one left.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Protocol, TextIO

PLAIN_SECONDS = 10.0


class Progress(Protocol):
    """What a job tells of itself."""

    def start(self, total: int | None, done: int) -> None: ...
    def advance(self, status: str) -> None: ...
    def stop(self) -> None: ...


class Silent:
    """No progress."""

    def start(self, total: int | None, done: int) -> None: ...
    def advance(self, status: str) -> None: ...
    def stop(self) -> None: ...


class Plain:
    """A line now and then, for logs."""

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        every: float = PLAIN_SECONDS,
        did: str = "judged",
    ) -> None:
        self._stream = stream or sys.stderr
        self._did = did
        self._clock = clock
        self._every = every
        self._total: int | None = None
        self._before = self._done = self._failed = 0
        self._began = self._said = 0.0

    def start(self, total: int | None, done: int) -> None:
        self._total, self._before, self._done, self._failed = total, done, done, 0
        self._began = self._said = self._clock()
        if done:
            self._print(f"going on after {done:,} rows")

    def advance(self, status: str) -> None:
        self._done += 1
        self._failed += status != "ok"
        now = self._clock()
        if now - self._said >= self._every:
            self._said = now
            self._print(self.line(now))

    def line(self, now: float) -> str:
        """``judged 1,200 of 20,000 (6 %), 85.0/s, 3 min 41 s left, 10 not ok``."""
        mine, seconds = self._done - self._before, now - self._began
        rate = mine / seconds if seconds > 0 else 0.0
        text = f"{self._did} {self._done:,}"
        if self._total:
            text += f" of {self._total:,} ({100 * self._done / self._total:.0f} %)"
        text += f", {rate:.1f}/s"
        if self._total and rate:
            text += f", {spoken(max(0, self._total - self._done) / rate)} left"
        return text + (f", {self._failed:,} not ok" if self._failed else "")

    def stop(self) -> None:
        """Nothing to put away."""

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Bar:
    """A rich progress bar."""

    def __init__(self, does: str = "judging") -> None:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            ProgressColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.text import Text

        class Rate(ProgressColumn):
            def render(self, task: Any) -> Text:
                speed = task.finished_speed or task.speed
                return Text("" if speed is None else f"{speed:.1f}/s", style="dim")

        self._bar = Progress(
            TextColumn(does),
            BarColumn(),
            MofNCompleteColumn(),
            Rate(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[failed]}", style="yellow"),
            console=Console(stderr=True),
        )
        self._failed = 0

    def start(self, total: int | None, done: int) -> None:
        self._bar.start()
        self._task = self._bar.add_task("", total=total, completed=done, failed="")

    def advance(self, status: str) -> None:
        self._failed += status != "ok"
        failed = f"{self._failed:,} not ok" if self._failed else ""
        self._bar.update(self._task, advance=1, failed=failed)

    def stop(self) -> None:
        self._bar.stop()


def progress_for(
    stream: TextIO | None = None, does: str = "judging", did: str = "judged"
) -> Progress:
    """A bar where ``stream`` (stderr) is a terminal, else plain lines. ``does`` and ``did`` are
    the words for the work."""
    shown = stream if stream is not None else sys.stderr
    return Bar(does) if shown.isatty() else Plain(shown, did=did)


def spoken(seconds: float) -> str:
    """``45 s``, ``3 min 20 s``, ``2 h 5 min``."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600:,} h {whole % 3600 // 60} min"
