"""LinearHead and MLPHead: scores of one pooled vector.

Linear on the last token is the head that serving engines know (``score.weight``); BaseReward
(SYSTEMS 2) compares depths 1 to 5 with SiLU, tanh or nothing between the layers, and keeps two
layers with SiLU. HPSv3's published head is depth 3 with ReLU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.rewards.heads.base import Head, HeadOutput, linear

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "none": nn.Identity,
}
MAX_DEPTH = 5


class LinearHead(Head):
    """One linear layer: ``score.weight`` [K, D], without a bias unless told."""

    kind = "linear"

    def __init__(self, hidden_size: int, *, bias: bool = False, **common: Any) -> None:
        super().__init__(hidden_size, **common)
        self.score = linear(hidden_size, len(self.names), bias=bias)
        marks_fit(self)

    def read(self, pooled: Tensor) -> HeadOutput:
        return HeadOutput(scores=each_mark(self.score, pooled))

    def options(self) -> dict[str, Any]:
        return {"bias": True} if self.score.bias is not None else {}

    @property
    def served(self) -> bool:
        """Do engines compute it just so: last layer, last token, no bias?"""
        return self.layers == (-1,) and self.pool_by == "last" and self.score.bias is None


class MLPHead(Head):
    """``depth`` linear layers (1 to 5) with an activation between them.

    ``width`` is the hidden layers' (None: the backbone's; a list gives each its own), ``dropout``
    is applied after each activation.
    """

    kind = "mlp"

    def __init__(
        self,
        hidden_size: int,
        *,
        depth: int = 2,
        activation: str = "silu",
        width: int | list[int] | None = None,
        dropout: float = 0.0,
        bias: bool = True,
        **common: Any,
    ) -> None:
        super().__init__(hidden_size, **common)
        self.depth, self.activation, self.width = depth, activation, width
        self.dropout, self.bias = dropout, bias
        self.net = mlp(
            hidden_size, len(self.names), depth, activation, width, dropout=dropout, bias=bias
        )
        marks_fit(self)

    def read(self, pooled: Tensor) -> HeadOutput:
        return HeadOutput(scores=each_mark(self.net, pooled))

    def options(self) -> dict[str, Any]:
        return mlp_options(self)


def mlp(
    hidden_size: int,
    rows: int,
    depth: int,
    activation: str,
    width: int | list[int] | None = None,
    *,
    dropout: float = 0.0,
    bias: bool = True,
) -> nn.Sequential:
    """``depth`` float32 linear layers, ``activation`` (and dropout) after all but the last."""
    if not isinstance(depth, int) or not 1 <= depth <= MAX_DEPTH:
        raise InputError(f"head: depth is {depth!r}; use 1 to {MAX_DEPTH}")
    if activation not in ACTIVATIONS:
        raise InputError(f"head: activation is {activation!r}; use {', '.join(ACTIVATIONS)}")
    widths = width if isinstance(width, list) else [width or hidden_size] * (depth - 1)
    if len(widths) != depth - 1 or not all(isinstance(w, int) and w > 0 for w in widths):
        raise InputError(f"head: width is {width!r}; give {depth - 1} whole numbers, or one")
    parts: list[nn.Module] = []
    before = hidden_size
    for after in widths:
        parts += [linear(before, after, bias=True), ACTIVATIONS[activation]()]
        parts += [nn.Dropout(dropout)] if dropout else []
        before = after
    return nn.Sequential(*parts, linear(before, rows, bias=bias))


def mlp_options(head: Any) -> dict[str, Any]:
    """The options of a head that holds an :func:`mlp`."""
    out: dict[str, Any] = {"depth": head.depth, "activation": head.activation}
    if head.width is not None:
        out["width"] = head.width
    if head.dropout:
        out["dropout"] = head.dropout
    if not head.bias:
        out["bias"] = False
    return out


def each_mark(layer: nn.Module, pooled: Tensor) -> Tensor:
    """[R, K]: ``layer`` on [R, D]; on [R, K, D] name k reads its own mark (VideoAlign)."""
    out = layer(pooled)
    return torch.diagonal(out, dim1=1, dim2=2) if pooled.ndim == 3 else out


def marks_fit(head: Head) -> None:
    if head.pool_by == "mark" and len(head.marks) not in (1, len(head.names)):
        raise InputError(
            f"head: has {len(head.marks)} marks for {len(head.names)} names; "
            "give one mark, or one for each name in order"
        )
