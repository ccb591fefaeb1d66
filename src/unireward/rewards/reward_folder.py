"""A folder written whole or not at all.

The new one is written beside it as a draft, synced to disk, and takes its place by rename. Between
the two renames of an existing folder only ``.NAME.before`` holds the old one: :func:`settle`, which
runs before each load and save, puts it back, or finishes what was begun.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

from unireward.errors import InputError

_STALE = ".stale"
"""In a folder that took another's place: the patterns of the old one's files that must go."""


@contextmanager
def replaced(folder: Path, stale: Sequence[str] = ()) -> Iterator[Path]:
    """A draft folder to write into; at the end it is ``folder``.

    Files of the old folder that the draft does not have are kept, except those that match
    ``stale``. On an error the draft is removed and the old folder stays as it was.
    """
    folder = folder.resolve()
    settle(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: is a file; give a folder")
    draft = folder.with_name(f".{folder.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    try:
        yield draft
        for file in draft.rglob("*"):
            _sync(file)
        _sync(draft)
        before = _before(folder)
        if folder.exists():
            (draft / _STALE).write_text("\n".join(stale), "utf-8")
            os.rename(folder, before)
        os.rename(draft, folder)
        _sync(folder.parent)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        settle(folder)
        raise
    settle(folder)


def settle(folder: Path) -> None:
    """End an exchange of folders that was cut short, in whichever state it was left."""
    folder = folder.resolve()
    before = _before(folder)
    if not before.is_dir():
        return
    if not folder.exists():
        os.rename(before, folder)
        return
    marker = folder / _STALE
    stale = marker.read_text("utf-8").split() if marker.is_file() else []
    for old in before.iterdir():
        kept = not any(old.match(pattern) for pattern in stale)
        if kept and not (folder / old.name).exists():
            os.rename(old, folder / old.name)
    shutil.rmtree(before)
    marker.unlink(missing_ok=True)


def _before(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.before")


def _sync(path: Path) -> None:
    """Ask the disk for it; not every file system can for folders."""
    number = os.open(path, os.O_RDONLY)
    try:
        with suppress(OSError) if path.is_dir() else nullcontext():
            os.fsync(number)
    finally:
        os.close(number)
