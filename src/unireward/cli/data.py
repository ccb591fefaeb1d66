"""``unireward data``: records made, converted, counted and cleaned; and the drawn world's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o
from unireward.cli.data_card import card, check
from unireward.cli.data_convert import convert, formats
from unireward.cli.data_make import dedup, mix, split, swap
from unireward.cli.data_shards import shards

data = typer.Typer(
    help="Make, convert, count and clean records.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@data.callback()
def _group() -> None:
    """Make, convert, count and clean records."""


for _command in (formats, convert, card, mix, swap, split, dedup, check, shards):
    data.command()(_command)


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
