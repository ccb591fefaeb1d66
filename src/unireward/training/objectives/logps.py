"""Log-probabilities of whole sequences, of the policy and of its reference alike."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unireward.training.objectives.term import IGNORE, widened


def sequence_logps(
    logits: Tensor, targets: Tensor, sequence: Tensor, rows: int
) -> tuple[Tensor, Tensor]:
    """Summed log-probability of each row's targets, and how many targets it has.

    ``logits`` [M, V], ``targets`` [M] token ids (-100 ignored), ``sequence`` [M] the row of each;
    two tensors of ``rows`` numbers. A row without targets has the sum 0 and the count 0.
    """
    logits = widened(logits)
    each = -F.cross_entropy(logits, targets, reduction="none", ignore_index=IGNORE)
    sums = logits.new_zeros(rows).index_add(0, sequence, each)
    known = (targets != IGNORE).to(logits.dtype)
    return sums, torch.zeros_like(sums).index_add(0, sequence, known)
