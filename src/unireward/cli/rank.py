"""``unireward rank PROMPT CANDIDATE...``: from best to worst, by all pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli import options as o

if TYPE_CHECKING:
    from unireward.judgment import Judgment


def rank(
    prompt: Annotated[str, typer.Argument(help="The caption, question or instruction.")],
    candidates: Annotated[
        list[str], typer.Argument(help="Files; with --media or a text task, answers or @FILE.")
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
    pairing: o.Pairing = None,
    budget: o.Budget = None,
    confidence: o.Settled = None,
    no_cache: o.NoCache = False,
    cache_salt: o.CacheSalt = "",
    one_order: o.OneOrder = False,
    concurrency: o.Concurrency = 32,
    max_comparisons: o.MaxComparisons = 5_000,
    plan: o.ShowPlan = False,
    show_prompt: o.ShowPrompt = False,
    json: o.Json = False,
) -> None:
    """Rank candidates from best to worst.

    The pairs it would learn most from are compared, until places are settled at --confidence or
    --budget calls are spent; --pairing all compares all, in both orders unless --one-order.
    """
    from unireward.cli.judging import conclude, instead, judge_of, record_from
    from unireward.cli.output import show_ranking
    from unireward.errors import UsageError
    from unireward.rewards.ranking import Ranking

    if len(candidates) < 2:
        raise UsageError(f"rank needs two candidates and got {len(candidates)}; use score for one")
    record = record_from(prompt, candidates, media=media, source=source, task=task)
    with judge_of(
        judge, family=family, model=model, device=device, seed=seed, form=form, aspect=aspect,
        dtype=dtype, quantise=quantise, compile=compile,
        no_cache=no_cache, cache_salt=cache_salt, one_order=one_order, concurrency=concurrency,
        max_comparisons=max_comparisons,
        votes=votes, vote_confidence=vote_confidence, temperature=temperature,
    ) as loaded:  # fmt: skip
        loaded = loaded.asking(
            loaded.scheme_for_rank(pairing), budget=budget, confidence=confidence
        )
        if instead(loaded, [record], mode, plan=plan, show_prompt=show_prompt, json=json):
            return
        judgment = loaded.judge_one(record, mode)

    def show(judgment: Judgment, prompt: str) -> None:
        show_ranking(Ranking.of(judgment, len(candidates)), prompt)

    conclude(judgment, prompt, json=json, show=show)
