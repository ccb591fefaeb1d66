"""``unireward judge RECORDS --out JUDGMENTS``: a file in, a file out, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o
from unireward.cli.asked import Told, asked


@asked(
    "seed",
    "form",
    "aspect",
    "expected",
    "pairing",
    "budget",
    "confidence",
    "one_order",
    "max_comparisons",
)
def judge(
    *,
    records: Annotated[
        Path, typer.Argument(help="Records: .jsonl, .parquet, or one's own table with --map.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Judgments: .jsonl or .parquet.")
    ] = None,
    mode: Annotated[
        str | None,
        typer.Option("--mode", help="score, rank or pair-score; else by number of candidates."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option("--map", help="One's own columns: prompt=caption,a=img1,b=img2."),
    ] = None,
    task: o.Task = None,
    on_failure: Annotated[
        str,
        typer.Option("--on-failure", help="Unread replies: keep, drop, half, retry:N or stop."),
    ] = "keep",
    retry: Annotated[
        str, typer.Option("--retry", help="Judge these rows again: error,truncated,...")
    ] = "",
    told: Told,
    plan: o.ShowPlan = False,
    show_prompt: o.ShowPrompt = False,
    json: o.Json = False,
) -> None:
    """Judge a file of records, resumably.

    Run the same command again after an interruption and it goes on where it stopped.
    """
    from unireward.cli.judging import instead
    from unireward.cli.output import print_json
    from unireward.errors import InputError, UsageError
    from unireward.files import read_records
    from unireward.jobs.bulk import judge_file
    from unireward.jobs.progress import progress_for

    if out is None and not (plan or show_prompt):
        raise UsageError("judge needs a place for the judgments; add --out judgments.jsonl")
    if not records.exists():
        raise InputError(f"{records}: no such file; check the path")
    with told.judge(on_failure=on_failure) as loaded:
        if plan or show_prompt:
            rows = read_records(records, map=columns, task=task)
            instead(loaded, rows, mode, plan=plan, show_prompt=show_prompt, json=json)
            return
        assert out is not None
        result = judge_file(
            loaded, records, out, mode=mode, map=columns, task=task,
            retry=[word.strip() for word in retry.split(",") if word.strip()],
            progress=progress_for(),
        )  # fmt: skip
    if json:
        print_json(result.to_dict())
    typer.echo("\n".join(result.lines()), err=True)
