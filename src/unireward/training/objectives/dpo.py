"""dpo: preference learned by a language model itself, against a reference of it.

With L the log-probability of a reply under the policy less that under the reference (a sum over
its tokens, or their mean), D = L_chosen - L_rejected, s the share that prefers the chosen and e
the label smoothing, loss = s A(D) + (1 - s) A(-D) with::

    sigmoid   A(D) = -(1 - e) log sigmoid(b D) - e log sigmoid(-b D)
    robust    A(D) = (-(1 - e) log sigmoid(b D) + e log sigmoid(-b D)) / (1 - 2 e)
    hinge     A(D) = max(0, 1 - b D)
    ipo       A(D) = (D - 1 / (2 b))^2

plus ``rpo_alpha`` times the mean negative log-probability a token of the better reply.

Sources: Rafailov et al. 2023 (arXiv 2305.18290, eq. 7), its smoothing cDPO (Mitchell 2023);
robust Chowdhury et al. 2024 (arXiv 2403.00409); hinge SLiC-HF (arXiv 2305.10425); ipo Azar et
al. 2023 (arXiv 2310.12036, eq. 17), on means over tokens as its authors told TRL; rpo_alpha Pang
et al. 2024 (arXiv 2404.19733, eq. 1). The beta of a pair, b = beta (1 + w (1 - exp(-k g))) with g
>= 0 a reward model's margin for the pair, is MM-DPO's (MM-RLHF, arXiv 2502.10391): the released
code of that paper takes another beta, from the batch, by default; this is the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.logps import sequence_logps
from unireward.training.objectives.pairs import Labels, PairOptions, PairTerm
from unireward.training.objectives.term import wanted

_LOSSES = ("sigmoid", "robust", "hinge", "ipo")


@dataclass(frozen=True)
class DpoOptions(PairOptions):
    """Besides ``label_smoothing`` and ``ties`` (``ignore`` or ``half``):

    ``beta`` > 0. ``average`` divides L by the reply's tokens (None: for ipo only). ``rpo_alpha``
    >= 0. ``margin_weight`` w >= 0 and ``margin_slope`` k > 0 read the batch's ``margin``; where it
    is unknown or negative, beta stays as it is. ``reference_free`` takes 0 for the reference.
    """

    loss: str = "sigmoid"
    beta: float = 0.1
    average: bool | None = None
    rpo_alpha: float = 0.0
    margin_weight: float = 0.0
    margin_slope: float = 0.5
    reference_free: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("loss", _LOSSES)
        self.need("beta", 0, open_low=True)
        self.need("rpo_alpha", 0)
        self.need("margin_weight", 0)
        self.need("margin_slope", 0, open_low=True)
        if self.label_smoothing and self.loss not in ("sigmoid", "robust"):
            raise InputError(
                f"label_smoothing has no meaning for {self.loss!r}; set it to 0, or loss to "
                "'sigmoid' or 'robust'"
            )
        if self.dimensions or self.dimension_weights:
            raise InputError("a reply has one log-probability; leave out dimensions")


class Dpo(PairTerm):
    """Reads ``targets`` and ``sequence`` of the rows ``chosen`` and ``rejected``, and the rows'
    ``reference_logps``. The metrics ``chosen``, ``rejected`` and ``margin`` are implicit rewards,
    b L; ``chosen_logp`` and ``rejected_logp`` are of the policy alone, ``beta`` is the mean b."""

    kind = "dpo"
    Options = DpoOptions
    options: DpoOptions

    @property
    def metrics(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (*super().metrics, "chosen_logp", "rejected_logp", "beta")

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "chosen" not in batch or not len(batch["chosen"]):
            return anchor(outputs), {}
        labels = self.labels(batch)
        policy, tokens = self.policy(outputs, batch, labels)
        ratio = policy - self.reference(batch, policy)
        options = self.options
        if options.loss == "ipo" if options.average is None else options.average:
            ratio = ratio / tokens
        beta = self.betas(labels, batch).to(ratio.dtype)
        better, worse = ratio[labels.chosen][:, None], ratio[labels.rejected][:, None]
        delta, share = better - worse, labels.share.to(ratio.dtype)
        each = share * self.loss(delta, beta) + (1 - share) * self.loss(-delta, beta)
        if options.rpo_alpha:
            said = -(policy / tokens)
            told = share * said[labels.chosen][:, None]
            told = told + (1 - share) * said[labels.rejected][:, None]
            each = each + options.rpo_alpha * told
        sums = self.measured(beta * better.detach(), beta * worse.detach(), labels)
        weight = labels.weight[:, 0].to(policy.dtype)
        sums["chosen_logp"] = (policy.detach()[labels.chosen] * weight).sum()
        sums["rejected_logp"] = (policy.detach()[labels.rejected] * weight).sum()
        sums["beta"] = (beta[:, 0] * weight).sum()
        return self.weighed(each, labels), sums

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

    def reference(self, batch: Batch, policy: Tensor) -> Tensor:
        if self.options.reference_free:
            return torch.zeros_like(policy)
        if "reference_logps" not in batch:
            raise InputError(
                f"{self.name}: the batch has no reference_logps; fill them from the reference "
                "model (sequence_logps), or set reference_free"
            )
        return batch["reference_logps"].to(policy.dtype)

    def policy(self, outputs: Outputs, batch: Batch, labels: Labels) -> tuple[Tensor, Tensor]:
        """Summed log-probabilities [R], and numbers of tokens [R], at least 1."""
        for field in ("targets", "sequence"):
            if field not in batch:
                raise InputError(f"{self.name}: the batch has pairs and no {field}; fill it")
        rows = len(batch.get("reference_logps", ()))
        if not rows:
            named = (labels.chosen, labels.rejected, batch["sequence"])
            rows = int(torch.cat([tensor.reshape(-1) for tensor in named]).max()) + 1
        logits = wanted(outputs, "logits", self.name)
        sums, tokens = sequence_logps(logits, batch["targets"], batch["sequence"], rows)
        return sums, tokens.clamp_min(1)
