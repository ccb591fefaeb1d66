"""Journal: a JSON Lines file that only grows, and survives its writer.

Each row reaches the operating system in one write before the next is taken, so ``kill -9`` can
tear the last line at most; opening the journal again cuts a torn line off. A write that fails
(a full disk) is taken back whole, so that what is in the file stays readable.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from unireward.errors import InputError, UnirewardError, UsageError

SYNC_SECONDS = 5.0
"""How much work a power cut may cost (a killed process costs none)."""
_CHUNK = 1 << 16


class JournalError(UnirewardError, OSError):
    """Rows can no longer be written; those before are safe."""


class Journal:
    """Open for appending, with a lock against a second writer. Use as a context manager.

    Raises UsageError where another process writes to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = 0
        """Rows written through this handle."""
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None
        try:
            _lock(self._file, path)
            self._end = _whole_lines(self._file)
            self._cut()
        except BaseException:
            os.close(self._file)
            raise
        self._synced = time.monotonic()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if error is None:
                self.sync()
        finally:
            os.close(self._file)

    def append(self, row: bytes) -> None:
        """Write one row (without its newline). JournalError names what to do when it cannot."""
        data = memoryview(row + b"\n")
        try:
            while data:
                data = data[os.write(self._file, data) :]
        except OSError as error:
            self._cut()
            raise JournalError(self._why(error)) from error
        self._end += len(row) + 1
        self.rows += 1
        if time.monotonic() - self._synced > SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Make every row last through a power cut."""
        try:
            os.fsync(self._file)
        except OSError as error:
            raise JournalError(self._why(error)) from error
        self._synced = time.monotonic()

    def _cut(self) -> None:
        """Take back whatever is after the last whole row."""
        os.ftruncate(self._file, self._end)
        os.lseek(self._file, self._end, os.SEEK_SET)

    def _why(self, error: OSError) -> str:
        return (
            f"{self.path}: cannot be written ({error.strerror}); its rows so far are kept: free "
            "some space and run the same command again to go on"
        )


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a journal as objects; none where there is no file. A torn last line is left
    out, one in the middle is an InputError (the file was changed by something else)."""
    if not path.exists():
        return
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
                if not {"record", "status"} <= set(row):
                    raise ValueError
            except (ValueError, TypeError):
                raise InputError(
                    f"{path}:{number}: is no judgment; delete the file to begin anew, or give "
                    "another --out"
                ) from None
            yield row


def _whole_lines(file: int) -> int:
    """The offset after the last newline: where a torn line begins."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _lock(file: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(
            f"{path}: another run is writing to it; wait for it, or give another --out"
        ) from None
