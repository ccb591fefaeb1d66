"""What the demo measures: each share with its interval, beside what looks at less or nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unireward.benchmarks.demo import DemoRun, Judged, TaskRun
from unireward.record import Candidate, Record
from unireward.stats import (
    Bin,
    Estimate,
    accuracy,
    bootstrap,
    concordance,
    expected_calibration_error,
    longer,
    majority,
    position_agreement,
    reliability,
    spearman,
)


@dataclass(frozen=True)
class TaskNumbers:
    """One task's measures; None where there was nothing to measure.

    ``accuracy``: pairs whose truth differs, a judged tie counting half (as for ``baselines``);
    ``strict``: the same, a judged tie being wrong; ``three_way``: all pairs, ties must be called.
    """

    task: str
    accuracy: Estimate | None
    strict: Estimate | None
    three_way: Estimate | None
    baselines: dict[str, Estimate]
    agreement: Estimate | None
    spearman: Estimate | None
    ordered: Estimate | None
    """Pairs within groups of four that the ranking puts in their true order."""
    statuses: dict[str, int]
    pairs: int


def numbers_of(run: TaskRun) -> TaskNumbers:
    truths, winners = _truths(run.pairs), _winners(run.pairs)
    ids = [[c.id for c in record.candidates] for record in run.pairs.records]
    lengths = [[_length(c) for c in record.candidates] for record in run.pairs.records]
    answers = run.task.endswith("understanding")
    others = {
        "text only": _winners(run.text_only),
        "image only": _winners(run.image_only),
        "longer answer" if answers else "larger file": longer(ids, lengths),
        "majority": majority(ids, [None if truth == "tie" else truth for truth in truths]),
    }
    if run.task.startswith("video"):
        others["video only"] = others.pop("image only")
    measured = {name: _half(said, truths) for name, said in others.items()}
    order = ("text only", "image only", "video only", "longer answer", "larger file", "majority")
    return TaskNumbers(
        task=run.task,
        accuracy=_half(winners, truths),
        strict=accuracy(winners, truths, ties="without"),
        three_way=accuracy(winners, truths),
        baselines={name: got for name in order if (got := measured.get(name)) is not None},
        agreement=position_agreement(j.agreement for j in run.pairs.judgments),
        spearman=_spearman(run.singles),
        ordered=_ordered(run.groups),
        statuses=dict(
            Counter(
                j.status for part in (run.pairs, run.singles, run.groups) for j in part.judgments
            )
        ),
        pairs=len(run.pairs.records),
    )


def report_of(run: DemoRun) -> dict[str, Any]:
    """The run as one JSON object: every measure under ``task/mode/metric``."""
    numbers = [numbers_of(task) for task in run.tasks]
    metrics: dict[str, dict[str, float | int]] = {}
    for row in numbers:
        named = {
            "rank/accuracy": row.accuracy,
            "rank/accuracy_ties_wrong": row.strict,
            "rank/accuracy_with_ties": row.three_way,
            "rank/order_agreement": row.agreement,
            "rank/groups_in_order": row.ordered,
            "score/alignment_spearman": row.spearman,
            **{f"rank/{name.replace(' ', '_')}": got for name, got in row.baselines.items()},
        }
        for name, got in named.items():
            if got is not None:
                metrics[f"{row.task}/{name}"] = got.to_dict()
    return {
        "benchmark": "demo",
        "judge": run.judge,
        "family": run.family,
        "seed": run.seed,
        "n": sum(row.pairs for row in numbers),
        "statuses": dict(sum((Counter(row.statuses) for row in numbers), Counter())),
        "calls": run.calls,
        "seconds": round(run.seconds, 2),
        "calibration_error": expected_calibration_error(reliability_of(run)),
        "metrics": metrics,
    }


def reliability_of(run: DemoRun, binning: str = "width") -> list[Bin]:
    """Confidence against being right (ties are answers too), all tasks' pairs together."""
    said = [
        (judgment.confidence, judgment.winner == record.label.winner())
        for task in run.tasks
        for record, judgment in zip(task.pairs.records, task.pairs.judgments)
        if judgment.confidence is not None and record.label is not None
    ]
    confidence, right = [c for c, _ in said], [r for _, r in said]
    return reliability(confidence, right, binning="mass" if binning == "mass" else "width")


def _half(winners: Sequence[str | None], truths: Sequence[str | None]) -> Estimate | None:
    return accuracy(winners, truths, ties="without", tie_credit=0.5)


def _winners(judged: Judged) -> list[str | None]:
    return [judgment.winner for judgment in judged.judgments]


def _truths(judged: Judged) -> list[str | None]:
    return [record.label.winner() if record.label else None for record in judged.records]


def _length(candidate: Candidate) -> float:
    """Characters of an answer, bytes of a file."""
    files = [Path(part.path).stat().st_size for part in candidate.content if part.path]
    return float(sum(files)) if files else float(len(candidate.text))


def _true_score(record: Record, candidate: str, name: str) -> float | None:
    scores = record.label.scores if record.label else None
    return (scores or {}).get(candidate, {}).get(name)


def _spearman(singles: Judged) -> Estimate | None:
    """Alignment as judged against alignment as it is; overall scores for other families."""
    pairs = []
    for record, judgment in zip(singles.records, singles.judgments):
        name = record.candidates[0].id
        given = judgment.dimensions.get("alignment", {}).get(name)
        true = _true_score(record, name, "alignment")
        if given is None:
            given, true = judgment.scores.get(name), _true_score(record, name, "overall")
        if given is not None and true is not None:
            pairs.append((given, true))
    return spearman([g for g, _ in pairs], [t for _, t in pairs]) if pairs else None


def _ordered(groups: Judged) -> Estimate | None:
    rows = []
    for record, judgment in zip(groups.records, groups.judgments):
        names = [c.id for c in record.candidates if c.id in judgment.scores]
        truths = [_true_score(record, name, "overall") for name in names]
        if judgment.ok and None not in truths:
            given = [judgment.scores[name] for name in names]
            right, pairs = concordance(given, [t for t in truths if t is not None])
            if pairs:
                rows.append((right, pairs))
    # Pairs of one group stand or fall together, so whole groups are resampled.
    return bootstrap(rows, lambda r: float(r[:, 0].sum() / r[:, 1].sum())) if rows else None
