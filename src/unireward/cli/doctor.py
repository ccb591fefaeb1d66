"""``unireward doctor``: what is here, and whether it works."""

from __future__ import annotations

from typing import Annotated

import typer

from unireward.cli import options as o


def doctor(
    measure: Annotated[
        bool, typer.Option("--measure", help="Also time which numbers are quick here: a second.")
    ] = False,
    json: o.Json = False,
) -> None:
    """Say what is installed and what works.

    Versions, extras, device, cache, whether the tiny judge loads and how its engine runs it.
    """
    from unireward.cli.health import examine
    from unireward.cli.output import print_json

    found = examine(measure=measure)
    if json:
        print_json(found)
    else:
        for name, value in found.items():
            shown = (
                ", ".join(f"{k} {v}" for k, v in value.items())
                if isinstance(value, dict)
                else value
            )
            typer.echo(f"{name:10} {shown}")
    if found["tiny"] != "loads":
        raise typer.Exit(1)
