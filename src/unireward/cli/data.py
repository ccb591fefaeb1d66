"""``unireward data world``: labelled records to test a judge on, from a seed of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o

data = typer.Typer(
    help="Make records.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@data.callback()
def _group() -> None:
    """Make records."""


@data.command("world")
def world(
    out: Annotated[Path, typer.Option("--out", help="Folder for records.jsonl and its media.")],
    task: Annotated[str, typer.Option("--task", help="A task, or all.")] = "all",
    items: Annotated[int, typer.Option("--items", min=1, help="Records in all.")] = 100,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Same seed, same files.")] = 0,
    level: Annotated[
        int | None, typer.Option("--level", min=1, max=4, help="Else 1 to 3 in equal parts.")
    ] = None,
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Per record.")] = 2,
    track: Annotated[
        str | None, typer.Option("--track", help="photographs: technical quality only.")
    ] = None,
    json: o.Json = False,
) -> None:
    """Render labelled records of the drawn world."""
    from unireward.cli.output import print_json
    from unireward.world.write import write_world

    written = write_world(task, items, seed, out, level, candidates, track=track)
    path = out / "records.jsonl"
    if json:
        print_json({"records": written, "path": str(path), "seed": seed})
    else:
        typer.echo(f"{written:,} records in {path}")
