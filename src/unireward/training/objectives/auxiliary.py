"""auxiliary: squared error of a layer that only training has.

For the outputs x of the layer ``field`` and their known targets y::

    loss = (x - y)^2, summed over every known number; the weight is how many are known

What a layer is made to read from the hidden states is thereby made to be in them; the layer is
dropped at export.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import LossTerm, Options, nothing, widened


@dataclass(frozen=True)
class AuxiliaryOptions(Options):
    """``field``: name of the layer; its targets are ``aux_<field>``."""

    field: str

    def __post_init__(self) -> None:
        if not self.field:
            raise InputError("field is empty; give the name of a training-only layer")


class Auxiliary(LossTerm):
    """Reads ``aux_<field>``, NaN unknown. Metric: ``mae``, the mean absolute error."""

    kind = "auxiliary"
    metrics = ("mae",)
    Options = AuxiliaryOptions

    def weight(self, batch: Batch) -> Tensor:
        targets = batch.get(f"aux_{self.options.field}")
        return nothing(batch) if targets is None else (~targets.isnan()).sum().float()

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        field = self.options.field
        targets = batch.get(f"aux_{field}")
        if targets is None or not targets.numel():
            return anchor(outputs), {}
        if field not in outputs.aux:
            known = ", ".join(outputs.aux) or "none"
            raise InputError(f"{self.name}: the model has no layer {field!r}, it has {known}")
        found = widened(outputs.aux[field])
        if found.shape != targets.shape:
            raise InputError(
                f"{self.name}: aux_{field} is {list(targets.shape)}, the layer gives "
                f"{list(found.shape)}; give a target, or NaN, for each number"
            )
        known = ~targets.isnan()
        off = found[known] - targets[known].to(found.dtype)
        return off.square().sum(), {"mae": off.detach().abs().sum()}
