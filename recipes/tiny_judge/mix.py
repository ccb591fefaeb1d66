"""What a step of the tiny judge's training holds: trees of the world, by kind and form.

A config names it as ``data: {factory: recipes.tiny_judge.mix:world_steps, parts: {...}}``, where
``parts`` counts trees a step: ``image pair: 24`` and the like. Kinds are the world's tasks and its
photographs; forms are ``caption`` (describe it), ``one`` (score it) and ``pair``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from recipes.tiny_judge.examples import Writer, answer_tree, caption_tree, drawn_tree
from recipes.tiny_judge.model import TOKENS_PER_IMAGE, make_tokenizer
from unireward.errors import InputError
from unireward.training.packing.tree import Tree, batch_of
from unireward.training.share import Share
from unireward.world.sample import sample_record
from unireward.world.words import VOCABULARY

KINDS = {
    "image": "image_generation",
    "photograph": "image_generation",
    "clip": "video_generation",
    "edit": "image_editing",
    "question": "image_understanding",
    "clip_question": "video_understanding",
}
FORMS = ("caption", "one", "pair")


class WorldSteps(Dataset[Mapping[str, Any]]):
    """Item i is a micro-batch of trees, levels 1 to 3 at random, from the training split. Tree n
    of step k comes from the generator (seed, k, n), whoever asks for it."""

    def __init__(self, parts: Mapping[str, int], share: Share) -> None:
        self.share = share
        self.order = [name for name, count in parts.items() for _ in range(count)]
        for name in parts:
            kind, _, form = name.partition(" ")
            if kind not in KINDS or form not in FORMS:
                raise InputError(
                    f"data.parts: {name!r} is unknown; write KIND FORM with KIND one of "
                    f"{', '.join(KINDS)} and FORM one of {', '.join(FORMS)}"
                )
        self.writer = Writer(make_tokenizer(VOCABULARY))

    def __len__(self) -> int:
        return len(self.share)

    def __getitem__(self, item: int) -> Mapping[str, Any]:
        step, micro = self.share.place(item)
        mine = self.share.of(list(enumerate(self.order)), micro)
        names = [f"{name} {self.share.seed}/{step}/{n}" for n, name in mine]
        return batch_of(self.trees(step, mine), self.writer.pad, TOKENS_PER_IMAGE, names)

    def trees(self, step: int, which: Sequence[tuple[int, str]]) -> list[Tree]:
        """Some of a step's trees, by number and name."""
        return [
            tree_of(self.writer, name, np.random.default_rng([self.share.seed, step, n]))
            for n, name in which
        ]


def world_steps(spec: Mapping[str, Any], share: Share) -> WorldSteps:
    """The data factory that a config names."""
    unknown = set(spec) - {"parts"}
    if unknown or not isinstance(spec.get("parts"), Mapping):
        raise InputError("data: give parts, a mapping such as {image pair: 24}, and nothing else")
    return WorldSteps(spec["parts"], share)


def tree_of(writer: Writer, name: str, rng: np.random.Generator) -> Tree:
    """One tree of a kind and form."""
    kind, form = name.split()
    track = "photographs" if kind == "photograph" else None
    level = 1 + int(rng.random() * 3)
    number = 2 if form == "pair" else 1
    item = sample_record(KINDS[kind], rng, level, number, "train", track=track)
    if form == "caption":
        return caption_tree(writer, item, rng)
    replies = "s"
    if form == "pair":
        # The long replies teach as much when they are rarer, and cost most of the tokens.
        roll = rng.random()
        replies = "srt" if roll < 0.35 else "srp" if roll < 0.55 else "sr"
    if kind.endswith("question"):
        return answer_tree(writer, item, replies)
    return drawn_tree(writer, item, replies)
