"""``unireward curate CONFIG.yaml key=value ...``: preference pairs by a judge, resumably."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o


def curate(
    config: Annotated[Path, typer.Argument(help="A YAML file (docs/curation.md).")],
    overrides: o.Overrides = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print disk, calls and tokens, make nothing.")
    ] = False,
    review: Annotated[
        int,
        typer.Option("--review", min=0, help="Also write review.html of so many pairs, by lot."),
    ] = 0,
    json: o.Json = False,
) -> None:
    """Sample, judge, pair and sift candidates into records to train on.

    Run the same command again after an interruption and it goes on where it stopped.
    """
    from unireward.cli.output import print_json, tell
    from unireward.curation import run
    from unireward.curation.config import load_config
    from unireward.curation.page import write_review
    from unireward.jobs.progress import progress_for

    loaded = load_config(config, overrides or ())
    if plan:
        tell(run.plan(loaded), json=json)
        return

    def say(line: str) -> None:
        typer.echo(line, err=True)

    result = run.curate(loaded, say=say, progress=progress_for(does="curating", did="curated"))
    pages = [write_review(loaded, review)] if review else []
    if json:
        print_json({**result.to_dict(), "review": str(pages[0]) if pages else None})
        return
    typer.echo(f"{result.counts['pairs']['kept']:,} pairs in {result.records}")
    for page in pages:
        typer.echo(f"review in {page}")
