"""``unireward demo``: draw a world, judge it, and write a page of what came out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli.options import Device, FamilyName, Json, JudgeName, ModelName

if TYPE_CHECKING:
    from unireward.benchmarks.demo_numbers import TaskNumbers


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the page and its media.")] = Path("demo"),
    items: Annotated[
        int,
        typer.Option(min=1, help="Pairs of each task; three times as many of image generation."),
    ] = 200,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the world.")] = 0,
    judge: JudgeName = "tiny",
    family: FamilyName = None,
    model: ModelName = None,
    device: Device = None,
    json: Json = False,
) -> None:
    """Draw records of every task, judge them, and write OUT/index.html."""
    from unireward.benchmarks.demo import run_demo
    from unireward.benchmarks.demo_numbers import numbers_of, report_of
    from unireward.benchmarks.demo_page import write_demo_page
    from unireward.rewards.load import load

    if judge == "tiny":
        # Its matrices are too small to share: two threads took twice as long as one.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Without the cache of replies: the page says how long judging took.
    with load(judge, family=family, model=model, device=device, seed=seed, cache=False) as loaded:
        run = run_demo(
            loaded, out, items=items, seed=seed, say=lambda line: typer.echo(line, err=True)
        )
    page = write_demo_page(run, out)
    if json:
        from json import dumps

        typer.echo(dumps(report_of(run)))
        return
    _print_table([numbers_of(task) for task in run.tasks])
    typer.echo(f"{run.calls:,} questions in {run.seconds:.0f} s. Open {page.resolve().as_uri()}")


def _print_table(numbers: list[TaskNumbers]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from unireward.benchmarks.demo_cards import task_name
    from unireward.benchmarks.demo_page import between, percent, statuses_of

    table = Table(title="Pairs right", title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("task", no_wrap=True)
    for name in ("judge", "95 %", "text only", "media only", "majority", "agree"):
        table.add_column(name, justify="right")
    for row in numbers:
        blind = row.baselines
        table.add_row(
            task_name(row.task),
            percent(row.accuracy),
            between(row.accuracy),
            percent(blind.get("text only")),
            percent(blind.get("image only") or blind.get("video only")),
            percent(blind.get("majority")),
            percent(row.agreement),
        )
    console = Console()
    console.print(table)
    console.print(f"Judgments by state: {statuses_of(numbers)}.", highlight=False)
