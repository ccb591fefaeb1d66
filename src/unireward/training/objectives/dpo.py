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
from unireward.training.objectives.base import Batch, Outputs
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
    """Reads ``targets`` and ``sequence`` of the rows ``chosen`` and ``rejected``, and their
    ``reference_logps``. ``chosen``, ``rejected`` and ``margin`` of the metrics are in beta times
    log-ratio, the implicit reward; ``chosen_logp`` and ``rejected_logp`` are of the policy, and
    ``beta`` is the pairs' mean."""

    kind = "dpo"
    Options = DpoOptions
    options: DpoOptions

    @property
    def metrics(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (*super().metrics, "chosen_logp", "rejected_logp", "beta")

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        loss, sums = super().forward(outputs, batch)
        if sums:
            labels = self.labels(batch)
            policy, _ = self.policy(outputs, batch, labels)
            weight = labels.weight[:, 0].to(policy.dtype)
            sums["chosen_logp"] = (policy.detach()[labels.chosen] * weight).sum()
            sums["rejected_logp"] = (policy.detach()[labels.rejected] * weight).sum()
            sums["beta"] = (self.betas(labels, batch)[:, 0].to(policy.dtype) * weight).sum()
        return loss, sums

    def policy(self, outputs: Outputs, batch: Batch, labels: Labels) -> tuple[Tensor, Tensor]:
        """Summed log-probabilities [R] and numbers of tokens [R]."""
        for field in ("targets", "sequence"):
            if field not in batch:
                raise InputError(f"{self.name}: the batch has pairs and no {field}; fill it")
        rows = int(torch.maximum(labels.chosen.max(), labels.rejected.max())) + 1
        if "reference_logps" in batch:
            rows = max(rows, len(batch["reference_logps"]))
        if len(batch["sequence"]):
            rows = max(rows, int(batch["sequence"].max()) + 1)
        logits = wanted(outputs, "logits", self.name)
        return sequence_logps(logits, batch["targets"], batch["sequence"], rows)
