"""``unireward score PROMPT CANDIDATE...``: each candidate alone."""

from __future__ import annotations

from typing import Annotated

import typer

from unireward.cli import options as o
from unireward.cli.asked import Told, asked


@asked("seed", "form", "aspect", "expected")
def score(
    *,
    prompt: Annotated[str, typer.Argument(help="The caption, question or instruction.")],
    candidates: Annotated[
        list[str], typer.Argument(help="Files; with --media or a text task, answers or @FILE.")
    ],
    media: o.Media = None,
    source: o.SourceImage = None,
    task: o.Task = None,
    told: Told,
    plan: o.ShowPlan = False,
    show_prompt: o.ShowPrompt = False,
    json: o.Json = False,
) -> None:
    """Score each candidate alone, from 0 to 1."""
    from unireward.cli.judging import conclude, instead, record_from
    from unireward.cli.output import show_judgment

    record = record_from(prompt, candidates, media=media, source=source, task=task)
    with told.judge() as loaded:
        if instead(loaded, [record], "score", plan=plan, show_prompt=show_prompt, json=json):
            return
        judgment = loaded.judge_one(record, "score")
    conclude(judgment, prompt, json=json, show=show_judgment)
