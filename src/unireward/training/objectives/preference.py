"""PreferenceTerm: what losses that prefer one of two by implicit rewards share.

With D the policy's log-ratio of the chosen less that of the rejected, both against a reference, s
the share that prefers the chosen and e the label smoothing, loss = s A(D) + (1 - s) A(-D) with::

    sigmoid   A(D) = -(1 - e) log sigmoid(b D) - e log sigmoid(-b D)
    robust    A(D) = (-(1 - e) log sigmoid(b D) + e log sigmoid(-b D)) / (1 - 2 e)
    hinge     A(D) = max(0, 1 - b D)
    ipo       A(D) = (D - 1 / (2 b))^2

Sources: Rafailov et al. 2023 (arXiv 2305.18290, eq. 7), its smoothing cDPO (Mitchell 2023);
robust Chowdhury et al. 2024 (arXiv 2403.00409); hinge SLiC-HF (arXiv 2305.10425); ipo Azar et
al. 2023 (arXiv 2310.12036, eq. 17). The beta of a pair, b = beta (1 + w (1 - exp(-k g))) with g
>= 0 a reward model's margin for the pair, is MM-DPO's (MM-RLHF, arXiv 2502.10391): the released
code of that paper takes another beta, from the batch, by default; this is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch
from unireward.training.objectives.pairs import Labels, PairOptions, PairTerm

_LOSSES = ("sigmoid", "robust", "hinge", "ipo")


@dataclass(frozen=True)
class PreferenceOptions(PairOptions):
    """Besides ``label_smoothing`` and ``ties`` (``ignore`` or ``half``):

    ``beta`` > 0. ``margin_weight`` w >= 0 and ``margin_slope`` k > 0 read the batch's ``margin``;
    where it is unknown or negative, beta stays as it is.
    """

    loss: str = "sigmoid"
    beta: float = 0.1
    margin_weight: float = 0.0
    margin_slope: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("loss", _LOSSES)
        self.need("beta", 0, open_low=True)
        self.need("margin_weight", 0)
        self.need("margin_slope", 0, open_low=True)
        if self.label_smoothing and self.loss not in ("sigmoid", "robust"):
            raise InputError(
                f"label_smoothing has no meaning for {self.loss!r}; set it to 0, or loss to "
                "'sigmoid' or 'robust'"
            )
        if self.dimensions or self.dimension_weights:
            raise InputError("a candidate has one log-ratio; leave out dimensions")


class PreferenceTerm(PairTerm):
    """Base: a subclass finds the log-ratios."""

    options: PreferenceOptions

    def compared(self, delta: Tensor, beta: Tensor, share: Tensor) -> Tensor:
        """The losses [P, 1] of differences of log-ratios [P, 1]."""
        return share * self.loss(delta, beta) + (1 - share) * self.loss(-delta, beta)

    def loss(self, delta: Tensor, beta: Tensor) -> Tensor:
        """A(D), [P, 1]."""
        e, kind = self.options.label_smoothing, self.options.loss
        if kind == "hinge":
            return torch.relu(1 - beta * delta)
        if kind == "ipo":
            return (delta - 1 / (2 * beta)).square()
        right, wrong = F.logsigmoid(beta * delta), F.logsigmoid(-beta * delta)
        if kind == "robust":
            return (-(1 - e) * right + e * wrong) / (1 - 2 * e)
        return -(1 - e) * right - e * wrong

    def betas(self, labels: Labels, batch: Batch) -> Tensor:
        """[P, 1]: beta of each pair, by the reward model's margin where w is set."""
        options = self.options
        if options.margin_weight and "margin" not in batch:
            raise InputError(
                f"{self.name}: margin_weight is {options.margin_weight:g} and the batch has no "
                "margin; give the pairs a reward model's margin, or set margin_weight to 0"
            )
        margin = labels.margin.nan_to_num(0.0).clamp_min(0.0)
        grown = -torch.expm1(-options.margin_slope * margin)
        return options.beta * (1 + options.margin_weight * grown)
