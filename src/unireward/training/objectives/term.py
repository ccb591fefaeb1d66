"""LossTerm: what every term shares, and the checks and small sums they are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from pydantic import ConfigDict
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs

IGNORE = -100
"""A target that is none."""


@dataclass(frozen=True)
class Options:
    """Base of the terms' options: frozen, no unknown keys, ranges checked when made."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", allow_inf_nan=False)

    def need(self, field: str, low: float = -math.inf, high: float = math.inf, *,
             open_low: bool = False, open_high: bool = False) -> None:  # fmt: skip
        """InputError unless the field is a finite number between the bounds."""
        value = getattr(self, field)
        fits = math.isfinite(value) and low <= value <= high
        if not fits or (open_low and value == low) or (open_high and value == high):
            bounds = []
            if low > -math.inf:
                bounds.append(f"{'above' if open_low else 'at least'} {low:g}")
            if high < math.inf:
                bounds.append(f"{'below' if open_high else 'at most'} {high:g}")
            raise InputError(
                f"{field} is {value:g}; it must be {' and '.join(bounds) or 'a finite number'}"
            )

    def one_of(self, field: str, allowed: tuple[str, ...]) -> None:
        """InputError unless the field is one of the words."""
        if (value := getattr(self, field)) not in allowed:
            raise InputError(f"{field} is {value!r}; use one of {', '.join(allowed)}")


class LossTerm(nn.Module):
    """A term by its options. ``kind`` is what configs call it, ``name`` what the metrics do.

    ``coefficient`` is its weight in the objective, finite and not negative. ``reads_reference``:
    it compares with a reference model (:mod:`unireward.training.reference`).
    """

    kind: ClassVar[str]
    Options: ClassVar[type]
    metrics: tuple[str, ...] = ()
    reads_reference: bool = False

    def __init__(
        self, options: Any = None, *, name: str | None = None, coefficient: float = 1.0
    ) -> None:
        super().__init__()
        self.options = options if options is not None else self.Options()
        self.name = name or self.kind
        self.coefficient = float(coefficient)
        if not math.isfinite(self.coefficient) or self.coefficient < 0:
            raise InputError(f"{self.name}: coefficient is {coefficient}; set it to 0 or more")
        if "/" in self.name or "." in self.name:
            raise InputError(f"term name {self.name!r} holds a '/' or '.'; leave them out")

    def weight(self, batch: Batch) -> Tensor:
        raise NotImplementedError

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        raise NotImplementedError


def widened(tensor: Tensor) -> Tensor:
    """Half precision as float32; float32 and float64 as they are."""
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def nothing(batch: Batch) -> Tensor:
    """A weight of zero on the batch's device."""
    for value in batch.values():
        if isinstance(value, Tensor):
            return torch.zeros((), device=value.device)
    return torch.zeros(())


def wanted(outputs: Outputs, field: str, term: str) -> Tensor:
    """An output that the batch's labels need. InputError where the model does not give it."""
    tensor = getattr(outputs, field)
    if tensor is None:
        mend = {
            "logits": "fill the batch's logits_at",
            "rewards": "give the model a head",
            "sigma": "give the model a gaussian head",
            "errors": "train a generator",
            "snr": "train a generator, or set weighting to none",
            "gain": "train a generator, or set weighting to none",
        }[field]
        raise InputError(f"{term}: the batch has labels and the model gave no {field}; {mend}")
    return widened(tensor)


def chosen_tokens(logits: Tensor, rows: Tensor) -> Tensor:
    """Log-probability [n] of a set of tokens ``rows`` [k], summed, up to the common normaliser."""
    return torch.logsumexp(logits[:, rows], dim=1)
