"""absolute: is a candidate good by itself, as a yes or no of its score.

With r the head's number and y in 0 to 1 (smoothed by e to (1 - e) y + e / 2)::

    loss = -y log sigmoid(r) - (1 - y) log sigmoid(-r)

Source: SoliReward (arXiv 2512.22170): one annotation of one clip gives this, and pairs with clips
of other prompts. It pins the zero of the scores, which losses on differences leave free.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import LossTerm, Options, nothing, wanted, widened


@dataclass(frozen=True)
class AbsoluteOptions(Options):
    """``column`` of the head's outputs; ``label_smoothing`` e in [0, 1)."""

    column: int = 0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self.need("label_smoothing", 0, 1, open_high=True)
        if self.column < 0:
            raise InputError(f"column is {self.column}; set it to 0 or more")


class Absolute(LossTerm):
    """Reads ``absolute`` and ``score_weights`` (1 where absent). Metric: ``accuracy`` of the sign,
    over labels that are not one half."""

    kind = "absolute"
    metrics = ("accuracy",)
    Options = AbsoluteOptions

    def weight(self, batch: Batch) -> Tensor:
        return _weights(batch).sum() if "absolute" in batch else nothing(batch)

    def metric_weights(self, batch: Batch) -> dict[str, Tensor]:
        if "absolute" not in batch:
            return {"accuracy": nothing(batch)}
        return {"accuracy": (_weights(batch) * (batch["absolute"] != 0.5)).sum()}

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "absolute" not in batch or not len(batch["absolute"]):
            return anchor(outputs), {}
        scores = wanted(outputs, "rewards", self.name)[:, self.options.column]
        weights = _weights(batch).to(scores.dtype)
        known = weights > 0
        scores, weights = scores[known], weights[known]
        label = batch["absolute"][known].to(scores.dtype)
        e = self.options.label_smoothing
        smooth = label * (1 - e) + e / 2
        each = -smooth * F.logsigmoid(scores) - (1 - smooth) * F.logsigmoid(-scores)
        right = ((scores > 0) & (label > 0.5)) | ((scores < 0) & (label < 0.5))
        return (each * weights).sum(), {"accuracy": (right * weights).sum()}


def _weights(batch: Batch) -> Tensor:
    label = batch["absolute"]
    label = widened(label) if label.dtype.is_floating_point else label.float()
    rows = batch.get("score_weights")
    weights = label.new_ones(len(label)) if rows is None else rows.to(label.dtype)
    return weights.masked_fill(label.isnan(), 0.0)
