"""denoise: a generator predicts its target of clean pictures made noisy.

For a row's mean squared error e over all elements of the prediction, its weight w and the weight
of its time v::

    loss = w v e

Sources: Ho et al. 2020 (arXiv 2006.11239, eq. 14) for epsilon, Salimans and Ho 2022 (arXiv
2202.00512) for v, Lipman et al. 2023 (arXiv 2210.02747) for velocity. The weights of time are in
:mod:`unireward.training.objectives.time_weights`; which times are drawn is the noise path's.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import LossTerm, Options, nothing, wanted
from unireward.training.objectives.time_weights import WEIGHTINGS, TimeWeights


@dataclass(frozen=True)
class DenoiseOptions(Options):
    """``weighting`` ``none``, ``clean``, ``noise`` or ``min-snr`` with ``gamma`` > 0."""

    weighting: str = "none"
    gamma: float = 5.0

    def __post_init__(self) -> None:
        self.one_of("weighting", WEIGHTINGS)
        self.need("gamma", 0, open_low=True)


class Denoise(LossTerm):
    """Reads ``error_weights``, which are 0 for the worse of a pair. Metric: ``error``, without
    the weight of times."""

    kind = "denoise"
    metrics = ("error",)
    Options = DenoiseOptions

    def weight(self, batch: Batch) -> Tensor:
        return batch["error_weights"].sum() if "error_weights" in batch else nothing(batch)

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "error_weights" not in batch or not len(batch["error_weights"]):
            return anchor(outputs), {}
        errors = wanted(outputs, "errors", self.name)
        weights = batch["error_weights"].to(errors.dtype)
        times = TimeWeights(self.options.weighting, self.options.gamma).of(outputs, self.name)
        return (errors * times * weights).sum(), {"error": (errors.detach() * weights).sum()}
