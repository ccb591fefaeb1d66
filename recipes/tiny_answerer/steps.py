"""What a step of the answerer's training holds: pictures of some levels, all their questions.

A config names it as ``data: {factory: recipes.tiny_answerer.steps:picture_steps, pictures: 64,
levels: [1, 2]}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field, PositiveInt
from torch.utils.data import Dataset

from recipes.tiny_answerer.examples import picture_tree
from recipes.tiny_judge.examples import Writer
from recipes.tiny_judge.model import TOKENS_PER_IMAGE, make_tokenizer
from unireward.errors import InputError
from unireward.files.validate import validate
from unireward.record import Row
from unireward.training.packing.tree import batch_of
from unireward.training.share import Share
from unireward.world.words import VOCABULARY


class PicturesConfig(Row):
    """``pictures`` a step, their ``levels`` in turn; a share ``careless`` of answers is wrong."""

    pictures: PositiveInt = 64
    levels: tuple[int, ...] = Field(default=(1, 2), min_length=1)
    careless: float = Field(default=0.0, ge=0, lt=1)


class PictureSteps(Dataset[Mapping[str, Any]]):
    """Item i is a micro-batch of trees of the training split. Picture n of step k comes from the
    generator (seed, k, n), whoever asks for it."""

    def __init__(self, config: PicturesConfig, share: Share) -> None:
        self.config, self.share = config, share
        self.writer = Writer(make_tokenizer(VOCABULARY))

    def __len__(self) -> int:
        return len(self.share)

    def __getitem__(self, item: int) -> Mapping[str, Any]:
        step, micro = self.share.place(item)
        mine = self.share.of(range(self.config.pictures), micro)
        levels = self.config.levels
        trees = [
            picture_tree(
                self.writer,
                np.random.default_rng([self.share.seed, step, n]),
                levels[n % len(levels)],
                careless=self.config.careless,
            )
            for n in mine
        ]
        names = [f"picture {self.share.seed}/{step}/{n}" for n in mine]
        return batch_of(trees, self.writer.pad, TOKENS_PER_IMAGE, names)


def picture_steps(spec: Mapping[str, Any], share: Share) -> PictureSteps:
    """The data factory that a config names."""
    try:
        config = validate(PicturesConfig, dict(spec))
    except InputError as error:
        raise InputError(f"data.{error}") from None
    return PictureSteps(config, share)
