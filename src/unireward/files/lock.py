"""Lock: an output folder is written by one job at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unireward.errors import InputError, UsageError

FILE = ".lock"


@contextmanager
def locked(output: Path, job: str, first: bool = True) -> Iterator[None]:
    """Within: no other process writes to the folder. Only the ``first`` one of a job locks it.

    Raises UsageError where another ``job`` has it, InputError for a folder that cannot be made.
    """
    if not first:
        yield
        return
    try:
        output.mkdir(parents=True, exist_ok=True)
        file = os.open(output / FILE, os.O_RDWR | os.O_CREAT, 0o666)
    except FileExistsError:
        raise InputError(f"output: {output} is a file; give a folder") from None
    except OSError as error:
        raise InputError(f"output: {output} cannot be written ({error.strerror})") from None
    try:
        _lock(file, output, job)
        yield
    finally:
        os.close(file)


def _lock(file: int, output: Path, job: str) -> None:
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        return
    try:
        # A lock of the process: its data workers, which may outlive it by seconds, do not hold it.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if not isinstance(error, BlockingIOError | PermissionError):
            return  # a file system without locks
        raise UsageError(
            f"output: {output}: another {job} is writing there; wait for it, or give another"
        ) from None
