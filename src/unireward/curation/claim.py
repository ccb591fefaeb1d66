"""Claim: an output belongs to one curation; another one is told what differs.

``OUTPUT/curation.json`` is written before anything else: the config, and what would change a case
(the prompts' content, each step with its judge's and policy's identity). An output in which
nothing was finished yet belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unireward.curation.config import CurateConfig
from unireward.curation.journaled import rows_in
from unireward.curation.step import Step
from unireward.errors import UsageError
from unireward.files.claim import check_same, plain, read_claim, write_claim
from unireward.jobs.source import Source

FILE = "curation.json"
STEPS = "steps"
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
        "steps": {step.name: plain(step.identity) for step in steps},
        "order": [step.name for step in steps],
    }


def finished(config: CurateConfig) -> bool:
    """Whether this very config was curated to its end there (so that nothing need be loaded)."""
    before = _read(config)
    if not before or not before.get("complete") or before.get("config") != said(config):
        return False
    return before.get("job", {}).get("input") == _input(config)


def claim(config: CurateConfig, steps: Sequence[Step]) -> None:
    """Take the output. UsageError naming the first difference where another curation has it."""
    before = _read(config)
    now = job_of(config, steps)
    if before is not None and _anything_done(config.output):
        check_same(config.output, before.get("job"), now)
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
    write_claim(config.output / FILE, config=said(config), job=job, complete=complete)


def _read(config: CurateConfig) -> dict[str, Any] | None:
    return read_claim(config.output / FILE, config.output)


def _anything_done(output: Path) -> bool:
    return any(rows_in(path) for path in (output / STEPS).glob("*.jsonl"))
