"""Storage: checkpoints that are whole or not there.

A checkpoint counts once ``complete.json`` stands in it, which is written last, after everything
else is on the disk. A run that was killed while saving, or whose disk filled, goes on from the
last one that counts.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from unireward.errors import InputError, UnirewardError
from unireward.training.trainee import load_trained, trained_state

WEIGHTS = "trained.safetensors"
COMPLETE = "complete.json"
PREFIX = "checkpoint-"


class SaveError(UnirewardError, OSError):
    """A checkpoint could not be written; the ones before it are as they were."""


def write_weights(folder: Path, module: Any, state: Mapping[str, Tensor] | None = None) -> None:
    """The weights that learn, in ``trained.safetensors`` (``state`` where they were gathered)."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    wanted = trained_state(module)
    if state is not None:
        wanted = {name: state[name] for name in wanted}
    save_file({n: w.detach().contiguous().cpu() for n, w in wanted.items()}, folder / WEIGHTS)


def load_weights(folder: Path, module: nn.Module) -> None:
    """Put ``folder``'s weights into ``module``. InputError for another model's, or none."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    file = folder / WEIGHTS
    if not file.is_file():
        raise InputError(f"{file}: is missing; give the folder of a checkpoint of `train`")
    try:
        state = load_file(file)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{file}: cannot be read ({error}); give another checkpoint") from None
    load_trained(module, state, str(file))


@contextmanager
def saving(folder: Path, *, alone: bool) -> Iterator[None]:
    """While a checkpoint is written into ``folder``: marks it whole at the end; where it fails,
    takes away what was written and says so. ``alone`` is true in the process that writes."""
    try:
        yield
        if alone:
            _mark(folder)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise SaveError(_said(folder, error)) from error
    except Exception as error:
        # safetensors and torch say a full disk in their own classes.
        if not _of_disk(error):
            raise
        shutil.rmtree(folder, ignore_errors=True)
        raise SaveError(_said(folder, error)) from error


@contextmanager
def finishing(folder: Path, kept: str | None = None) -> Iterator[None]:
    """While a stage's last weights, or the judge, are written: SaveError where they cannot be,
    which says what is ``kept`` (None: the last checkpoint)."""
    try:
        yield
    except UnirewardError:
        raise
    except Exception as error:
        if not isinstance(error, OSError) and not _of_disk(error):
            raise
        raise SaveError(_said(folder, error, kept)) from error


def _of_disk(error: Exception) -> bool:
    said = str(error).lower()
    return any(word in said for word in ("space", "write", "errno", "i/o", "unexpected pos"))


def _said(folder: Path, error: Exception, kept: str | None = None) -> str:
    last = last_complete(folder.parent)
    kept = kept or (f"{last} is whole" if last else "none was saved before")
    first = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"{folder}: could not be saved ({first}); {kept}; free space and start again"


def _mark(folder: Path) -> None:
    sizes = {file.name: file.stat().st_size for file in folder.iterdir() if file.is_file()}
    for name in sizes:
        with open(folder / name, "rb") as file:
            os.fsync(file.fileno())
    draft = folder / f".{COMPLETE}"
    with open(draft, "w", encoding="utf-8") as out:
        json.dump(sizes, out)
        out.flush()
        os.fsync(out.fileno())
    os.replace(draft, folder / COMPLETE)


def is_complete(folder: Path) -> bool:
    """Whether every file that the marker lists stands there in full."""
    try:
        sizes = json.loads((folder / COMPLETE).read_text(encoding="utf-8"))
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def last_complete(folder: Path) -> Path | None:
    """The whole checkpoint of the highest step under ``folder``."""
    found = [
        (int(path.name.removeprefix(PREFIX)), path)
        for path in folder.glob(f"{PREFIX}*")
        if path.name.removeprefix(PREFIX).isdigit() and is_complete(path)
    ]
    return max(found)[1] if found else None
