"""Claim: an output belongs to one job, which a JSON file in it tells; another job is told what
differs.

::

    before = read_claim(folder / "job.json", folder)
    if before is not None:
        check_same(folder, before["job"], job)
    write_claim(folder / "job.json", job=job, complete=False)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import unireward
from unireward.errors import InputError, UsageError
from unireward.files.lines import replacing

SCHEMA = 1
_SHOWN = 60


class Difference(NamedTuple):
    """``name`` is dotted, empty where the whole differs; None stands for what is missing."""

    name: str
    before: Any
    now: Any


def differences(before: Any, now: Any, name: str = "") -> Iterator[Difference]:
    """Where two values differ: mappings by key, lists of one length by place."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in {**before, **now}:
            yield from differences(before.get(key), now.get(key), f"{name}.{key}" if name else key)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for at, (one, other) in enumerate(zip(before, now)):
            yield from differences(one, other, f"{name}[{at}]")
    elif before != now:
        yield Difference(name, before, now)


def check_same(
    output: Path,
    before: Any,
    now: Mapping[str, Any],
    *,
    spoken: Mapping[str, str] | None = None,
    other: str = "output",
) -> None:
    """UsageError naming the first difference between two jobs, as ``spoken`` calls it; ``other``
    is what is to be given otherwise."""
    for name, old, new in differences(before, now):
        raise UsageError(
            f"{output} was begun with another {(spoken or {}).get(name, name) or 'job'}: "
            f"{_short(old)} then, {_short(new)} now; set it as it was, or give another {other}"
        )


def read_claim(path: Path, whole: object) -> dict[str, Any] | None:
    """What is written there, None where nothing is. InputError for what cannot be read; to begin
    anew, ``whole`` is removed."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise InputError(f"output: {path.parent} is a file; give a folder") from None
    except (OSError, ValueError) as error:
        told = f"cannot be read ({error}); remove {whole} to begin anew"
        raise InputError(f"{path}: {told}") from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is no object; remove {whole} to begin anew")
    return found


def write_claim(path: Path, **said: Any) -> None:
    """Write it whole."""
    body = {"schema": SCHEMA, "unireward": unireward.__version__, **said}
    with replacing(path) as stream:
        stream.write(json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8") + b"\n")


def plain(value: Any) -> Any:
    """As JSON has it, so that what is read back compares equal."""
    return json.loads(json.dumps(value, default=str))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
