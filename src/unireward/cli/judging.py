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


def judge_of(
    what: str,
    *,
    family: str | None,
    model: str | None,
    device: str | None,
    seed: int,
    form: str | None,
    aspect: str | None,
    no_cache: bool,
    cache_salt: str,
    one_order: bool = False,
    concurrency: int = 32,
    max_comparisons: int | None = None,
    on_failure: str = "keep",
    votes: int = 1,
    vote_confidence: float | None = None,
    temperature: float | None = None,
    expected: bool = False,
    pairing: str | None = None,
    budget: int | None = None,
    confidence: float | None = None,
    dtype: str = "auto",
    quantise: str | None = None,
    compile: bool = False,
) -> Face:
    """The judge that the shared options describe."""
    from unireward.errors import UsageError
    from unireward.rewards.load import load
    from unireward.rewards.ranking import MAX_COMPARISONS

    if vote_confidence is not None and votes == 1:
        raise UsageError("--vote-confidence ends votes early; add --votes, such as --votes 16")
    several: Any = votes
    if vote_confidence is not None:
        from unireward.rewards.vote import Votes

        several = Votes(votes, confidence=vote_confidence)
    from unireward.rewards.pairing import Pairs

    told = {"scheme": pairing, "budget": budget, "confidence": confidence}
    return load(
        what,
        model=model,
        family=family,
        device=device,
        seed=seed,
        cache=not no_cache,
        cache_salt=cache_salt,
        concurrency=concurrency,
        both_orders=not one_order,
        form=form,
        aspect=aspect,
        policy=on_failure,
        max_comparisons=max_comparisons or MAX_COMPARISONS,
        votes=several,
        temperature=temperature,
        expected=expected,
        dtype=dtype,
        quantise=quantise,
        compile=compile,
        pairs=Pairs(**{name: value for name, value in told.items() if value is not None}),
    )


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
    from unireward.cli.output import print_json

    if show_prompt:
        record = next(iter(records), None)
        typer.echo("no record" if record is None else judge.show_prompt(record, mode), nl=False)
    elif plan:
        found = judge.plan(records, mode, time_one=True)
        if json:
            print_json(found.to_dict())
        else:
            typer.echo("\n".join(found.lines()))
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
