"""BenchResult: every number of a benchmark, each with its interval, and what made it.

::

    result = bench("world", judge, items=600, out="bench")
    result.get("image_generation", "rank", "accuracy")      # Estimate, or None
    result.best["image_generation"].way                     # 'rank'
    result.to_dict()                                        # DESIGN's form, JSON

``read_result`` gives it back from ``result.json``, so that a page or a card needs no judge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.lines import replacing
from unireward.stats import Bin, Estimate

SCHEMA = 1
NAME = "result.json"
MEAN = "mean"
BEST = "best"


@dataclass(frozen=True)
class BestWay:
    """A task's best way. ``chosen`` says how it is known: ``judge.json``, or the seed of the
    records it was chosen on; ``tuning`` are the accuracies there."""

    way: str
    chosen: str
    tuning: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class BenchResult:
    """``n`` counts records; ``statuses`` judgments by state, one a record for each way it was
    asked (``baseline_statuses`` those of the judge shown less); ``calls``, ``tokens`` and
    ``seconds`` are of all judgments, an earlier run's included. ``tasks`` are the main sets,
    ``apart`` the others; ``ways`` those that were asked of any. ``records`` holds number and
    digest of each set; ``bins`` the reliability curves by ``set/way``."""

    benchmark: str
    judge: str
    protocol: dict[str, Any]
    n: int
    statuses: dict[str, int]
    metrics: dict[str, Estimate]
    best: dict[str, BestWay] = field(default_factory=dict)
    tasks: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    ways: tuple[str, ...] = ()
    skipped: tuple[dict[str, str], ...] = ()
    baseline_statuses: dict[str, int] = field(default_factory=dict)
    bins: dict[str, list[Bin]] = field(default_factory=dict)
    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    seed: int | None = None
    config: dict[str, Any] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def get(self, name: str, way: str, metric: str) -> Estimate | None:
        """One metric of a set (``image_generation``, ``photographs``, ``mean``)."""
        return self.metrics.get(f"{name}/{way}/{metric}")

    def first_way(self, name: str) -> str | None:
        """The first way that a set was asked in: where its baselines are."""
        return next((way for way in self.ways if self.get(name, way, "unread")), None)

    @property
    def best_modes(self) -> dict[str, str]:
        """Task to mode, as ``best_mode`` of a ``judge.json`` holds it."""
        return {task: best.way.partition(":")[0] for task, best in self.best.items()}

    @property
    def calibration(self) -> str:
        """``uncalibrated``, or what each task's confidence was fitted to, in a line."""
        entries = self.identity.get("calibration") or {}
        lines = [
            f"{'/'.join(name.split('/')[:2])} {entry['line']}" for name, entry in entries.items()
        ]
        return f"calibrated: {'; '.join(lines)}" if lines else "uncalibrated"

    @property
    def family(self) -> str:
        return str(self.identity.get("family", ""))

    def to_dict(self) -> dict[str, Any]:
        body = {"schema": SCHEMA, **{name: getattr(self, name) for name in _PLAIN}}
        body["metrics"] = {name: got.to_dict() for name, got in self.metrics.items()}
        body["best"] = {task: asdict(best) for task, best in self.best.items()}
        body["bins"] = {name: [asdict(b) for b in bins] for name, bins in self.bins.items()}
        body["tasks"], body["apart"] = list(self.tasks), list(self.apart)
        body["ways"], body["skipped"] = list(self.ways), list(self.skipped)
        return body

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> BenchResult:
        """The inverse of ``to_dict``. Raises InputError for what is no result."""
        try:
            fields = {name: body[name] for name in _PLAIN}
            return cls(
                **{
                    **fields,
                    "metrics": {k: Estimate(**v) for k, v in body["metrics"].items()},
                    "best": {k: BestWay(**v) for k, v in body["best"].items()},
                    "bins": {k: [_bin(b) for b in v] for k, v in body["bins"].items()},
                    "tasks": tuple(body["tasks"]),
                    "apart": tuple(body["apart"]),
                    "ways": tuple(body["ways"]),
                    "skipped": tuple(body["skipped"]),
                }
            )
        except (KeyError, TypeError, AttributeError, AssertionError) as error:
            raise InputError(
                f"is no benchmark's result ({error!r}); give a result.json of `unireward bench`"
            ) from None


_PLAIN = (
    "benchmark", "judge", "protocol", "n", "statuses", "metrics", "best", "tasks", "apart", "ways",
    "skipped", "baseline_statuses", "bins", "calls", "tokens", "seconds", "seed", "config",
    "identity", "records", "versions",
)  # fmt: skip
"""The fields in the order they are written."""


def _bin(row: Mapping[str, Any]) -> Bin:
    return Bin(**{**row, "accuracy": Estimate(**row["accuracy"])})


def write_result(result: BenchResult, folder: str | Path) -> Path:
    """Write ``folder/result.json``, whole or not at all."""
    path = Path(folder) / NAME
    with replacing(path) as stream:
        text = json.dumps(result.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        stream.write(text.encode() + b"\n")
    return path


def read_result(path: str | Path) -> BenchResult:
    """From the file, or the folder that holds it. InputError naming what is wrong."""
    path = Path(path)
    path = path / NAME if path.is_dir() else path
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); give a {NAME}") from None
    if not isinstance(body, dict):
        raise InputError(f"{path}: holds no object; give a {NAME}")
    try:
        return BenchResult.from_dict(body)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
