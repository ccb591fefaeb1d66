"""gaussian-pair and fidelity: pairs of scores that are not certain.

A head that says a mean mu and a deviation sigma (1 where it says none) makes the difference of two
scores a normal number; with z = (mu_c - mu_r) / sqrt(sigma_c^2 + sigma_r^2) the chosen wins with
probability::

    probit     p = Phi(z)                                  Thurstone 1927
    logistic   p = E[sigmoid(mu_c - mu_r + sqrt(sigma_c^2 + sigma_r^2) n)],  n normal

and with s the share that prefers the chosen (one half at a counted tie)::

    gaussian-pair   -s log p - (1 - s) log(1 - p)
    fidelity        1 - sqrt(p s) - sqrt((1 - p) (1 - s))

Sources: ``logistic`` is the likelihood of PURM (arXiv 2503.22480), there sampled, here integrated
by quadrature. HPSv3 (arXiv 2508.03789) trains means and deviations by pairs of this
kind; which of the two it takes could not be checked against its code. Fidelity: Tsai et al. 2007
(FRank); as a reward of Aes-R1. It stays below 1, so that one wrong label cannot rule a batch.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.training.objectives.base import Batch, Outputs
from unireward.training.objectives.pairs import Labels, PairOptions, PairTerm
from unireward.training.objectives.term import wanted

NODES, REACH = 256, 10.0
"""Of the quadrature: points, and deviations on either side."""


@dataclass(frozen=True)
class GaussianPairOptions(PairOptions):
    """Besides those of pairs: ``link`` ``probit`` or ``logistic``."""

    link: str = "probit"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.one_of("link", ("probit", "logistic"))


class GaussianPair(PairTerm):
    """Reads ``chosen``, ``rejected``, ``Outputs.rewards`` and ``Outputs.sigma``."""

    kind = "gaussian-pair"
    Options = GaussianPairOptions

    def losses(
        self, better: Tensor, worse: Tensor, labels: Labels, outputs: Outputs, batch: Batch
    ) -> Tensor:
        win, lose = self.log_chances(better - worse, labels, outputs)
        share = self.smoothed(labels).to(win.dtype)
        return -share * win - (1 - share) * lose

    def log_chances(self, delta: Tensor, labels: Labels, outputs: Outputs) -> tuple[Tensor, Tensor]:
        """Log-probabilities that the chosen wins and that it loses, [P, D]."""
        variance = self.columns(self.sigma(outputs, delta).square(), power=2)
        deviation = (variance[labels.chosen] + variance[labels.rejected]).sqrt()
        if self.options.link == "logistic":
            return log_mean_sigmoid(delta, deviation), log_mean_sigmoid(-delta, deviation)
        z = delta / deviation
        return log_phi(z), log_phi(-z)

    def sigma(self, outputs: Outputs, delta: Tensor) -> Tensor:
        return wanted(outputs, "sigma", self.name)


class Fidelity(GaussianPair):
    """The same with a bounded loss, and without a Gaussian head with a sigma of 1."""

    kind = "fidelity"

    def losses(
        self, better: Tensor, worse: Tensor, labels: Labels, outputs: Outputs, batch: Batch
    ) -> Tensor:
        win, lose = self.log_chances(better - worse, labels, outputs)
        share = self.smoothed(labels).to(win.dtype)
        # Square roots of probabilities through their logarithms, whose slope is never infinite.
        return 1 - (win / 2).exp() * share.sqrt() - (lose / 2).exp() * (1 - share).sqrt()

    def sigma(self, outputs: Outputs, delta: Tensor) -> Tensor:
        if outputs.sigma is None:
            return torch.ones_like(wanted(outputs, "rewards", self.name))
        return super().sigma(outputs, delta)


def log_phi(z: Tensor) -> Tensor:
    """log of the standard normal distribution function, exact in both tails."""
    return torch.special.log_ndtr(z)


def log_mean_sigmoid(mean: Tensor, deviation: Tensor) -> Tensor:
    """log E[sigmoid(x)] of x normal, by the trapezoid rule on NODES points.

    For a smooth bell the rule converges exponentially: the probability's error is under 1e-9
    for deviations up to 10 and under 1e-4 up to 30 (tests hold both).
    """
    at = torch.linspace(-REACH, REACH, NODES, device=mean.device, dtype=mean.dtype)
    log_weights = (-at.square() / 2).log_softmax(0)
    x = mean.unsqueeze(-1) + deviation.unsqueeze(-1) * at
    return torch.logsumexp(log_weights + F.logsigmoid(x), dim=-1)
