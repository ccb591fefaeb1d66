"""Claim: a folder belongs to one config, and to one running training at a time.

A folder in which nothing was saved yet belongs to nobody: a config that was mended after it was
refused takes it over.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unireward.errors import InputError, UsageError
from unireward.training.config import TrainConfig
from unireward.training.model_config import RESULTS

CONFIG, LOG, DONE, LOCK = "config.yaml", "log.jsonl", "done.json", ".lock"
_MAY_DIFFER = ("output", "log_every", "workers", "threads", "save", "device", "tensorboard", "meta")


@contextmanager
def locked(out: Path, first: bool) -> Iterator[None]:
    """Within: no other training writes to ``out``. Only the ``first`` process takes the lock.

    Raises UsageError where another training has it, InputError for a folder that cannot be made.
    """
    if not first:
        yield
        return
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = os.open(out / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    except FileExistsError:
        raise InputError(f"output: {out} is a file; give a folder") from None
    except OSError as error:
        raise InputError(f"output: {out} cannot be written ({error.strerror})") from None
    try:
        _lock(file, out)
        yield
    finally:
        os.close(file)


def _lock(file: int, out: Path) -> None:
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
            f"output: {out}: another training is writing there; wait for it, or give another"
        ) from None


def claim(config: TrainConfig) -> None:
    """Writes ``config.yaml``. InputError where another config's training lies there."""
    import yaml

    if found := taken(config):
        raise InputError(found)
    file = config.output / CONFIG
    said = _said(config)
    if file.is_file():
        if not differences(_before(file), said):
            return
        for left in (config.output / "processor", config.output / "stages"):
            shutil.rmtree(left, ignore_errors=True)
        (config.output / LOG).unlink(missing_ok=True)
    draft = file.with_name(f".{CONFIG}")
    draft.write_text(yaml.safe_dump(said, sort_keys=False), encoding="utf-8")
    draft.replace(file)


def taken(config: TrainConfig) -> str | None:
    """Why the output is not this config's, or None."""
    file = config.output / CONFIG
    if not file.is_file() or not _anything_saved(config.output):
        return None
    different = differences(_before(file), _said(config))
    if not different:
        return None
    return (
        f"{file}: another training lies there ({different[0]} differs); give another output, or "
        "remove the folder"
    )


def _said(config: TrainConfig) -> dict[str, Any]:
    return json.loads(config.model_dump_json())


def _before(file: Path) -> Any:
    import yaml

    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        return None


def _anything_saved(out: Path) -> bool:
    """A whole checkpoint, the weights of a stage, or a result."""
    saved = [*out.glob("stages/*/checkpoint-*/complete.json"), *out.glob(f"stages/*/{DONE}")]
    return bool(saved) or any((out / result).exists() for result in RESULTS)


def differences(before: Any, now: Mapping[str, Any]) -> list[str]:
    """Dotted names of what would change the weights and is not the same."""
    if not isinstance(before, dict):
        return ["everything"]
    kept = {name: value for name, value in before.items() if name not in _MAY_DIFFER}
    return list(_unlike(kept, {k: v for k, v in now.items() if k not in _MAY_DIFFER}, ""))


def _unlike(before: Any, now: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, Mapping):
        for name in {**before, **now}:
            yield from _unlike(before.get(name), now.get(name), f"{path}.{name}" if path else name)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for at, (one, other) in enumerate(zip(before, now)):
            yield from _unlike(one, other, f"{path}[{at}]")
    elif before != now:
        yield path
