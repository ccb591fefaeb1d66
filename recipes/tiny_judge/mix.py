"""The stages of training: what a step holds, and how fast it learns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from transformers import PreTrainedTokenizerFast

from recipes.tiny_judge.examples import Writer, answer_tree, caption_tree, drawn_tree
from recipes.tiny_judge.tree import Tree
from unireward.world.sample import sample_record

KINDS = {
    "image": "image_generation",
    "clip": "video_generation",
    "edit": "image_editing",
    "question": "image_understanding",
    "clip_question": "video_understanding",
}


@dataclass(frozen=True)
class Stage:
    """``parts`` counts trees a step by kind and form; ``decay`` is the share of the steps over
    which the rates fall to nothing."""

    name: str
    steps: int
    muon: float
    adam: float
    decay: float
    parts: dict[str, int] = field(default_factory=dict)


STAGES = (
    Stage("captions", 550, 5e-3, 3e-3, 0.0, {"image caption": 64}),
    Stage("images", 0.35, 3e-3, 2e-3, 0.3, {"image caption": 8, "image one": 16, "image pair": 20}),
    Stage("clips", 430, 3e-3, 2e-3, 0.0, {"image caption": 8, "clip caption": 32}),
    Stage(
        "joint",
        3800,
        3e-3,
        2e-3,
        0.5,
        {
            "image caption": 4,
            "image one": 8,
            "image pair": 24,
            "clip caption": 4,
            "clip one": 2,
            "clip pair": 5,
            "edit one": 1,
            "edit pair": 4,
            "question one": 3,
            "question pair": 8,
            "clip_question pair": 2,
        },
    ),
)


def batch_of(
    tokenizer: PreTrainedTokenizerFast, stage: Stage, step: int, rng: np.random.Generator
) -> list[Tree]:
    """The trees of one step, levels 1 to 3 at random, from the world's training split."""
    writer = Writer(tokenizer)
    return [
        tree_of(writer, kind, step * 64 + k, rng)
        for kind, count in stage.parts.items()
        for k in range(count)
    ]


def tree_of(writer: Writer, kind: str, index: int, rng: np.random.Generator) -> Tree:
    what, form = kind.split()
    level = 1 + int(rng.random() * 3)
    number = 2 if form == "pair" else 1
    item = sample_record(KINDS[what], rng, level, number, "train", index=index)
    if form == "caption":
        return caption_tree(writer, item, rng)
    replies = "s"
    if form == "pair":
        # The long replies teach as much when they are rarer, and cost most of the tokens.
        roll = rng.random()
        replies = "srt" if roll < 0.35 else "srp" if roll < 0.55 else "sr"
    if what.endswith("question"):
        return answer_tree(writer, item, replies)
    return drawn_tree(writer, item, replies)
