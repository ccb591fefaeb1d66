"""What score, compare and rank have in common: from options to one judgment, shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from unireward.judgment import Judgment
    from unireward.record import Record
    from unireward.rewards.face import Face


def record_from(
    prompt: str,
    candidates: list[str],
    *,
    ids: tuple[str, ...] | None = None,
    media: list[Path] | None,
    source: Path | None,
    task: str | None,
) -> Record:
    """The record of a command line; several ``--media`` are one question about all of them."""
    from unireward.rewards.inputs import record_of

    about = None
    if media:
        about = media[0] if len(media) == 1 else media
    return record_of(prompt, candidates, ids=ids, media=about, source=source, task=task)


def instead(
    judge: Face, records: Any, mode: str | None, *, plan: bool, show_prompt: bool, json: bool
) -> bool:
    """Do what ``--plan`` or ``--show-prompt`` ask for instead of judging; False without them."""
    from unireward.cli.output import tell

    if show_prompt:
        record = next(iter(records), None)
        typer.echo("no record" if record is None else judge.show_prompt(record, mode), nl=False)
    elif plan:
        tell(judge.plan(records, mode, time_one=True), json=json)
    return plan or show_prompt


def conclude(
    judgment: Judgment, prompt: str, *, json: bool, show: Callable[[Judgment, str], None]
) -> None:
    """Print the judgment; leave with 1 where it is not ok."""
    from unireward.cli.output import print_json

    if json:
        print_json(judgment.to_dict())
    else:
        show(judgment, prompt)
    if not judgment.ok:
        if json:
            typer.echo(f"unireward: {judgment.status}: {judgment.reason}", err=True)
        raise typer.Exit(1)
