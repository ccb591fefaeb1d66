"""Probabilities of winning, losing and tying, by the difference d of two scores.

Rao and Kupper 1967 (JASA 62), with a threshold e = log theta >= 0 below which two things
look alike::

    P(win) = sigmoid(d - e),  P(lose) = sigmoid(-d - e)
    P(tie) = (exp(2e) - 1) P(win) P(lose)

Davidson 1970 (JASA 65), with nu >= 0 the ease of tying::

    P(win) : P(lose) : P(tie) = exp(d/2) : exp(-d/2) : nu

Both are exact in log space for any d; at e = 0 or nu = 0 they are Bradley-Terry, and a tie has
probability 0.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Outcomes(NamedTuple):
    """Natural log-probabilities of the shape of the differences."""

    win: Tensor
    lose: Tensor
    tie: Tensor


def rao_kupper(delta: Tensor, threshold: Tensor) -> Outcomes:
    """``threshold`` is e = log theta > 0, in the unit of the scores."""
    win, lose = F.logsigmoid(delta - threshold), F.logsigmoid(-delta - threshold)
    # log(exp(2e) - 1), which neither overflows nor cancels
    return Outcomes(win, lose, 2 * threshold + torch.log(-torch.expm1(-2 * threshold)) + win + lose)


def davidson(delta: Tensor, log_nu: Tensor) -> Outcomes:
    """``log_nu`` is the natural logarithm of nu > 0."""
    win, lose, tie = torch.broadcast_tensors(delta / 2, -delta / 2, log_nu)
    return Outcomes(*torch.stack([win, lose, tie]).log_softmax(0).unbind(0))
