"""Benchmark: records, a protocol, and what is measured; a registry of them by name.

::

    world = get_benchmark("world", items=600, seed=2026)
    result = run(world, judge)                            # benchmarks/run.py
    result.metrics["image_generation/rank/accuracy"]      # an Estimate

A benchmark gives *sets*: streams of cases, each the same at every pass. A case is a record with
its label and the groups it counts in. To add a benchmark, write a class with ``name``,
``config``, ``protocols`` and ``sets``, and name its module in ``_HOMES``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

from unireward.errors import UsageError
from unireward.record import Record
from unireward.stats import Estimate, accuracy
from unireward.stats.metrics import Ties, Unread

Kind = Literal["pairs", "singles"]
Role = Literal["main", "apart", "tuning"]
Orders = Literal["both", "one"]


@dataclass(frozen=True)
class Rules:
    """The protocol: how each pair is asked, and what becomes of ties and unread replies.

    ``orders`` both shows a pair in both orders and merges them; one, as the record has it.
    ``ties`` with counts true ties (they must be called), without leaves them out; a judged tie
    elsewhere earns ``tie_credit``; ``unread`` as in :func:`unireward.stats.accuracy`.
    """

    name: str
    orders: Orders = "both"
    ties: Ties = "without"
    tie_credit: float = 0.0
    unread: Unread = "wrong"

    def accuracy(
        self, winners: Sequence[str | None], truths: Sequence[str | None]
    ) -> Estimate | None:
        return accuracy(
            winners, truths, ties=self.ties, unread=self.unread, tie_credit=self.tie_credit
        )

    def to_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "orders": self.orders,
            "ties": self.ties,
            "tie_credit": self.tie_credit,
            "unread": self.unread,
        }


STRICT = Rules("strict")
"""Where truth differs, in both orders; a judged tie or an unread reply is wrong."""
EVEN = Rules("even", orders="one", tie_credit=0.5, unread="half")
"""For baselines: no answer is worth a coin's, so that they are never beaten by default."""


@dataclass(frozen=True)
class Case:
    """A record and the groups it counts in (``{"level": "2", "kind": "one-fact"}``)."""

    record: Record
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Truth:
    """What of a case is kept for measuring, so that no media are.

    ``winner`` is None where unknown; ``scores`` by candidate and dimension; ``lengths`` are
    characters of an answer, bytes of a file, 0 for media that lie in no file.
    """

    record: str
    ids: tuple[str, ...]
    winner: str | None
    scores: Mapping[str, Mapping[str, float]]
    groups: Mapping[str, str]
    lengths: tuple[float, ...]


@dataclass(frozen=True)
class CaseSet:
    """Cases of one task that are measured together; ``name`` begins their metrics' names.

    ``draw`` gives a fresh pass over them, always the same; ``identity`` is what makes them
    these and no others. ``main`` sets count in the means over tasks and have baselines, those
    ``apart`` do not, ``tuning`` ones only choose.
    """

    name: str
    task: str
    draw: Callable[[], Iterator[Case]]
    total: int
    identity: Mapping[str, Any]
    kind: Kind = "pairs"
    role: Role = "main"


class Benchmark(Protocol):
    """What :func:`unireward.benchmarks.run.run` needs."""

    @property
    def name(self) -> str: ...
    @property
    def config(self) -> dict[str, Any]:
        """What it was made with, the seed among it; JSON."""
        ...

    @property
    def protocols(self) -> Mapping[str, Rules]:
        """By name, the default first."""
        ...

    def sets(self, *, tuning: bool = False) -> Sequence[CaseSet]: ...


_HOMES = {"world": ("unireward.benchmarks.world", "WorldBenchmark")}


def list_benchmarks() -> list[str]:
    return list(_HOMES)


def get_benchmark(name: str, **options: Any) -> Benchmark:
    """The benchmark of that name; ``options`` are its own. UsageError lists the names."""
    if name not in _HOMES:
        raise UsageError(f"benchmark {name!r} is unknown; use {', '.join(_HOMES)}")
    home, word = _HOMES[name]
    return getattr(import_module(home), word)(**options)


class Drawn:
    """The cases of a set as a job's records; their truths are kept as they pass."""

    def __init__(self, cases: CaseSet) -> None:
        self.cases = cases
        self._truths: list[Truth] | None = None
        self._digest = ""

    def records(self) -> Iterator[Record]:
        """A fresh pass."""
        truths, digest = [], hashlib.sha256()
        for case in self.cases.draw():
            truths.append(truth_of(case))
            digest.update(_content(case.record))
            yield case.record
        self._truths, self._digest = truths, digest.hexdigest()

    @property
    def truths(self) -> list[Truth]:
        """One a record, in order; draws them where no pass was finished."""
        if self._truths is None:
            for _ in self.records():
                pass
        assert self._truths is not None
        return self._truths

    @property
    def digest(self) -> str:
        """sha256 over what every record shows, asks and holds true: equal sets, equal digests."""
        return self._digest if self.truths is not None else ""

    @cached_property
    def first(self) -> Record | None:
        """The first record, drawn by itself; None of an empty set."""
        return next((case.record for case in self.cases.draw()), None)

    def first_digest(self) -> str:
        """Digest of the first record alone: a cheap sign that the drawing has changed."""
        return hashlib.sha256(_content(self.first)).hexdigest()[:16] if self.first else ""


def truth_of(case: Case) -> Truth:
    record, label = case.record, case.record.label
    return Truth(
        record=record.id,
        ids=tuple(candidate.id for candidate in record.candidates),
        winner=label.winner() if label else None,
        scores=(label.scores if label else None) or {},
        groups=case.groups,
        lengths=tuple(_length(candidate.content) for candidate in record.candidates),
    )


def _length(parts: Sequence[Any]) -> float:
    files = [Path(part.path).stat().st_size for part in parts if part.path]
    return float(sum(files)) if files else float(sum(len(part.text or "") for part in parts))


def _content(record: Record) -> bytes:
    """Everything of a record that a judge sees or is held to, media by their digests."""
    parts = [
        part.text if part.type == "text" else part.load().digest
        for one in (record.prompt, *(candidate.content for candidate in record.candidates))
        for part in one
    ]
    label = record.label
    truth = [label.ranking, label.scores] if label else None
    return json.dumps([record.id, record.task, parts, truth], sort_keys=True).encode()
