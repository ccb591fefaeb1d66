"""``unireward compare PROMPT A B``: which of two is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli import options as o
from unireward.cli.asked import Told, asked

if TYPE_CHECKING:
    from unireward.judgment import Judgment


@asked("seed", "form", "aspect", "one_order")
def compare(
    *,
    prompt: Annotated[str, typer.Argument(help="The caption, question or instruction.")],
    candidates: Annotated[
        list[str], typer.Argument(help="Two files; with --media or a text task, answers or @FILE.")
    ],
    media: o.Media = None,
    source: o.SourceImage = None,
    task: o.Task = None,
    mode: o.PairMode = "rank",
    told: Told,
    plan: o.ShowPlan = False,
    show_prompt: o.ShowPrompt = False,
    json: o.Json = False,
) -> None:
    """Say which of two candidates is better.

    They are named a and b, and asked about in both orders unless --one-order.
    """
    from unireward.cli.judging import conclude, instead, record_from
    from unireward.cli.output import show_judgment
    from unireward.errors import UsageError

    if len(candidates) != 2:
        raise UsageError(
            f"compare needs two candidates and got {len(candidates)}; use score for one and rank "
            "for more"
        )
    record = record_from(prompt, candidates, ids=("a", "b"), media=media, source=source, task=task)
    with told.judge() as loaded:
        if instead(loaded, [record], mode, plan=plan, show_prompt=show_prompt, json=json):
            return
        judgment = loaded.judge_one(record, mode)

    def show(judgment: Judgment, prompt: str) -> None:
        show_judgment(judgment, prompt, dict(zip("ab", candidates)))

    conclude(judgment, prompt, json=json, show=show)
