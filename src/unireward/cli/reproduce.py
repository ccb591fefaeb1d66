"""``unireward reproduce NAME``: a paper's claim, run again in the drawn world."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o


def reproduce(
    name: Annotated[str | None, typer.Argument(help="A claim; without one, the list.")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the run; runs/NAME if not given.")
    ] = None,
    seeds: Annotated[int, typer.Option("--seeds", min=2, help="Trainings of each arm.")] = 3,
    scale: Annotated[
        float, typer.Option("--scale", min=0.001, help="Times the steps of every training.")
    ] = 1.0,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Trainings at once.")] = 1,
    base: Annotated[
        list[str] | None,
        typer.Option(
            "--base",
            help="PART=FOLDER: the policy that a part begins with, in place of the shipped one.",
        ),
    ] = None,
    json: o.Json = False,
) -> None:
    """Run a paper's claim in miniature and say what was found, whatever it is.

    Started again, it goes on where it was cut. Needs a checkout: claims lie in recipes/.
    """
    from unireward.cli.output import tell
    from unireward.errors import UsageError
    from unireward.files.dotted import resolve

    claims: dict[str, str] = resolve("recipes:REPRODUCTIONS", "reproduce")
    if name is None:
        typer.echo("\n".join(claims))
        return
    if name not in claims:
        raise UsageError(f"{name!r} is no claim; use {', '.join(claims)}")
    run = resolve(claims[name], "reproduce")
    given = {"bases": _bases(base)} if base else {}
    if given and "bases" not in inspect.signature(run).parameters:
        raise UsageError(f"--base: {name} begins with no policy; leave it out")
    folder = out or Path("runs") / name
    folder.mkdir(parents=True, exist_ok=True)
    result = run(folder, seeds, scale, workers, lambda line: typer.echo(line, err=True), **given)
    tell(result, json=json)


def _bases(given: list[str]) -> dict[str, str]:
    from unireward.errors import UsageError

    found = {}
    for text in given:
        part, equals, folder = text.partition("=")
        if not equals or not part or not folder:
            raise UsageError(
                f"--base {text!r} is no PART=FOLDER; write for example pictures=runs/t2i"
            )
        found[part] = folder
    return found
