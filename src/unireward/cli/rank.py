"""``unireward rank PROMPT CANDIDATE...``: from best to worst, by the pairs worth asking."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli import options as o
from unireward.cli.asked import Told, asked

if TYPE_CHECKING:
    from unireward.judgment import Judgment


@asked("seed", "form", "aspect", "pairing", "budget", "confidence", "one_order", "max_comparisons")
def rank(
    *,
    prompt: Annotated[str, typer.Argument(help="The caption, question or instruction.")],
    candidates: Annotated[
        list[str], typer.Argument(help="Files; with --media or a text task, answers or @FILE.")
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
    """Rank candidates from best to worst.

    The pairs it would learn most from are compared, until places are settled at --confidence or
    --budget calls are spent; --pairing all compares all, in both orders unless --one-order.
    """
    from unireward.cli.judging import conclude, instead, record_from
    from unireward.cli.output import show_ranking
    from unireward.errors import UsageError
    from unireward.rewards.ranking import Ranking

    if len(candidates) < 2:
        raise UsageError(f"rank needs two candidates and got {len(candidates)}; use score for one")
    record = record_from(prompt, candidates, media=media, source=source, task=task)
    with told.judge() as loaded:
        loaded = loaded.asking(loaded.scheme_for_rank(told["pairing"]))
        if instead(loaded, [record], mode, plan=plan, show_prompt=show_prompt, json=json):
            return
        judgment = loaded.judge_one(record, mode)

    def show(judgment: Judgment, prompt: str) -> None:
        show_ranking(Ranking.of(judgment, len(candidates)), prompt)

    conclude(judgment, prompt, json=json, show=show)
