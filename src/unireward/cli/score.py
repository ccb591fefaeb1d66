"""``unireward score PROMPT CANDIDATE...``: each candidate alone."""

from __future__ import annotations

from typing import Annotated

import typer

from unireward.cli import options as o


def score(
    prompt: Annotated[str, typer.Argument(help="The caption, question or instruction.")],
    candidates: Annotated[
        list[str], typer.Argument(help="Files; with --media or a text task, answers or @FILE.")
    ],
    media: o.Media = None,
    source: o.SourceImage = None,
    task: o.Task = None,
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
    expected: o.Expected = False,
    no_cache: o.NoCache = False,
    cache_salt: o.CacheSalt = "",
    concurrency: o.Concurrency = 32,
    plan: o.ShowPlan = False,
    show_prompt: o.ShowPrompt = False,
    json: o.Json = False,
) -> None:
    """Score each candidate alone, from 0 to 1."""
    from unireward.cli.judging import conclude, instead, judge_of, record_from
    from unireward.cli.output import show_judgment

    record = record_from(prompt, candidates, media=media, source=source, task=task)
    with judge_of(
        judge, family=family, model=model, device=device, seed=seed, form=form, aspect=aspect,
        dtype=dtype, quantise=quantise, compile=compile,
        no_cache=no_cache, cache_salt=cache_salt, concurrency=concurrency,
        votes=votes, vote_confidence=vote_confidence, temperature=temperature, expected=expected,
    ) as loaded:  # fmt: skip
        if instead(loaded, [record], "score", plan=plan, show_prompt=show_prompt, json=json):
            return
        judgment = loaded.judge_one(record, "score")
    conclude(judgment, prompt, json=json, show=show_judgment)
