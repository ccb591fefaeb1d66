"""The resumable map over records: a file in, a file of judgments out, each record once.

::

    result = judge_file(judge, "records.jsonl", "judgments.jsonl")
    result.statuses                       # Counter({'ok': 990, 'error': 10})

Rows are appended in input order as they are judged, so that whatever stops the job (``kill -9``
included) leaves a readable file, and running it again goes on after the last whole row. The
finished file equals a clean run's in every field but ``seconds`` and ``cached``. Parquet is
written at the end, from a journal beside it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from unireward.errors import InputError, UsageError
from unireward.files import read_judgments, write_judgments
from unireward.files.lines import dumps
from unireward.jobs.journal import Journal, rows_of
from unireward.jobs.manifest import check_same, manifest_path, read_manifest, write_manifest
from unireward.jobs.progress import Progress, Silent, spoken
from unireward.jobs.source import Source
from unireward.judgment import STATUSES, Judgment
from unireward.record import Record

SUFFIXES = (".jsonl", ".parquet")


class StreamingReward(Protocol):
    """What a job needs of a judge."""

    @property
    def identity(self) -> dict[str, Any]: ...
    def stream(self, records: Iterable[Record], mode: str | None = None) -> Iterator[Judgment]: ...


class RecordSource(Protocol):
    """What a job needs of its records: fresh passes over them, and a way to know them again."""

    @property
    def path(self) -> object: ...
    @property
    def total(self) -> int | None: ...
    @property
    def identity(self) -> dict[str, Any]: ...
    def records(self) -> Iterator[Record]: ...


@dataclass
class JobResult:
    """What is in the file now. ``judged`` are this run's rows, ``kept`` an earlier one's;
    ``statuses`` count all of them; calls, cached, tokens and seconds are this run's."""

    out: Path
    judged: int = 0
    kept: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    cached: int = 0
    tokens: int = 0
    seconds: float = 0.0

    def count(self, judgment: Judgment) -> None:
        self.judged += 1
        self.statuses[judgment.status] += 1
        self.calls += judgment.calls
        self.cached += judgment.cached
        self.tokens += judgment.tokens

    def to_dict(self) -> dict[str, Any]:
        return {
            "out": str(self.out),
            "rows": self.judged + self.kept,
            "judged": self.judged,
            "kept": self.kept,
            "statuses": {name: self.statuses[name] for name in STATUSES if self.statuses[name]},
            "calls": self.calls,
            "cached": self.cached,
            "tokens": self.tokens,
            "seconds": round(self.seconds, 3),
        }

    def lines(self) -> list[str]:
        """A closing summary for people."""
        states = ", ".join(f"{n} {self.statuses[n]:,}" for n in STATUSES if self.statuses[n])
        kept = f" ({self.kept:,} of an earlier run)" if self.kept else ""
        lines = [f"{self.judged + self.kept:,} judgments in {self.out}{kept}: {states or 'none'}"]
        if self.judged:
            lines.append(
                f"{self.judged:,} judged in {spoken(self.seconds)}: {self.calls:,} calls, "
                f"{self.cached:,} of them cached, {self.tokens:,} tokens"
            )
        failed = [name for name in STATUSES if name != "ok" and self.statuses[name]]
        if failed:
            lines.append(f"judge those again with --retry {','.join(failed)}")
        return lines


def judge_file(
    judge: StreamingReward,
    records: str | Path,
    out: str | Path,
    *,
    mode: str | None = None,
    map: str | None = None,
    task: str | None = None,
    retry: Collection[str] = (),
    progress: Progress | None = None,
) -> JobResult:
    """Judge every record of a file, going on where an earlier run stopped.

    ``out`` ends in ``.jsonl`` or ``.parquet``. ``retry`` names statuses whose rows are judged
    again once the file is whole; the file is then replaced at once or not at all. What happens to
    rows that are not ok is the judge's own policy.

    Raises UsageError where ``out`` was begun by another job (naming the difference), InputError
    for a bad line of the input (rows before it are kept), JournalError for a full disk,
    EngineUnavailableError before anything is written, and what the judge's policy raises.
    """
    source = Source(Path(records), map, task)
    return judge_source(judge, source, out, mode=mode, retry=retry, progress=progress)


def judge_source(
    judge: StreamingReward,
    source: RecordSource,
    out: str | Path,
    *,
    mode: str | None = None,
    retry: Collection[str] = (),
    progress: Progress | None = None,
) -> JobResult:
    """``judge_file`` for records that lie in no file (drawn from a seed, say).

    ``source.identity`` must tell these records from all others, and each pass must give them in
    the same order.
    """
    job = _Job(judge, source, Path(out), mode, progress or Silent())
    unknown = sorted(set(retry) - set(STATUSES[1:]))
    if unknown:
        raise UsageError(f"retry names {unknown[0]!r}; use {', '.join(STATUSES[1:])}")
    start = time.perf_counter()
    try:
        job.finish()
        if retry:
            job.judge_again(frozenset(retry))
    finally:
        job.progress.stop()
        job.result.seconds = time.perf_counter() - start
    return job.result


class _Job:
    def __init__(
        self,
        judge: StreamingReward,
        source: RecordSource,
        out: Path,
        mode: str | None,
        progress: Progress,
    ) -> None:
        if out.suffix not in SUFFIXES:
            raise UsageError(f"out is {out}; give a path that ends in {' or '.join(SUFFIXES)}")
        if out.is_dir():
            raise UsageError(f"{out}: is a folder; give a file's path")
        self.judge = judge
        self.source = source
        self.out = out
        self.mode = mode
        self.progress = progress
        self.result = JobResult(out)
        self.parquet = out.suffix == ".parquet"
        self.journal = out.with_name(out.name + ".journal.jsonl") if self.parquet else out
        self.job = {**judge.identity, "mode": mode, **source.identity}

    def finish(self) -> None:
        """Judge what is left."""
        if self._complete():
            return
        rest = self._rest()
        with _lazy_journal(self.journal, self._begin) as append:
            self.progress.start(self.source.total, self.result.kept)
            for judgment in self.judge.stream(rest, self.mode):
                append(judgment)
                self.result.count(judgment)
                self.progress.advance(judgment.status)
        if not self.journal.exists():  # no record, or none that the policy kept
            self._begin()
            self.journal.touch()
        if self.parquet:
            write_judgments(self.out, read_judgments(self.journal))
            self.journal.unlink()
        self._mark_complete()

    def _complete(self) -> bool:
        """Whether an earlier run left the whole file; refuses one that another job began."""
        before = read_manifest(self.out)
        begun = self.out.exists() or self.journal.exists()
        if before is None:
            if self.out.exists() and self.out.stat().st_size:
                raise UsageError(
                    f"{self.out}: exists and no manifest says what made it; give another --out or "
                    "delete it"
                )
            return False
        if not begun:
            return False  # only the manifest is left: a job of its own
        if (self.parquet and self.out.exists()) or next(rows_of(self.journal), None) is not None:
            check_same(self.out, before["job"], self.job)
        if not (before.get("complete") and self.out.exists()):
            return False
        for row in self._rows():
            self.result.statuses[row["status"]] += 1
            self.result.kept += 1
        return True

    def _rest(self) -> Iterator[Record]:
        """The records after the last row's; walks rows and input side by side."""
        records = self.source.records()
        for row in rows_of(self.journal):
            self.result.statuses[row["status"]] += 1
            self.result.kept += 1
            for record in records:
                # Records between two rows were dropped by the policy, and stay so.
                if record.id == row["record"]:
                    break
            else:
                raise InputError(
                    f"{self.journal}: row {self.result.kept} is of record {row['record']!r}, which "
                    f"{self.source.path} does not have in that place; give another --out"
                )
        return records

    def _begin(self) -> None:
        write_manifest(self.out, self.job, complete=False)

    def _mark_complete(self) -> None:
        write_manifest(self.out, self.job, complete=True, result=self.result.to_dict())

    def _rows(self) -> Iterator[dict[str, Any]]:
        if not self.parquet:
            return rows_of(self.out)
        return ({"record": j.record, "status": j.status} for j in read_judgments(self.out))

    # Judging again ----------------------------------------------------------------------------

    def judge_again(self, statuses: frozenset[str]) -> None:
        """Replace the rows of these statuses, in place, whole or not at all."""
        wanted = sum(self.result.statuses[status] for status in statuses)
        if not wanted:
            return
        self.result.statuses.clear()
        self.result.kept = self.result.judged = 0
        self.progress.start(wanted, 0)
        write_judgments(self.out, self._merged(statuses))
        self._mark_complete()

    def _merged(self, statuses: frozenset[str]) -> Iterator[Judgment]:
        judged = iter(self.judge.stream(self._again(statuses), self.mode))
        new = next(judged, None)
        for row in read_judgments(self.out):
            if row.status not in statuses:
                self.result.kept += 1
                self.result.statuses[row.status] += 1
                yield row
            elif new is not None and new.record == row.record:
                self.result.count(new)
                self.progress.advance(new.status)
                yield new
                new = next(judged, None)
            # else the policy dropped it

    def _again(self, statuses: frozenset[str]) -> Iterator[Record]:
        records = self.source.records()
        for row in self._rows():
            record = next((one for one in records if one.id == row["record"]), None)
            if record is None:
                raise InputError(
                    f"{self.out}: record {row['record']!r} is not in {self.source.path} in that "
                    "place; give the file that was judged"
                )
            if row["status"] in statuses:
                yield record


class _lazy_journal:  # noqa: N801 - reads as a context manager
    """A journal that is opened, and its job begun, with the first row: an engine that cannot be
    reached must leave nothing behind."""

    def __init__(self, path: Path, begin: Any) -> None:
        self._path = path
        self._begin = begin
        self._journal: Journal | None = None

    def __enter__(self) -> Any:
        if self._path.exists():
            self._open()
        return self._append

    def _open(self) -> Journal:
        self._begin()
        self._journal = Journal(self._path)
        return self._journal

    def _append(self, judgment: Judgment) -> None:
        journal = self._journal or self._open()
        journal.append(dumps(judgment.to_dict()).encode())

    def __exit__(self, *exception: Any) -> None:
        if self._journal is not None:
            self._journal.__exit__(*exception)


__all__ = [
    "JobResult",
    "RecordSource",
    "StreamingReward",
    "judge_file",
    "judge_source",
    "manifest_path",
]
