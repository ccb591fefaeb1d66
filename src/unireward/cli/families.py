"""``unireward families list|show|import``: how judges are asked, and the official texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unireward.cli import options as o

if TYPE_CHECKING:
    from unireward.families import Family

families = typer.Typer(
    help="List families, show their prompts, import official texts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@families.command("list")
def list_(json: o.Json = False) -> None:
    """Every family, its variants, tasks and modes."""
    from unireward.cli.output import print_json, table_of
    from unireward.families import list_families

    rows = [_row(family) for family in list_families()]
    if json:
        print_json(rows)
        return
    cells = []
    for row in rows:
        modes: dict[str, list[str]] = {}
        for task, able in row["modes"].items():
            modes.setdefault(", ".join(able), []).append(task)
        does = "\n".join(f"{able}: {', '.join(tasks)}" for able, tasks in modes.items())
        cells.append((row["family"], row["prompt"], does))
    table_of(("family", "prompt", "does"), cells)


def _row(family: Family) -> dict[str, Any]:
    return {
        "family": family.id,
        "summary": family.spec.summary,
        "prompt": family.prompt_id,
        "modes": {task: list(family.modes(task)) for task in family.tasks},
    }


@families.command("show")
def show(
    name: Annotated[str, typer.Argument(help="A family, family/variant, or published id.")],
    task: Annotated[str | None, typer.Option("--task", help="Only this task.")] = None,
    mode: Annotated[str | None, typer.Option("--mode", help="Only this mode.")] = None,
    json: o.Json = False,
) -> None:
    """A family's prompts, media order, ranges and frame rule."""
    from unireward.cli.output import print_json
    from unireward.errors import FamilyError
    from unireward.families import get_family

    family = get_family(name)
    forms = [
        form
        for form in family.spec.forms
        if (task is None or form.task == task) and (mode is None or form.mode == mode)
    ]
    if not forms:
        raise FamilyError(f"{family.id} has no such form; its tasks are {', '.join(family.tasks)}")
    if json:
        print_json({
            **_row(family),
            "frames": family.spec.frames,
            "forms": [form.model_dump(mode="json") for form in forms],
        })  # fmt: skip
        return
    typer.echo(f"{family.id}  {family.spec.summary}".rstrip())
    typer.echo(f"prompt {family.prompt_id}, frames {family.spec.frames}")
    for form in forms:
        label = "/".join(part for part in (form.name, form.aspect) if part)
        default = "" if form.default else ", not asked by default"
        typer.echo(
            f"\n== {form.task}: {form.mode}{f' ({label})' if label else ''}, "
            f"{family.form_prompt_id(form)}{default}"
        )
        if form.media:
            typer.echo(f"media: {', '.join(form.media)} ({form.media_place})")
        for scale, bounds in form.scales.items():
            typer.echo(f"{scale}: {bounds.low:g} to {bounds.high:g}")
        typer.echo(form.template)


@families.command("import")
def import_(
    path: Annotated[Path, typer.Argument(help="A checkout of the official repository.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for the judge.json files.")
    ] = None,
    json: o.Json = False,
) -> None:
    """Take the official prompts from your own checkout (it is read, never run)."""
    from unireward.cli.output import tell
    from unireward.families.official import import_official

    report = import_official(path, out)
    tell(report, json=json)
    if not report.found:
        raise typer.Exit(1)
