"""Run: a benchmark put to a judge, resumably, every way that is asked for.

::

    result = run(get_benchmark("world", items=600), load("tiny"), out="bench")

With ``out`` each part's judgments are a journal under ``out/judgments``: whatever stops the run,
the same call goes on after the last whole row, and parts that are whole are not judged again.
Without it nothing is written; the cache of replies then makes a second run cheap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unireward.benchmarks.baselines import BLIND, SHOWN, WHOLE
from unireward.benchmarks.benchmark import Benchmark, CaseSet, Drawn, Rules
from unireward.benchmarks.ways import Way, asked, every_way, why_not
from unireward.errors import MissingExtraError, UsageError
from unireward.files import read_judgments
from unireward.jobs.bulk import judge_source
from unireward.jobs.journal import rows_of
from unireward.jobs.progress import Progress, Silent
from unireward.judgment import Judgment
from unireward.record import Record

DEFAULT_WAYS = (Way("rank"), Way("score"), Way("pair-score"))
JUDGMENTS = "judgments"


@dataclass(frozen=True)
class Said:
    """What of a judgment is measured; a record without one (a policy dropped it) is unread."""

    status: str = "error"
    winner: str | None = None
    confidence: float | None = None
    agreement: bool | float | None = None
    scores: dict[str, float] = field(default_factory=dict)
    dimensions: dict[str, dict[str, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, judgment: Judgment) -> Said:
        ok = judgment.ok
        return cls(
            judgment.status,
            judgment.winner if ok else None,
            judgment.confidence if ok else None,
            judgment.agreement if ok else None,
            judgment.scores if ok else {},
            judgment.dimensions if ok else {},
        )


@dataclass(frozen=True)
class Part:
    """One set asked one way; ``shown`` is whole, or what a blind judge is shown of it."""

    drawn: Drawn
    way: Way
    shown: str = WHOLE

    @property
    def cases(self) -> CaseSet:
        return self.drawn.cases

    @property
    def file(self) -> str:
        """``image_generation/pairs-rank.jsonl``, under the folder of judgments."""
        what = {"pairs": "pairs", "singles": "singles"}[self.cases.kind]
        if self.cases.role == "tuning":
            what = "tuning"
        if self.shown != WHOLE:
            what = self.shown.replace("_", "-")
        return f"{self.cases.name}/{what}-{self.way.slug}.jsonl"

    # As the records of a job -----------------------------------------------------------------

    @property
    def path(self) -> str:
        return f"benchmark {self.cases.identity.get('benchmark', self.cases.name)}"

    @property
    def total(self) -> int:
        return self.cases.total

    @property
    def identity(self) -> dict[str, Any]:
        return {
            **self.cases.identity,
            "first record": self.drawn.first_digest(),
            "shown": self.shown,
        }

    def records(self) -> Iterator[Record]:
        return SHOWN[self.shown](self.drawn.records())


@dataclass
class Heard:
    """A part and what was said of it, one a record, in order."""

    part: Part
    said: list[Said]


@dataclass
class Cost:
    calls: int = 0
    cached: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def add(self, judgment: Judgment) -> None:
        self.calls += judgment.calls
        self.cached += judgment.cached
        self.tokens += judgment.tokens
        self.seconds += judgment.seconds


@dataclass
class BenchRun:
    """Everything that was heard, before it is measured."""

    benchmark: Benchmark
    judge: Any
    rules: Rules
    ways: list[Way]
    parts: list[Heard] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    """``{"set", "way", "reason"}`` of what the judge cannot do."""
    cost: Cost = field(default_factory=Cost)


def hear(
    benchmark: Benchmark,
    judge: Any,
    *,
    ways: Sequence[Way] | None = DEFAULT_WAYS,
    rules: Rules | None = None,
    choose: bool = False,
    baselines: bool = True,
    out: str | Path | None = None,
    progress: Progress | None = None,
) -> BenchRun:
    """Judge all of it. Raises UsageError where the judge can do nothing that is asked, or where
    ``out`` holds another run's judgments (naming the difference)."""
    rules = rules or next(iter(benchmark.protocols.values()))
    sets = [Drawn(cases) for cases in benchmark.sets(tuning=choose)]
    run = BenchRun(benchmark, judge, rules, list(ways or ()))
    sets = [drawn for drawn in sets if _drawable(run, drawn)]
    if ways is None:
        run.ways = every_way(judge, [drawn.first for drawn in sets if drawn.first is not None])
    parts = list(_parts(run, sets, baselines=baselines))
    if not parts:
        reason = run.skipped[0]["reason"] if run.skipped else "no set, no way"
        raise UsageError(f"nothing can be asked: {reason}")
    if out is not None and Path(out).exists() and not Path(out).is_dir():
        raise UsageError(f"{out}: is a file; give a folder")
    folder = None if out is None else Path(out) / JUDGMENTS
    shared = progress or Silent()
    shared.start(sum(part.total for part in parts), _kept(parts, folder))
    try:
        for part in parts:
            run.parts.append(_heard(run, part, folder, shared))
    finally:
        shared.stop()
    return run


def _parts(run: BenchRun, sets: Sequence[Drawn], *, baselines: bool) -> Iterator[Part]:
    """What is to be judged, in order; what cannot be is noted in ``run.skipped``."""
    for drawn in sets:
        cases = drawn.cases
        assert drawn.first is not None, "an empty set was left out before"
        ways = run.ways
        if cases.kind == "singles":
            ways = [way for way in ways if way.mode == "score"]
        able = []
        for way in ways:
            reason = why_not(run.judge, drawn.first, way)
            if reason is None:
                able.append(way)
            elif (cases.role, cases.kind) == ("main", "pairs"):
                run.skipped.append({"set": cases.name, "way": str(way), "reason": reason})
        if cases.role == "apart":
            able = able[:1]
        for way in able:
            yield Part(drawn, way)
        if able and baselines and (cases.role, cases.kind) == ("main", "pairs"):
            for shown in BLIND:
                yield Part(drawn, able[0], shown)


def _drawable(run: BenchRun, drawn: Drawn) -> bool:
    """False, and said, where this installation lacks what the records are made of."""
    try:
        return drawn.first is not None
    except MissingExtraError as error:
        run.skipped.append({"set": drawn.cases.name, "way": "all", "reason": str(error)})
        return False


def _kept(parts: Sequence[Part], folder: Path | None) -> int:
    if folder is None:
        return 0
    return sum(1 for part in parts for _ in rows_of(folder / part.file))


class _Rows(Silent):
    """A part's progress as the whole run's: only its rows are told."""

    def __init__(self, whole: Progress) -> None:
        self._whole = whole

    def advance(self, status: str) -> None:
        self._whole.advance(status)


def _heard(run: BenchRun, part: Part, folder: Path | None, progress: Progress) -> Heard:
    both = run.rules.orders == "both" and part.shown == WHOLE
    judge = asked(run.judge, part.way, both_orders=both)
    found: dict[str, Said] = {}
    for judgment in _judgments(judge, part, folder, progress):
        run.cost.add(judgment)
        found[judgment.record] = Said.of(judgment)
    missing = Said()
    return Heard(part, [found.get(truth.record, missing) for truth in part.drawn.truths])


def _judgments(
    judge: Any, part: Part, folder: Path | None, progress: Progress
) -> Iterator[Judgment]:
    if folder is None:
        for judgment in judge.stream(part.records(), part.way.mode):
            progress.advance(judgment.status)
            yield judgment
        return
    file = folder / part.file
    judge_source(judge, part, file, mode=part.way.mode, progress=_Rows(progress))
    yield from read_judgments(file)
