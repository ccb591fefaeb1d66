"""``unireward compare PROMPT A B``: which of two is better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli import options as o

if TYPE_CHECKING:
    from unireward.judgment import Judgment


def compare(
    prompt: Annotated[str, typer.Argument(help="The caption, question or instruction.")],
    candidates: Annotated[
        list[str], typer.Argument(help="Two files; with --media or a text task, answers or @FILE.")
    ],
    media: o.Media = None,
    source: o.SourceImage = None,
    task: o.Task = None,
    mode: o.PairMode = "rank",
    judge: o.JudgeName = "tiny",
    family: o.FamilyName = None,
    model: o.ModelName = None,
    device: o.Device = None,
    dtype: o.Dtype = "auto",
    quantise: o.Quantise = None,
    compile: o.Compile = False,
    seed: o.Seed = 0,
    form: o.FormName = None,
    aspect: o.Aspect = None,
    votes: o.VoteCount = 1,
    vote_confidence: o.VoteConfidence = None,
    temperature: o.Temperature = None,
    no_cache: o.NoCache = False,
    cache_salt: o.CacheSalt = "",
    one_order: o.OneOrder = False,
    concurrency: o.Concurrency = 32,
    plan: o.ShowPlan = False,
    show_prompt: o.ShowPrompt = False,
    json: o.Json = False,
) -> None:
    """Say which of two candidates is better.

    They are named a and b, and asked about in both orders unless --one-order.
    """
    from unireward.cli.judging import conclude, instead, judge_of, record_from
    from unireward.cli.output import show_judgment
    from unireward.errors import UsageError

    if len(candidates) != 2:
        raise UsageError(
            f"compare needs two candidates and got {len(candidates)}; use score for one and rank "
            "for more"
        )
    record = record_from(prompt, candidates, ids=("a", "b"), media=media, source=source, task=task)
    with judge_of(
        judge, family=family, model=model, device=device, seed=seed, form=form, aspect=aspect,
        dtype=dtype, quantise=quantise, compile=compile,
        no_cache=no_cache, cache_salt=cache_salt, one_order=one_order, concurrency=concurrency,
        votes=votes, vote_confidence=vote_confidence, temperature=temperature,
    ) as loaded:  # fmt: skip
        if instead(loaded, [record], mode, plan=plan, show_prompt=show_prompt, json=json):
            return
        judgment = loaded.judge_one(record, mode)

    def show(judgment: Judgment, prompt: str) -> None:
        show_judgment(judgment, prompt, dict(zip("ab", candidates)))

    conclude(judgment, prompt, json=json, show=show)
