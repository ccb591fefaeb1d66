"""GaussianHead: a mean and a standard deviation for each score (HPSv3).

HPSv3 reads one special token with three layers and ReLU; its second output is the logarithm of
sigma. As a config: ``{"kind": "gaussian", "depth": 3, "width": [1024, 16], "activation": "relu",
"pool": "mark", "marks": {"<|Reward|>": null}}``.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from unireward.errors import InputError
from unireward.rewards.heads.base import Head, HeadOutput
from unireward.rewards.heads.linear import mlp, mlp_options

LOG_SIGMA = 10.0
"""Bound of |log sigma|, so that sigma is finite and above 0 in float32."""


class GaussianHead(Head):
    """The last layer's rows are the K means, then the K log sigmas."""

    kind = "gaussian"

    def __init__(
        self,
        hidden_size: int,
        *,
        depth: int = 1,
        activation: str = "silu",
        width: int | list[int] | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(hidden_size, **common)
        self.depth, self.activation, self.width = depth, activation, width
        self.dropout, self.bias = dropout, bias
        rows = 2 * len(self.names)
        self.net = mlp(hidden_size, rows, depth, activation, width, dropout=dropout, bias=bias)
        if len(self.marks) > 1:
            raise InputError("head: a gaussian head reads one mark; give one")

    def read(self, pooled: Tensor) -> HeadOutput:
        mean, log_sigma = self.net(pooled).chunk(2, dim=-1)
        return HeadOutput(scores=mean, sigma=log_sigma.clamp(-LOG_SIGMA, LOG_SIGMA).exp())

    def options(self) -> dict[str, Any]:
        return mlp_options(self)
