"""AttentionPoolHead: learned queries that look through the tokens of several layers.

After SoliReward (SYSTEMS 67), whose aim is defects that are local in a clip, which one token or a
mean washes out. ``progressive``: a query reads the first of ``layers``, what it found is the query
of the next, and so on; a second query reads the last layer; their sum goes to a small MLP.
``hierarchical``: each layer has a query, one more reads what they found.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.rewards.heads.base import Head, HeadOutput
from unireward.rewards.heads.linear import mlp, mlp_options

STYLES = ("progressive", "hierarchical")


class AttentionPoolHead(Head):
    """``layers`` in reading order, the last of them the one with a query of its own (one layer:
    plain attention pooling). ``heads`` must divide the hidden size."""

    kind = "attention-pool"
    pools: ClassVar[tuple[str, ...]] = ("attention",)

    def __init__(
        self,
        hidden_size: int,
        *,
        style: str = "progressive",
        heads: int = 8,
        depth: int = 2,
        activation: str = "silu",
        width: int | list[int] | None = None,
        dropout: float = 0.0,
        bias: bool = False,
        pool: str = "attention",
        **common: Any,
    ) -> None:
        super().__init__(hidden_size, pool=pool, **common)
        if style not in STYLES:
            raise InputError(f"head: style is {style!r}; use {', '.join(STYLES)}")
        if not isinstance(heads, int) or heads < 1 or hidden_size % heads:
            raise InputError(f"head: {heads} heads do not divide a hidden size of {hidden_size}")
        if self.marks:
            raise InputError("head: attention-pool reads all tokens; leave marks out")
        self.style, self.heads = style, heads
        self.depth, self.activation, self.width = depth, activation, width
        self.dropout, self.bias = dropout, bias
        early = len(self.layers) - 1
        self.final = _Looker(hidden_size, heads)
        self.early = nn.ModuleList(
            _Looker(hidden_size, heads, query=style == "hierarchical" or k == 0)
            for k in range(early)
        )
        self.reduce = _Looker(hidden_size, heads) if style == "hierarchical" and early else None
        rows = len(self.names)
        self.net = mlp(hidden_size, rows, depth, activation, width, dropout=dropout, bias=bias)

    def pool(self, states: Sequence[Tensor], mask: Tensor, places: Tensor | None) -> Tensor:
        real = mask != 0
        # Padding may hold anything, NaN included, and no weight of 0 takes that back.
        clean = [state.float().masked_fill(~real[..., None], 0.0) for state in states]
        found = self.final(clean[-1], real)
        if self.reduce is not None:
            each = [look(state, real) for look, state in zip(self.early, clean)]
            found = found + self.reduce(torch.cat(each, 1), None)
        elif len(clean) > 1:
            query = None
            for look, state in zip(self.early, clean):
                query = look(state, real, query)
            found = found + query
        return found[:, 0]

    def read(self, pooled: Tensor) -> HeadOutput:
        return HeadOutput(scores=self.net(pooled))

    def options(self) -> dict[str, Any]:
        out = mlp_options(self) | {"style": self.style, "heads": self.heads}
        out.pop("bias", None)
        return out | ({"bias": True} if self.bias else {})


class _Looker(nn.Module):
    """Attention of one query, learned or given, to a sequence: [R, L, D] -> [R, 1, D]."""

    def __init__(self, width: int, heads: int, *, query: bool = True) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True, dtype=torch.float32)
        self.query = nn.Parameter(torch.randn(width) / math.sqrt(width)) if query else None

    def forward(self, state: Tensor, real: Tensor | None, query: Tensor | None = None) -> Tensor:
        if query is None:
            assert self.query is not None
            query = self.query.expand(len(state), 1, -1)
        padding = None if real is None else ~real
        found, _ = self.attention(query, state, state, key_padding_mask=padding, need_weights=False)
        return found
