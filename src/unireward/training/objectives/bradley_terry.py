"""bradley-terry: the better of two should score higher.

With d the chosen's score less the rejected's, m a margin and s the share that prefers the chosen
(1 unless told, smoothed by e)::

    loss = k * (-s log sigmoid(d - m) - (1 - s) log sigmoid(-d - m)) + c (r_c + r_r)^2

Sources: Bradley and Terry 1952, as a reward loss Ouyang et al. 2022 (arXiv 2203.02155, eq. 1);
margin Touvron et al. 2023 (arXiv 2307.09288, eq. 2); ``k``, the strength, and the comparison of
strength as margin with strength as factor HelpSteer2-Preference (arXiv 2410.01257);
soft labels and smoothing as in a cross-entropy, the smoothed part with its own margin
(SoliReward, arXiv 2512.22170); centring Eisenstein et al. 2023 (arXiv 2312.09244) and MM-RLHF.

Ties by the option ``ties``: ``ignore``; ``half``, the loss with s one half and no margin;
``symmetric``, -log sigmoid(d - m) - log sigmoid(-d - m) (SoliReward, its tie loss); ``squared``,
d^2 (MM-RLHF, its tie term); ``rao-kupper`` and ``davidson``, minus the log-probability of what
happened (:mod:`unireward.training.objectives.ties`), whose width is fixed or learned.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs
from unireward.training.objectives.pairs import Labels, PairOptions, PairTerm
from unireward.training.objectives.ties import Outcomes, davidson, rao_kupper

_MODELS = ("rao-kupper", "davidson")


@dataclass(frozen=True)
class BradleyTerryOptions(PairOptions):
    """Besides those of pairs:

    ``margin`` is m for every pair; with ``pair_margins`` the batch's ``margin`` where it is known.
    ``strength`` says what the batch's strengths, times ``strength_scale``, do: ``ignore``,
    ``scale`` (k), ``margin`` (added to m); an unknown one scales by 1 and adds 0. ``centring`` is
    c >= 0. ``tie_weight`` multiplies the loss of ties. ``tie_width`` > 0 is theta - 1 of
    Rao-Kupper, or nu of Davidson; with ``learn_tie_width`` it is where learning starts.
    """

    margin: float = 0.0
    pair_margins: bool = False
    strength: str = "ignore"
    strength_scale: float = 1.0
    centring: float = 0.0
    tie_weight: float = 1.0
    tie_width: float = 1.0
    learn_tie_width: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.need("margin")
        self.one_of("strength", ("ignore", "scale", "margin"))
        self.need("strength_scale", 0, open_low=True)
        self.need("centring", 0)
        self.need("tie_weight", 0)
        self.need("tie_width", 0, open_low=True)
        models = self.ties in _MODELS
        if models and (self.margin or self.pair_margins or self.strength == "margin"):
            raise InputError(
                f"ties is {self.ties!r}, a probability, which a margin would spoil; set margin 0, "
                "pair_margins false and strength 'ignore' or 'scale'"
            )
        if self.learn_tie_width and not models:
            raise InputError("learn_tie_width needs ties 'rao-kupper' or 'davidson'; set one")

    @classmethod
    def tie_rules(cls) -> tuple[str, ...]:
        return ("ignore", "half", "symmetric", "squared", *_MODELS)


class BradleyTerry(PairTerm):
    """Reads ``chosen``, ``rejected`` and what labels there are, and ``Outputs.rewards``."""

    kind = "bradley-terry"
    Options = BradleyTerryOptions
    options: BradleyTerryOptions

    def __init__(
        self,
        options: BradleyTerryOptions | None = None,
        *,
        name: str | None = None,
        coefficient: float = 1.0,
    ) -> None:
        super().__init__(options, name=name, coefficient=coefficient)
        # One number for all dimensions; learned in log space, so that it stays above 0.
        width = self.options.tie_width
        start = math.log(math.log1p(width) if self.options.ties == "rao-kupper" else width)
        self.log_width: Tensor
        if self.options.learn_tie_width:
            self.log_width = nn.Parameter(torch.tensor(start))
        else:
            self.register_buffer("log_width", torch.tensor(start), persistent=False)

    def outcomes(self, delta: Tensor) -> Outcomes:
        """Log-probabilities of win, lose and tie at score differences, under the tie model."""
        width = self.log_width.to(delta)
        if self.options.ties == "rao-kupper":
            return rao_kupper(delta, width.exp())
        if self.options.ties == "davidson":
            return davidson(delta, width)
        never = torch.full_like(delta, -torch.inf)
        return Outcomes(F.logsigmoid(delta), F.logsigmoid(-delta), never)

    def losses(
        self, better: Tensor, worse: Tensor, labels: Labels, outputs: Outputs, batch: Batch
    ) -> Tensor:
        options = self.options
        delta = better - worse
        share = self.smoothed(labels).to(delta.dtype)
        if options.ties in _MODELS:
            win, lose, tie = self.outcomes(delta)
            untied = -share * win - (1 - share) * lose
        else:
            margin = self.margins(labels).to(delta.dtype)
            tie = self.tie_term(delta)
            untied = -share * F.logsigmoid(delta - margin) - (1 - share) * F.logsigmoid(
                -delta - margin
            )
        if options.strength == "scale":
            strength = labels.strength * options.strength_scale
            untied = untied * torch.where(strength.isnan(), 1.0, strength).to(delta.dtype)
        each = torch.where(labels.tie, -tie * options.tie_weight, untied)
        return each + options.centring * (better + worse).square() if options.centring else each

    def margins(self, labels: Labels) -> Tensor:
        """[P, D] margins m of the decided pairs."""
        options = self.options
        margin = torch.full_like(labels.margin, options.margin)
        if options.pair_margins:
            margin = torch.where(labels.margin.isnan(), margin, labels.margin)
        if options.strength == "margin":
            margin = margin + labels.strength.nan_to_num(0.0) * options.strength_scale
        return margin

    def tie_term(self, delta: Tensor) -> Tensor:
        """Minus the loss of a tie, [P, D]."""
        rule, margin = self.options.ties, self.options.margin
        if rule == "squared":
            return -delta.square()
        if rule == "symmetric":
            return F.logsigmoid(delta - margin) + F.logsigmoid(-delta - margin)
        return (F.logsigmoid(delta) + F.logsigmoid(-delta)) / 2
