"""``unireward bench NAME``: a judge held to records whose truth is known."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli import options as o
from unireward.cli.asked import Told, asked

if TYPE_CHECKING:
    from unireward.benchmarks.result import BenchResult


@asked("expected", "one_order")
def bench(
    *,
    name: Annotated[str, typer.Argument(help="world: the drawn world's held-out records.")],
    told: Told,
    tasks: Annotated[
        str, typer.Option("--tasks", help="all, or some: image_generation,image_editing,...")
    ] = "all",
    items: Annotated[
        int, typer.Option("--items", min=1, help="Pairs of each task, and as many singles.")
    ] = 600,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of records and asks.")] = 2026,
    level: Annotated[
        int | None, typer.Option("--level", min=1, max=4, help="Else 1 to 3, and 4 apart.")
    ] = None,
    modes: Annotated[
        str,
        typer.Option(
            "--modes", help="Some of rank, score, pair-score, and forms (rank:trace); or all."
        ),
    ] = "rank,score,pair-score",
    choose: Annotated[
        bool, typer.Option("--choose", help="Find each task's best mode, on another seed.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for result.json, judgments, index.html; resumable."),
    ] = None,
    json: o.Json = False,
) -> None:
    """Measure a judge: accuracy, calibration and correlation, beside what looks at less.

    With --out, run the same command again after an interruption and it goes on.
    """
    from dataclasses import replace

    from unireward.benchmarks.bench import bench as measure
    from unireward.benchmarks.benchmark import get_benchmark
    from unireward.benchmarks.ways import parse_ways
    from unireward.cli.output import print_json
    from unireward.jobs.progress import progress_for

    ways = parse_ways(modes)
    chosen = {} if tasks == "all" else {"tasks": [t.strip() for t in tasks.split(",") if t.strip()]}
    benchmark = get_benchmark(name, items=items, seed=seed, level=level, **chosen)
    rules = next(iter(benchmark.protocols.values()))
    if told["one_order"]:
        rules = replace(rules, name=f"{rules.name}, one order", orders="one")
    if told["judge"] == "tiny":
        # Its matrices are too small to share: two threads took twice as long as one.
        os.environ.setdefault("OMP_NUM_THREADS", "1")
    with told.judge(seed=seed) as loaded:
        result = measure(
            benchmark, loaded, ways=ways, rules=rules, choose=choose, out=out,
            progress=progress_for(),
        )  # fmt: skip
    page = _page(result, out)
    if json:
        print_json(result.to_dict())
    else:
        from unireward.cli.bench_tables import show_result

        show_result(result)
    if page is not None:
        typer.echo(f"result.json, judgments and {page.name} are in {out}", err=True)


def _page(result: BenchResult, out: Path | None) -> Path | None:
    if out is None:
        return None
    from unireward.benchmarks.result_page import write_result_page
    from unireward.errors import MissingExtraError

    try:
        return write_result_page(result, out)
    except MissingExtraError as error:  # the numbers are there without their page
        typer.echo(f"unireward: no index.html: {error}", err=True)
        return None
