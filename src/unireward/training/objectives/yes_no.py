"""yes-no: how sure a judge should be of "yes", at the token where it answers.

With Y and N the log-sum-exp of the logits of the spellings of yes and of no, and s in 0 to 1 the
share of people (or the label) that say yes::

    p = sigmoid(Y - N);   loss = -s log p - (1 - s) log(1 - p)

Source: the score of VQAScore (Lin et al. 2024, arXiv 2404.01291) and of generative reward models
that read one token's probability (RewardDance, arXiv 2509.08826), trained by cross-entropy on the
two answers alone. The rest of the vocabulary takes no part: p is what the ``yes-no`` scorer reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import (
    LossTerm,
    Options,
    chosen_tokens,
    nothing,
    wanted,
    widened,
)


@dataclass(frozen=True)
class YesNoOptions(Options):
    """``yes`` and ``no``: token ids of the spellings of each answer, no id in both."""

    yes: tuple[int, ...]
    no: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.yes or not self.no:
            raise InputError("yes and no each need a token; give at least one id of each")
        if both := set(self.yes) & set(self.no):
            raise InputError(f"token {min(both)} is in yes and in no; leave it in one")


class YesNo(LossTerm):
    """Reads ``yes_share`` and ``yes_weights`` (1 where absent). Metrics: ``accuracy`` where the
    share is not one half, mean ``p`` of yes, and ``mass``, the probability of the whole
    vocabulary that the two answers hold."""

    kind = "yes-no"
    metrics = ("accuracy", "p", "mass")
    Options = YesNoOptions
    tokens = ("yes", "no")

    def weight(self, batch: Batch) -> Tensor:
        if "yes_share" not in batch:
            return nothing(batch)
        return _weights(batch).sum()

    def metric_weights(self, batch: Batch) -> dict[str, Tensor]:
        if "yes_share" not in batch:
            return {"accuracy": nothing(batch)}
        decided = batch["yes_share"] != 0.5
        return {"accuracy": (_weights(batch) * decided).sum()}

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "yes_share" not in batch:
            return anchor(outputs), {}
        at = (~batch["yes_share"].isnan()).nonzero().squeeze(1)
        if not len(at):
            return anchor(outputs), {}
        logits = wanted(outputs, "logits", self.name)[at]
        share = batch["yes_share"][at].to(logits.dtype)
        weights = _weights(batch)[at].to(logits.dtype)
        yes, no = (
            chosen_tokens(logits, torch.tensor(ids, device=logits.device))
            for ids in (self.options.yes, self.options.no)
        )
        gap = yes - no
        each = -share * F.logsigmoid(gap) - (1 - share) * F.logsigmoid(-gap)
        with torch.no_grad():
            right = ((gap > 0) & (share > 0.5)) | ((gap < 0) & (share < 0.5))
            mass = (torch.logaddexp(yes, no) - torch.logsumexp(logits, 1)).exp()
            sums = {"accuracy": (right * weights).sum(), "p": (gap.sigmoid() * weights).sum(),
                    "mass": (mass * weights).sum()}  # fmt: skip
        return (each * weights).sum(), sums


def _weights(batch: Batch) -> Tensor:
    share = widened(batch["yes_share"])
    weights = batch.get("yes_weights")
    weights = torch.ones_like(share) if weights is None else weights.to(share.dtype)
    return torch.where(share.isnan(), 0.0, weights)
