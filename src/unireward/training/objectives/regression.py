"""regression: a head that says the scores people gave.

For a prediction x, its known target y and off = x - y::

    mse      off^2
    huber    off^2 / 2 where |off| <= delta, else delta (|off| - delta / 2)
    nll      (off / sigma)^2 / 2 + log sigma + log(2 pi) / 2

Sources: mean squared error on attributes as in HelpSteer2 (arXiv 2406.08673); Huber
1964; the Gaussian likelihood of Nix and Weigend 1994, for heads that also say how sure they are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import LossTerm, Options, nothing, wanted, widened


@dataclass(frozen=True)
class RegressionOptions(Options):
    """``loss`` mse, huber (with ``delta`` > 0, in the unit of the scores) or nll.
    ``dimension_weights`` (empty: 1 each) says how much each dimension counts."""

    loss: str = "mse"
    delta: float = 1.0
    dimension_weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.loss not in ("mse", "huber", "nll"):
            raise InputError(f"loss is {self.loss!r}; use one of mse, huber, nll")
        self.need("delta", 0, open_low=True)
        weights = self.dimension_weights
        if weights and not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise InputError("dimension_weights must be 0 or more, one at least above 0")


class Regression(LossTerm):
    """Reads ``scores`` and ``score_weights`` (1 where absent). Metrics: ``mae``, ``bias`` (the
    mean of x - y), and with nll ``spread``, the mean of (off / sigma)^2, 1 where sigma is right."""

    kind = "regression"
    Options = RegressionOptions

    @property
    def metrics(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return ("mae", "bias", "spread") if self.options.loss == "nll" else ("mae", "bias")

    def weight(self, batch: Batch) -> Tensor:
        return self._weights(batch).sum() if "scores" in batch else nothing(batch)

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "scores" not in batch or not batch["scores"].numel():
            return anchor(outputs), {}
        found = wanted(outputs, "rewards", self.name)
        if found.shape != batch["scores"].shape:
            raise InputError(
                f"{self.name}: scores are {list(batch['scores'].shape)}, the head gives "
                f"{list(found.shape)}; give a score, or NaN, for each number"
            )
        weights = self._weights(batch).to(found.dtype)
        known = weights > 0
        weights, target = weights[known], batch["scores"][known].to(found.dtype)
        off = found[known] - target
        sums = {
            "mae": (off.detach().abs() * weights).sum(),
            "bias": (off.detach() * weights).sum(),
        }
        if self.options.loss == "mse":
            each = off.square()
        elif self.options.loss == "huber":
            each = F.huber_loss(off, torch.zeros_like(off), reduction="none",
                                delta=self.options.delta)  # fmt: skip
        else:
            sigma = wanted(outputs, "sigma", self.name)[known]
            scaled = off / sigma
            each = scaled.square() / 2 + sigma.log() + math.log(2 * math.pi) / 2
            sums["spread"] = (scaled.detach().square() * weights).sum()
        return (each * weights).sum(), sums

    def _weights(self, batch: Batch) -> Tensor:
        """[R, K], 0 where unknown."""
        scores = widened(batch["scores"])
        weights = torch.ones_like(scores)
        if (rows := batch.get("score_weights")) is not None:
            weights = weights * rows.to(weights.dtype)[:, None]
        if given := self.options.dimension_weights:
            if len(given) != scores.shape[1]:
                raise InputError(
                    f"{self.name}: dimension_weights has {len(given)} numbers and scores "
                    f"{scores.shape[1]} dimensions; give one for each"
                )
            weights = weights * weights.new_tensor(given)
        return weights.masked_fill(scores.isnan(), 0.0)
