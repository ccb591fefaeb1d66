"""``unireward calibrate RECORDS``: confidence that means what it says, saved in ``judge.json``."""

from __future__ import annotations

import hashlib
import json as jsons
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unireward.cli import options as o
from unireward.cli.asked import Told, asked

if TYPE_CHECKING:
    from unireward.families.judge_json import JudgeFile
    from unireward.rewards.calibrating import CalibrationReport


@asked("seed", "form", "aspect", "expected", "one_order")
def calibrate(
    *,
    records: Annotated[Path, typer.Argument(help="Labelled records: .jsonl or .parquet.")],
    told: Told,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="A judge.json, or its folder; else the judge's own."),
    ] = None,
    mode: Annotated[str, typer.Option("--mode", help="rank, pair-score or score.")] = "rank",
    task: Annotated[
        str | None, typer.Option("--task", help="Records of this task alone; else each task.")
    ] = None,
    method: Annotated[
        str, typer.Option("--method", help="temperature, isotonic, or both: what does better.")
    ] = "both",
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts for cross-validation.")] = 5,
    columns: Annotated[
        str | None,
        typer.Option("--map", help="One's own columns: prompt=caption,a=img1,b=img2."),
    ] = None,
    json: o.Json = False,
) -> None:
    """Fit a judge's confidence to labelled records.

    Needs 200 labels a task. Run the same command again after an interruption and it goes on.
    """
    from unireward.benchmarks.bench import versions
    from unireward.cli.output import print_json
    from unireward.errors import InputError
    from unireward.jobs.progress import progress_for
    from unireward.jobs.source import Source
    from unireward.rewards.calibrating import calibrate as fit
    from unireward.rewards.calibrating import keep

    if not records.exists():
        raise InputError(f"{records}: no such file; check the path")
    place, source = _place(told["judge"], told["family"], out)
    with told.judge() as loaded:
        job = {**loaded.identity, "calibration": None, "mode": mode, "of_task": task}
        rows = _kept_in(place, {**job, **Source(records, columns, None).identity})
        report = fit(
            loaded, records, judgments=rows, mode=mode, task=task, map=columns, method=method,
            folds=folds, seed=told["seed"], versions=versions(), progress=progress_for(),
        )  # fmt: skip
        place = keep(report.entries, place, loaded, source)
    if json:
        print_json({"judge": loaded.name, "out": str(place), **report.to_dict()})
    else:
        _show(report)
    _tell(report, place)


def _place(judge: str, family: str | None, out: Path | None) -> tuple[Path, JudgeFile | None]:
    """Where the calibration goes, and the ``judge.json`` that a new one is made from."""
    from unireward.errors import UsageError
    from unireward.families.judge_json import NAME, load_judge_json
    from unireward.rewards.load import TINY, tiny_folder

    own: Path | None = None
    if family is not None and family.endswith(".json"):
        own = Path(family)
    elif judge == TINY:
        own = tiny_folder() / NAME
    elif (Path(judge).expanduser() / NAME).is_file():
        own = Path(judge).expanduser() / NAME
    source = load_judge_json(own) if own is not None and own.is_file() else None
    if out is not None:
        return (out if out.suffix == ".json" else out / NAME), source
    if own is None or (judge == TINY and family is None):
        raise UsageError(
            f"{judge} has no judge.json of yours to write to; add --out FOLDER or judge.json, and "
            "give that as --family from then on"
        )
    return own, source


def _kept_in(place: Path, job: dict[str, Any]) -> Path:
    """The file of this job's judgments, beside ``judge.json``: another job has another name."""
    text = jsons.dumps(job, sort_keys=True, default=str)
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return place.with_name(f"{place.stem}.calibration-{job['mode']}-{digest}.jsonl")


def _show(report: CalibrationReport) -> None:
    from unireward.cli.output import table_of

    rows = []
    for e in report.entries:
        before, after = e.ece.before, e.ece.after
        rows.append(
            [
                e.task, f"{e.n:,}",
                f"temperature {e.temperature:.2f}" if e.temperature else e.method,
                f"{before.value:.3f} [{before.low:.3f}, {before.high:.3f}]",
                f"{after.value:.3f} [{after.low:.3f}, {after.high:.3f}]",
            ]
        )  # fmt: skip
    table_of(["task", "labels", "method", "ECE before", "ECE after, held out"], rows)
    for e in report.entries:
        typer.echo(f"\n{e.task}: of the verdicts with this confidence, this share was right")
        table_of(
            ["", "confidence", "right", "verdicts"],
            [
                [name, f"{b.confidence:.2f}", f"{b.accuracy:.2f}", f"{b.n:,}"]
                for name in ("before", "after")
                for b in e.bins[name]
            ],
        )


def _tell(report: CalibrationReport, place: Path) -> None:
    """What was left out and where it is, on stderr."""
    for reason in report.refused.values():
        typer.echo(f"unireward: not calibrated: {reason}", err=True)
    if report.left_out:
        counted = ", ".join(f"{n:,} {reason}" for reason, n in report.left_out.items())
        typer.echo(f"unireward: records left out: {counted}", err=True)
    typer.echo(f"calibration of {len(report.entries)} in {place}", err=True)
