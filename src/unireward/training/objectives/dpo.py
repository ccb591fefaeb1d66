"""dpo: preference learned by a language model itself, against a reference of it.

With L the log-probability of a reply under the policy less that under the reference (a sum over
its tokens, or their mean) and D = L_chosen - L_rejected, one of the losses of
:mod:`unireward.training.objectives.preference`, plus ``rpo_alpha`` times the mean negative
log-probability a token of the better reply.

Sources: those named there; ipo on means over tokens as its authors told TRL; rpo_alpha Pang et
al. 2024 (arXiv 2404.19733, eq. 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.logps import sequence_logps
from unireward.training.objectives.pairs import Labels
from unireward.training.objectives.preference import PreferenceOptions, PreferenceTerm
from unireward.training.objectives.term import wanted


@dataclass(frozen=True)
class DpoOptions(PreferenceOptions):
    """Besides those of preferences: ``average`` divides L by the reply's tokens (None: for ipo
    only), ``rpo_alpha`` >= 0, and ``reference_free`` takes 0 for the reference."""

    average: bool | None = None
    rpo_alpha: float = 0.0
    reference_free: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self.need("rpo_alpha", 0)


class Dpo(PreferenceTerm):
    """Reads ``targets`` and ``sequence`` of the rows ``chosen`` and ``rejected``, and the rows'
    ``reference_logps``. The metrics ``chosen``, ``rejected`` and ``margin`` are implicit rewards,
    b L; ``chosen_logp`` and ``rejected_logp`` are of the policy alone, ``beta`` is the mean b."""

    kind = "dpo"
    Options = DpoOptions
    options: DpoOptions

    @property
    def reads_reference(self) -> bool:  # pyright: ignore[reportIncompatibleVariableOverride]
        return not self.options.reference_free

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
        share = labels.share.to(ratio.dtype)
        each = self.compared(better - worse, beta, share)
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
