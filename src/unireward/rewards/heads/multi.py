"""MultiOutputHead: several named scores, put on one scale, and their weighted sum.

VideoAlign has a score each for visual quality, motion quality and text alignment, each read at its
own special token and normalised by the mean and standard deviation of a reference set; its overall
score is their sum. VisionReward's is a learned weighted sum. ::

    {"kind": "multi-output", "names": ["vq", "mq", "ta"], "pool": "mark",
     "marks": {"<|VQ_reward|>": null, "<|MQ_reward|>": null, "<|TA_reward|>": null},
     "mean": [...], "std": [...], "weights": [1, 1, 1]}
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.rewards.heads.base import OVERALL, Head, HeadOutput, finite
from unireward.rewards.heads.linear import each_mark, marks_fit, mlp, mlp_options


class MultiOutputHead(Head):
    """Columns: each of ``names`` as ``(raw - mean) / std``; with ``weights`` a last one,
    ``overall``, their sum times the weights.

    ``mean``, ``std`` and ``weights`` are numbers of the config, not trained;
    :meth:`normalise` sets the first two.
    """

    kind = "multi-output"
    mean: Tensor
    std: Tensor
    weights: Tensor | None

    def __init__(
        self,
        hidden_size: int,
        *,
        names: Sequence[str],
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        weights: Sequence[float] | None = None,
        depth: int = 1,
        activation: str = "silu",
        width: int | list[int] | None = None,
        dropout: float = 0.0,
        bias: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(hidden_size, names=names, **common)
        self.outputs = self.names
        self.depth, self.activation, self.width = depth, activation, width
        self.dropout, self.bias = dropout, bias
        count = len(self.outputs)
        self.net = mlp(hidden_size, count, depth, activation, width, dropout=dropout, bias=bias)
        marks_fit(self)
        self.scale(mean or [0.0] * count, std or [1.0] * count)
        self.register_buffer("weights", None, persistent=False)
        if weights is not None:
            if OVERALL in self.outputs:
                raise InputError(f"head: {OVERALL} is a name already; leave out it or the weights")
            self.weights = torch.tensor(finite("weights", weights, count))
            self.names = (*self.outputs, OVERALL)

    def scale(self, mean: Sequence[float], std: Sequence[float]) -> None:
        """Set the numbers that raw scores are normalised by."""
        count = len(self.outputs)
        checked = finite("std", std, count)
        if min(checked) <= 0:
            raise InputError("head: std has a number that is not above 0; mend it")
        device = next(self.parameters()).device
        centre = torch.tensor(finite("mean", mean, count), device=device)
        self.register_buffer("mean", centre, persistent=False)
        self.register_buffer("std", torch.tensor(checked, device=device), persistent=False)

    def normalise(self, pooled: Tensor) -> None:
        """Set mean and std to those of the raw scores of ``pooled`` features [N, D]."""
        with torch.no_grad():
            raw = self.raw(pooled.to(self.mean.device)).double()
        self.scale(raw.mean(0).tolist(), raw.std(0, correction=0).tolist())

    def raw(self, pooled: Tensor) -> Tensor:
        """[R, K] before normalisation."""
        return each_mark(self.net, pooled)

    def read(self, pooled: Tensor) -> HeadOutput:
        scores = (self.raw(pooled) - self.mean) / self.std
        if self.weights is not None:
            scores = torch.cat([scores, (scores @ self.weights)[:, None]], 1)
        return HeadOutput(scores=scores)

    def options(self) -> dict[str, Any]:
        out = mlp_options(self) | {"names": list(self.outputs)}
        out |= {"mean": self.mean.tolist(), "std": self.std.tolist()}
        if self.bias:
            out["bias"] = True
        else:
            out.pop("bias", None)
        if self.weights is not None:
            out["weights"] = self.weights.tolist()
        return out
