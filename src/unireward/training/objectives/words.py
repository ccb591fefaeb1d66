"""words: is each word of the prompt right about the picture, read from two rows of the vocabulary.

At a marked word, with l0 and l1 the logits of the tokens ``wrong`` and ``right`` and y in {0, 1}::

    loss = -log softmax([l0, l1])[y]

An auxiliary of the shipped judge: a label at every word teaches what is to be looked at, many
times for each verdict. It needs no layer of its own, so what it teaches stays in the judge.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import IGNORE, LossTerm, Options, nothing, wanted


@dataclass(frozen=True)
class WordsOptions(Options):
    """Token ids whose logits mean wrong and right."""

    wrong: int
    right: int

    def __post_init__(self) -> None:
        if self.wrong == self.right:
            raise InputError(f"wrong and right are both token {self.wrong}; give two tokens")


class Words(LossTerm):
    """Reads ``words``. Metric: ``accuracy``."""

    kind = "words"
    metrics = ("accuracy",)
    Options = WordsOptions
    tokens = ("wrong", "right")

    def weight(self, batch: Batch) -> Tensor:
        if "words" not in batch:
            return nothing(batch)
        return (batch["words"] != IGNORE).sum().float()

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "words" not in batch:
            return anchor(outputs), {}
        at = (batch["words"] != IGNORE).nonzero().squeeze(1)
        if not len(at):
            return anchor(outputs), {}
        rows = torch.tensor([self.options.wrong, self.options.right], device=at.device)
        two, labels = wanted(outputs, "logits", self.name)[at][:, rows], batch["words"][at]
        right = (two.detach().argmax(-1) == labels).sum().to(two.dtype)
        return F.cross_entropy(two, labels, reduction="sum"), {"accuracy": right}
