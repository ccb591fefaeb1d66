"""``unireward train CONFIG.yaml key=value ...``: a training, or its dry run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o


def train(
    config: Annotated[Path, typer.Argument(help="A YAML file (docs/train.md).")],
    overrides: o.Overrides = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Check the config without weights: memory, tokens; no run."),
    ] = False,
    gpus: Annotated[
        int, typer.Option("--gpus", min=1, help="Of --dry-run: devices that share the work.")
    ] = 1,
    json: o.Json = False,
) -> None:
    """Train a reward model, or go on with one that was cut.

    Several processes: torchrun --nproc-per-node 8 -m unireward train CONFIG.yaml
    """
    import os

    from unireward.cli.output import print_json, tell
    from unireward.training.config import load_config

    loaded = load_config(config, overrides or ())
    if dry_run:
        from unireward.training.dry_run import dry_run as check

        found = check(loaded, gpus=gpus)
        tell(found, json=json)
        raise typer.Exit(0 if found.ok else 1)
    first = os.environ.get("RANK", "0") == "0"

    def say(line: str) -> None:
        if first:
            typer.echo(line, err=json)

    from unireward.training.run import train as run

    result = run(loaded, say)
    if not first:
        return
    if json:
        print_json({result.what: str(result.folder), "seconds": round(result.seconds, 1),
                    "metrics": result.metrics})  # fmt: skip
    else:
        typer.echo(f"{result.what} in {result.folder}")
