"""MeanPoolHead: one linear layer on the mean of all tokens' states (IXC-2.5-Reward, SYSTEMS 19)."""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor

from unireward.rewards.heads.base import Head, HeadOutput, linear


class MeanPoolHead(Head):
    """``score.weight`` [K, D] on the mean over real tokens, those of the media included.

    Its recipe trains neither the vision encoder nor the projector: ``frozen`` says so.
    """

    kind = "mean-pool"
    frozen: ClassVar[tuple[str, ...]] = ("vision", "projector")
    pools: ClassVar[tuple[str, ...]] = ("mean",)

    def __init__(
        self, hidden_size: int, *, bias: bool = False, pool: str = "mean", **common: Any
    ) -> None:
        super().__init__(hidden_size, pool=pool, **common)
        self.score = linear(hidden_size, len(self.names), bias=bias)

    def read(self, pooled: Tensor) -> HeadOutput:
        return HeadOutput(scores=self.score(pooled))

    def options(self) -> dict[str, Any]:
        return {"bias": True} if self.score.bias is not None else {}
