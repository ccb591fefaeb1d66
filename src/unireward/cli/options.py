"""Options that several verbs share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None,
    typer.Argument(help="key=value by dotted name, or setting=NAME of the file's settings."),
]
JudgeName = Annotated[
    str,
    typer.Option(
        "--judge",
        help="tiny, a checkpoint's folder, a hub id, http://HOST:PORT/v1, scripted:TABLE.jsonl.",
    ),
]
FamilyName = Annotated[
    str | None,
    typer.Option("--family", help="How the judge is asked: a family's name, or a judge.json."),
]
ModelName = Annotated[
    str | None, typer.Option("--model", help="The served model's name, on an endpoint.")
]
Device = Annotated[str | None, typer.Option("--device", help="cpu, cuda, cuda:1, mps.")]
Dtype = Annotated[
    str, typer.Option("--dtype", help="auto (as stored), float32, bfloat16, float16; see doctor.")
]
Quantise = Annotated[
    str | None,
    typer.Option("--quantise", help="int8, or int8-weights: a local model's language half."),
]
Compile = Annotated[bool, typer.Option("--compile", help="Compile a local model's layers first.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of every ask.")]
FormName = Annotated[
    str | None, typer.Option("--form", help="One of the family's forms (families show).")
]
Aspect = Annotated[str | None, typer.Option("--aspect", help="Ask for one aspect of an edit only.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep engine replies.")]
CacheSalt = Annotated[
    str, typer.Option("--cache-salt", help="Tells two states of one server apart in the cache.")
]
OneOrder = Annotated[
    bool, typer.Option("--one-order", help="Ask each pair in one order only: cheaper, biased.")
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", min=1, help="Requests under way at once, on an endpoint.")
]
VoteCount = Annotated[
    int,
    typer.Option("--votes", min=1, help="Ask in words so many times; stops when it is settled."),
]
VoteConfidence = Annotated[
    float | None,
    typer.Option("--vote-confidence", help="Stop sooner, where the majority is this sure: 0.95."),
]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", help="Sample replies in words; greedy, or 0.7 for votes."),
]
Expected = Annotated[
    bool,
    typer.Option("--expected", help="Scores as the mean over what could have been said: finer."),
]
Pairing = Annotated[
    str | None,
    typer.Option(
        "--pairing",
        help="Which pairs of a group are asked: all, active, active:top:K, active:best, swiss:R, "
        "anchors:K, knockout, all-one-order.",
    ),
]
Budget = Annotated[
    int | None, typer.Option("--budget", min=1, help="The most calls that one record may cost.")
]
Settled = Annotated[
    float | None,
    typer.Option(
        "--confidence", help="Ends at this expected rank correlation with all pairs: 0.9."
    ),
]
MaxComparisons = Annotated[
    int, typer.Option("--max-comparisons", min=1, help="Refuse a record with more pairs.")
]
Json = Annotated[bool, typer.Option("--json", help="Machine output on stdout, nothing else.")]
ShowPlan = Annotated[
    bool, typer.Option("--plan", help="Print calls, images, tokens and time, judge nothing.")
]
ShowPrompt = Annotated[
    bool, typer.Option("--show-prompt", help="Print exactly what would be sent, judge nothing.")
]
Media = Annotated[
    list[Path] | None,
    typer.Option("--media", help="What the question is about; candidates are then answers."),
]
SourceImage = Annotated[Path | None, typer.Option("--source", help="The image before the edit.")]
Task = Annotated[
    str | None,
    typer.Option("--task", help="image_generation, image_editing, text, ...; else inferred."),
]
PairMode = Annotated[
    str, typer.Option("--mode", help="rank (a verdict) or pair-score (a number for each).")
]
