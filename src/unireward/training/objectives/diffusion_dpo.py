"""diffusion-dpo: preference learned by a generator itself, against a reference of it.

With e a row's mean squared error of the prediction, e_ref that of the reference on the same noise
at the same time, and v the weight of the time, a candidate's log-ratio is L = -v (e - e_ref) / 2,
and D = L_chosen - L_rejected goes into one of the losses of
:mod:`unireward.training.objectives.preference`. The ``sigmoid`` one is, without weights::

    -log sigmoid(-beta / 2 * ((e_w - e_w_ref) - (e_l - e_l_ref)))

plus ``sft_weight`` a on the better one's own error, a b v e, which keeps a policy from lowering
both. On epsilon and v it is Diffusion-DPO (Wallace et al. 2024, arXiv 2311.12908, eq. 14, T folded
into beta, the mean over elements and the half as in its code), on velocity Flow-DPO (VideoAlign,
arXiv 2501.13918).

The beta of a pair is b = beta (1 + w (1 - exp(-k g))) (reference / score)^power: MM-DPO's growth
with the margin g, and VideoDPO's weight of rare pairs (arXiv 2412.14167), for which
``pair_score`` is how frequent pairs like this are.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.pairs import Labels
from unireward.training.objectives.preference import PreferenceOptions, PreferenceTerm
from unireward.training.objectives.term import wanted, widened
from unireward.training.objectives.time_weights import WEIGHTINGS, TimeWeights


@dataclass(frozen=True)
class DiffusionDpoOptions(PreferenceOptions):
    """Besides those of preferences: ``weighting`` and ``gamma`` of times, ``sft_weight`` >= 0
    relative to beta, ``score_power`` >= 0 and ``score_reference`` > 0 of the pair's score (an
    unknown one leaves beta as it is)."""

    beta: float = 5000.0
    weighting: str = "none"
    gamma: float = 5.0
    sft_weight: float = 0.0
    score_power: float = 0.0
    score_reference: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("weighting", WEIGHTINGS)
        self.need("gamma", 0, open_low=True)
        self.need("sft_weight", 0)
        self.need("score_power", 0)
        self.need("score_reference", 0, open_low=True)


class DiffusionDpo(PreferenceTerm):
    """Reads the rows ``chosen`` and ``rejected`` and the rows' ``reference_errors``. The metrics
    ``chosen``, ``rejected`` and ``margin`` are implicit rewards, b L; ``chosen_error`` and
    ``rejected_error`` are the policy's own, without the weight of times."""

    kind = "diffusion-dpo"
    Options = DiffusionDpoOptions
    options: DiffusionDpoOptions
    reads_reference = True

    @property
    def metrics(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return (*super().metrics, "chosen_error", "rejected_error", "beta")

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "chosen" not in batch or not len(batch["chosen"]):
            return anchor(outputs), {}
        options, labels = self.options, self.labels(batch)
        errors = wanted(outputs, "errors", self.name)
        times = TimeWeights(options.weighting, options.gamma).of(outputs, self.name)
        ratio = -times * (errors - self.reference(batch, errors)) / 2
        beta = self.betas(labels, batch).to(errors.dtype)
        better, worse = ratio[labels.chosen][:, None], ratio[labels.rejected][:, None]
        share = labels.share.to(errors.dtype)
        each = self.compared(better - worse, beta, share)
        if options.sft_weight:
            own = times * errors
            told = share * own[labels.chosen][:, None]
            told = told + (1 - share) * own[labels.rejected][:, None]
            each = each + options.sft_weight * beta * told
        sums = self.measured(beta * better.detach(), beta * worse.detach(), labels)
        weight = labels.weight[:, 0].to(errors.dtype)
        sums["chosen_error"] = (errors.detach()[labels.chosen] * weight).sum()
        sums["rejected_error"] = (errors.detach()[labels.rejected] * weight).sum()
        sums["beta"] = (beta[:, 0] * weight).sum()
        return self.weighed(each, labels), sums

    def betas(self, labels: Labels, batch: Batch) -> Tensor:
        options = self.options
        beta = super().betas(labels, batch)
        if not options.score_power:
            return beta
        if "pair_score" not in batch:
            raise InputError(
                f"{self.name}: score_power is {options.score_power:g} and the batch has no "
                "pair_score; name the records' field in data.pair_score, or set score_power to 0"
            )
        score = widened(batch["pair_score"])[:, None]
        factor = (options.score_reference / score) ** options.score_power
        return beta * torch.where(score.isnan(), 1.0, factor).to(beta.dtype)

    def reference(self, batch: Batch, errors: Tensor) -> Tensor:
        if "reference_errors" not in batch:
            raise InputError(
                f"{self.name}: the batch has no reference_errors; fill them from the reference "
                "model on the same noise and times"
            )
        return batch["reference_errors"].to(errors.dtype)
