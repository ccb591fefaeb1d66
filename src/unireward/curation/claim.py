"""Claim: an output belongs to one curation; another one is told what differs.

``OUTPUT/curation.json`` is written before anything else: the config, and what would change a case
(the prompts' content, each step with its judge's and policy's identity). An output in which
nothing was finished yet belongs to nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import unireward
from unireward.curation.config import CurateConfig
from unireward.curation.journaled import rows_in
from unireward.curation.step import Step
from unireward.errors import InputError, UsageError
from unireward.files.lines import replacing
from unireward.jobs.source import Source

FILE = "curation.json"
STEPS = "steps"
_SHOWN = 60
_PLACE_ONLY = ("output",)
"""Keys of a config that change no case."""


def journal_path(output: Path, at: int, step: Step) -> Path:
    return output / STEPS / f"{at:02}-{step.name}.jsonl"


def job_of(config: CurateConfig, steps: Sequence[Step]) -> dict[str, Any]:
    """Everything that could change a case."""
    return {
        "input": _input(config),
        "limit": config.limit,
        "clips": config.clips,
        "steps": {step.name: _plain(step.identity) for step in steps},
        "order": [step.name for step in steps],
    }


def finished(config: CurateConfig) -> bool:
    """Whether this very config was curated to its end there (so that nothing need be loaded)."""
    before = _read(config.output)
    if not before or not before.get("complete") or before.get("config") != said(config):
        return False
    return before.get("job", {}).get("input") == _input(config)


def claim(config: CurateConfig, steps: Sequence[Step]) -> None:
    """Take the output. UsageError naming the first difference where another curation has it."""
    before = _read(config.output)
    now = job_of(config, steps)
    if before is not None and _anything_done(config.output):
        different = next(_unlike(before.get("job"), now, ""), None)
        if different is not None:
            name, old, new = different
            raise UsageError(
                f"{config.output} was begun with another {name or 'job'}: {_short(old)} then, "
                f"{_short(new)} now; set it as it was, or give another output"
            )
        if before.get("complete"):
            return
    elif before is None and (config.output / "records.jsonl").exists():
        raise UsageError(
            f"{config.output / 'records.jsonl'}: exists and no {FILE} says what made it; give "
            "another output"
        )
    _write(config, now, complete=False)


def mark_complete(config: CurateConfig, steps: Sequence[Step]) -> None:
    _write(config, job_of(config, steps), complete=True)


def said(config: CurateConfig) -> dict[str, Any]:
    """The config as JSON, without where it goes."""
    return config.model_dump(mode="json", exclude=set(_PLACE_ONLY))


def _input(config: CurateConfig) -> dict[str, Any]:
    file = config.prompts or config.records
    assert file is not None
    source = Source(file, task=config.task).identity
    return {"sha256": source["input"], "bytes": source["bytes"], "task": config.task}


def _write(config: CurateConfig, job: Mapping[str, Any], *, complete: bool) -> None:
    body = {
        "schema": 1,
        "unireward": unireward.__version__,
        "config": said(config),
        "job": dict(job),
        "complete": complete,
    }
    with replacing(config.output / FILE) as stream:
        stream.write(json.dumps(body, indent=2, ensure_ascii=False).encode("utf-8") + b"\n")


def _read(output: Path) -> dict[str, Any] | None:
    path = output / FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        raise InputError(f"output: {output} is a file; give a folder") from None
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read ({error}); remove {output} to begin anew"
        ) from None
    if not isinstance(found, dict):
        raise InputError(f"{path}: is no object; remove {output} to begin anew")
    return found


def _anything_done(output: Path) -> bool:
    return any(rows_in(path) for path in (output / STEPS).glob("*.jsonl"))


def _plain(value: Any) -> Any:
    """As JSON has it, so that what is read back compares equal."""
    return json.loads(json.dumps(value, default=str))


def _unlike(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for name in {**before, **now}:
            inner = f"{path}.{name}" if path else name
            yield from _unlike(before.get(name), now.get(name), inner)
    elif before != now:
        yield path, before, now


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
