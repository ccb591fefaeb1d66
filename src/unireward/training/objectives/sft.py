"""sft: cross-entropy of the tokens that should be said.

For a target token y at a supervised position, with weight w and label smoothing e::

    loss = w * ((1 - e) * -log p(y) + e * mean over v of -log p(v))

Source: maximum likelihood; label smoothing as in Szegedy et al. 2016 (arXiv 1512.00567)
and PyTorch's ``cross_entropy``. The prompt is masked by construction: its positions are not in
the batch. The sum is divided by the sum of weights over all supervised tokens of a step, so a
token counts the same in a long reply and in a short one, whatever the batch was cut into.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import IGNORE, LossTerm, Options, nothing, wanted


@dataclass(frozen=True)
class SftOptions(Options):
    """``label_smoothing`` in [0, 1)."""

    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        self.need("label_smoothing", 0, 1, open_high=True)


class Sft(LossTerm):
    """Reads ``targets`` and ``target_weights`` (1 where absent). Metric: token ``accuracy``."""

    kind = "sft"
    metrics = ("accuracy",)
    Options = SftOptions

    def weight(self, batch: Batch) -> Tensor:
        if "targets" not in batch:
            return nothing(batch)
        return _weights(batch).sum()

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "targets" not in batch or not len(batch["targets"]):
            return anchor(outputs), {}
        logits, targets = wanted(outputs, "logits", self.name), batch["targets"]
        weights = _weights(batch).to(logits.dtype)
        each = F.cross_entropy(
            logits, targets, reduction="none", ignore_index=IGNORE,
            label_smoothing=self.options.label_smoothing,
        )  # fmt: skip
        right = (logits.detach().argmax(-1) == targets).to(weights)
        return (each * weights).sum(), {"accuracy": (right * weights).sum()}


class Caption(Sft):
    """The same under a name of its own, for stages whose text is a description."""

    kind = "caption"


def _weights(batch: Batch) -> Tensor:
    known = batch["targets"] != IGNORE
    weights = batch.get("target_weights")
    return known.float() if weights is None else torch.where(known, weights, 0.0)
