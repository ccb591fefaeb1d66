"""``unireward align CONFIG.yaml key=value ...``: a policy made better by a judge, resumably."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o


def align(
    config: Annotated[Path, typer.Argument(help="A YAML file (docs/align.md).")],
    overrides: o.Overrides = None,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Print candidates, calls, disk and memory, make nothing."),
    ] = False,
    json: o.Json = False,
) -> None:
    """Align a generator or a model that answers by a judge: sample, curate, train, evaluate.

    Run the same command again after an interruption and it goes on where it stopped. Exit code 1
    where the alarm, or rounds without pairs, ended it early; what is kept is told all the same.
    """
    from unireward.alignment.config import load_config
    from unireward.cli.output import tell

    loaded = load_config(config, overrides or ())
    if plan:
        from unireward.alignment.plan import plan as planned

        tell(planned(loaded), json=json)
        return

    from unireward.alignment.run import align as run

    def say(line: str) -> None:
        typer.echo(line, err=True)

    result = run(loaded, say=say)
    tell(result, json=json)
    if result.stopped:
        raise typer.Exit(1)
