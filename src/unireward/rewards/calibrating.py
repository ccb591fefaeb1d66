"""Calibrating: a judge put to records whose truth is known, and its confidence fitted to them.

::

    report = calibrate(judge, "labelled.jsonl", judgments="judge.calibration.jsonl")
    report.entries[0].line                     # 'temperature 1.31 on 600 records'
    keep(report.entries, "judge.json", judge)  # beside what the file holds already

The judging is a job like any other: whatever stops it, the same call goes on after the last row,
and ``judge.json`` is written at the end, whole or not at all.

Edge rules: a pair counts where its label has a winner; a tied label where the judge can say a
tie. Fewer than 200 that were read are refused, with the count. A judge without log-probabilities
has no probabilities to temper; its confidence (agreement of the orders, shares of votes) may be
mapped to what it was worth, where it takes three values or more. The judge is asked as if it
had no calibration yet.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import FamilyError, InputError, UsageError
from unireward.families.expect import number_of
from unireward.files import read_judgments
from unireward.jobs.bulk import JobResult, judge_source
from unireward.jobs.source import Source
from unireward.record import TIE, Record
from unireward.rewards.calibration import Calibration, Confidence, fitted

if TYPE_CHECKING:
    from unireward.families.judge_json import JudgeFile
    from unireward.jobs.progress import Progress
    from unireward.judgment import Judgment
    from unireward.rewards.face import Face
    from unireward.rewards.judge import Judge
    from unireward.stats.recalibration import Method

ENOUGH = 200
"""Labels of one task and mode, below which a fit is refused."""
METHODS: dict[str, tuple[Method, ...]] = {
    "both": ("temperature", "isotonic"),
    "temperature": ("temperature",),
    "isotonic": ("isotonic",),
}


@dataclass(frozen=True)
class CalibrationReport:
    """``refused`` maps a task to why it has no entry; ``left_out`` counts records by reason."""

    mode: str
    entries: tuple[Confidence, ...]
    refused: Mapping[str, str]
    left_out: Mapping[str, int]
    job: JobResult

    def to_dict(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "calibrated": [entry.model_dump(mode="json") for entry in self.entries],
            "refused": dict(self.refused),
            "left_out": dict(self.left_out),
            "job": self.job.to_dict(),
        }


@dataclass
class Case:
    """One answer the judge gave: its probabilities, the truth's place, and whether it was sure of
    more than one thing (``soft``)."""

    probabilities: list[float]
    truth: int
    label: str
    soft: bool


@dataclass
class _Task:
    cases: list[Case] = field(default_factory=list)
    unread: int = 0
    ties_said: bool = False


class Labelled:
    """The records of a source that count for one mode, as a job's source."""

    def __init__(self, source: Source, judge: Judge, mode: str, task: str | None) -> None:
        self._source = source
        self._judge = judge
        self._mode = mode
        self._task = task
        self.path = source.path
        self.counts: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.cannot: dict[str, str] = {}
        for record in source.records():
            reason = self._why_not(record)
            if reason is None:
                self.counts[record.task] += 1
            else:
                self.left_out[reason] += 1

    @property
    def total(self) -> int | None:
        return sum(self.counts[task] for task in self.able)

    @property
    def able(self) -> list[str]:
        """Tasks with labels enough to be worth a call."""
        return [task for task, count in self.counts.items() if count >= ENOUGH]

    @property
    def identity(self) -> dict[str, Any]:
        return {**self._source.identity, "labelled": self._mode, "of_task": self._task}

    def records(self) -> Iterator[Record]:
        able = set(self.able)
        for record in self._source.records():
            if record.task in able and self._why_not(record) is None:
                yield record

    def _why_not(self, record: Record) -> str | None:
        if self._task is not None and record.task != self._task:
            return "of another task"
        if record.task in self.cannot:
            return "of a task that the judge cannot do"
        try:
            forms = self._judge.family.forms_for(
                record.task, self._mode, form=self._judge.form, aspect=self._judge.aspect
            )
        except FamilyError as error:
            self.cannot[record.task] = str(error)
            return "of a task that the judge cannot do"
        label = record.label
        if self._mode == "score":
            known = label.scores if label is not None else None
            named = {name for form in forms for name in form.scales}
            rows = (known or {}).values()
            return None if any(named & set(row) for row in rows) else "without a labelled score"
        if len(record.candidates) != 2:
            return "not of two candidates"
        winner = label.winner() if label is not None else None
        if winner is None:
            return "without a labelled winner"
        closed = all(form.choices and len(form.choices) < 3 for form in forms)
        return "a tie, which the judge cannot say" if winner == TIE and closed else None


def calibrate(
    judge: Face,
    records: str | Path,
    *,
    judgments: str | Path,
    mode: str = "rank",
    task: str | None = None,
    map: str | None = None,
    method: str = "both",
    folds: int = 5,
    seed: int = 0,
    versions: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> CalibrationReport:
    """Judge the labelled ``records`` and fit a map for each task of them.

    ``judgments`` is the file the judging is kept in. ``method`` is ``temperature``,
    ``isotonic``, or ``both`` (whichever does better on folds it was not fitted to, or none).
    Raises UsageError for a judge or mode that cannot be calibrated, InputError where no task has
    200 labels that were read, and what the job raises.
    """
    if method not in METHODS:
        raise UsageError(f"method is {method!r}; use {', '.join(METHODS)}")
    bare = copy.copy(_able_judge(judge, mode))
    bare.calibration = Calibration()
    source = Labelled(Source(Path(records), map, None), bare, mode, task)
    refused = {name: _too_few(name, mode, n) for name, n in source.counts.items() if n < ENOUGH}
    refused |= source.cannot
    if not source.able:
        raise InputError(f"{records}: {_nothing(refused, source.left_out)}")
    job = judge_source(bare, source, judgments, mode=mode, progress=progress)
    tasks = _heard(source, read_judgments(judgments), mode)
    entries = []
    for name, heard in tasks.items():
        try:
            entries.append(
                _fit(bare, name, mode, heard, method, folds, seed, source, dict(versions or {}))
            )
        except InputError as error:
            refused[name] = str(error)
    if not entries:
        raise InputError(f"{records}: {_nothing(refused, source.left_out)}")
    return CalibrationReport(mode, tuple(entries), refused, source.left_out, job)


def _able_judge(judge: Face, mode: str) -> Judge:
    from unireward.rewards.judge import Judge

    if not isinstance(judge, Judge):
        raise UsageError(
            f"{getattr(judge, 'name', judge)} gives numbers of its own scale, which judge.json "
            "holds as calibration.scoring; only a judge that is asked in words is calibrated here"
        )
    if mode not in ("rank", "pair-score", "score"):
        raise UsageError(f"mode is {mode!r}; use rank, pair-score or score")
    if mode == "score" and not (judge.expected and "choose" in judge.engine.capabilities):
        raise UsageError(
            "a plain score has no confidence; mode score is calibrated for expected scores "
            "(expected=True, --expected) of an engine that gives log-probabilities"
        )
    return judge


def _too_few(task: str, mode: str, count: int) -> str:
    noun = "label" if count == 1 else "labels"
    return f"{task} {mode} has {count} {noun} and needs {ENOUGH}; add labelled records"


def _nothing(refused: Mapping[str, str], left_out: Mapping[str, int]) -> str:
    reasons = list(refused.values())
    if left_out:
        counted = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items())
        reasons.append(f"left out: {counted}")
    return "; ".join(reasons) or "holds no record; give labelled ones"


# From judgments to cases --------------------------------------------------------------------


def _heard(source: Labelled, judgments: Iterator[Judgment], mode: str) -> dict[str, _Task]:
    """Each task's cases, records and judgments walked side by side."""
    tasks: dict[str, _Task] = {}
    of = {record.id: record for record in source.records()}
    for judgment in judgments:
        record = of.get(judgment.record)
        if record is None:
            raise InputError(f"judgment of {judgment.record!r} is of no labelled record")
        task = tasks.setdefault(record.task, _Task())
        if not judgment.ok:
            task.unread += 1
        elif mode == "score":
            task.cases += _label_cases(record, judgment)
        else:
            task.ties_said |= any(row.preference.get(TIE, 0.0) > 0 for row in judgment.asks)
            task.cases.append(_pair_case(record, judgment))
    return tasks


def _pair_case(record: Record, judgment: Judgment) -> Case:
    a, b = (candidate.id for candidate in record.candidates)
    winner = record.label.winner() if record.label is not None else None
    assert winner is not None, "a record without a winner was left out before"
    label = TIE if winner == TIE else "first" if winner == a else "second"
    return Case(
        [judgment.preference[key] for key in (a, b, TIE)],
        ("first", "second", TIE).index(label),
        label,
        any(0 < p < 1 for row in judgment.asks for p in row.preference.values()),
    )


def _label_cases(record: Record, judgment: Judgment) -> Iterator[Case]:
    """A case for each number that was read by its labels and whose truth is known; the right
    label is the one nearest the truth, on the label's own scale."""
    label = record.label
    assert label is not None
    assert label.scores is not None
    for row in judgment.asks:
        if len(row.dimensions) != 1 or not row.preference:
            continue
        (name,) = row.dimensions
        truth = label.scores.get(row.candidates[0], {}).get(name)
        numbers = [number_of(word) for word in row.preference]
        if truth is None or any(number is None for number in numbers):
            continue
        values = [number for number in numbers if number is not None]
        if label.scales and name in label.scales:
            low, high = label.scales[name]
            truth = min(values) + (truth - low) / (high - low) * (max(values) - min(values))
        gaps = [abs(value - truth) for value in values]
        yield Case(list(row.preference.values()), gaps.index(min(gaps)), name, soft=True)


def _fit(
    judge: Judge,
    task: str,
    mode: str,
    heard: _Task,
    method: str,
    folds: int,
    seed: int,
    source: Labelled,
    versions: dict[str, str],
) -> Confidence:
    from unireward.stats.recalibration import recalibrate

    cases = heard.cases
    if mode != "score" and not heard.ties_said:
        cases = [case for case in cases if case.label != TIE]
    if len(cases) < ENOUGH:
        unread = f" ({heard.unread} were not read)" if heard.unread else ""
        raise InputError(_too_few(task, mode, len(cases)) + unread)
    methods = _able(METHODS[method], cases, mode)
    width = max(len(case.probabilities) for case in cases)
    rows = [case.probabilities + [0.0] * (width - len(case.probabilities)) for case in cases]
    found = recalibrate(
        rows, [case.truth for case in cases], methods=methods, folds=folds, seed=seed
    )
    forms = judge.family.forms_for(task, mode, form=judge.form, aspect=judge.aspect)
    asked = judge.asked(task, forms)
    return fitted(
        found,
        **vars(asked),
        labels=dict(sorted(Counter(case.label for case in cases).items())),
        records=source.identity["input"],
        judge=judge.name,
        versions=versions,
    )


def _able(wanted: Sequence[Method], cases: Sequence[Case], mode: str) -> Sequence[Method]:
    """The methods that these cases can be fitted by; InputError where that is none."""
    if mode == "score":
        # A map of the likeliest label's confidence says nothing of the mean over labels.
        if "temperature" not in wanted:
            raise InputError("an expected score is calibrated by temperature; use that method")
        return ("temperature",)
    if any(case.soft for case in cases):
        return wanted
    if "isotonic" not in wanted:
        raise InputError(
            "the judge gives no log-probabilities, so there is nothing to temper; use --method "
            "isotonic"
        )
    return ("isotonic",)


# Into judge.json ----------------------------------------------------------------------------


def keep(
    entries: Sequence[Confidence],
    out: str | Path,
    judge: Face,
    source: JudgeFile | None = None,
) -> Path:
    """Write ``entries`` into the ``judge.json`` at ``out``, beside what it holds; a new one is
    made from ``source`` (the judge's own), or from the judge. Returns its path.

    Raises InputError for a file of another family.
    """
    from unireward.families.judge_json import NAME, JudgeFile, load_judge_json, write_judge_file

    path = Path(out)
    path = path if path.suffix == ".json" else path / NAME
    if path.is_file():
        file = load_judge_json(path)
        if file.to_family().id != judge.family.id:
            raise InputError(
                f"{path}: is of family {file.family}, the judge of {judge.family.id}; give "
                "another --out"
            )
    elif source is not None:
        file = source
    else:
        file = JudgeFile(judge=judge.name, family=judge.family.id, spec=judge.family.spec)
    section = dict(file.calibration or {})
    section["confidence"] = Calibration.of(section).with_entries(entries)
    return write_judge_file(path, file.model_copy(update={"calibration": section}))
