"""Time weights: what an error of the denoiser counts at its time, whatever it predicts.

A denoiser says the noise, the velocity or v; the same mistake is a different error in each. With
alpha and sigma of a time, snr = alpha^2 / sigma^2, and gain = the squared error of the clean
picture for each squared error of the prediction (sigma^2 / alpha^2 of noise, sigma^2 of v and of
a flow's velocity)::

    none      1                        the error as the model is trained on it
    clean     gain                     of the clean picture
    noise     snr gain                 of the noise: 1 for epsilon, (1 - sigma)^2 on a flow
    min-snr   min(snr, gamma) gain     Hang et al. 2023 (arXiv 2303.09556)

So ``min-snr`` is min(snr, gamma) / snr for epsilon and min(snr, gamma) / (snr + 1) for v, as in
that paper. ``noise`` on a flow is the beta (1 - t)^2 that follows from Diffusion-DPO, and that
VideoAlign (arXiv 2501.13918) found to do worse than ``none``.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from unireward.training.objectives.base import Outputs
from unireward.training.objectives.term import wanted

WEIGHTINGS = ("none", "clean", "noise", "min-snr")


@dataclass(frozen=True)
class TimeWeights:
    """``gamma`` > 0 is read by ``min-snr`` alone."""

    weighting: str = "none"
    gamma: float = 5.0

    def of(self, outputs: Outputs, term: str) -> Tensor | float:
        """[R], or 1. Raises :class:`InputError` where the model says no times."""
        if self.weighting == "none":
            return 1.0
        gain = wanted(outputs, "gain", term).detach()
        if self.weighting == "clean":
            return gain
        snr = wanted(outputs, "snr", term).detach()
        return gain * (snr if self.weighting == "noise" else snr.clamp_max(self.gamma))
