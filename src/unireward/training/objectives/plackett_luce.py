"""plackett-luce: a group of candidates in the order in which people put them.

For a group with scores r and tiers (0 the best), every candidate i that has worse ones below it
was chosen from itself and those::

    loss = sum over such i of  logsumexp({r_i} and {r_j of every lower tier}) - r_i

Source: Plackett 1975, Luce 1959; as a loss ListMLE (Xia et al. 2008). Without ties this is minus
the log-probability of the ranking, and for two candidates Bradley-Terry. Candidates of one tier
are not compared with each other: each is the best of itself and all that is worse, and nothing is
said of the order among equals.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import LossTerm, Options, nothing, wanted


@dataclass(frozen=True)
class PlackettLuceOptions(Options):
    """``column`` of the head's outputs; ``per`` ``group`` counts every group once (ListMLE),
    ``choice`` every choice once, so that groups of ten weigh no more a choice than pairs."""

    column: int = 0
    per: str = "group"

    def __post_init__(self) -> None:
        if self.per not in ("group", "choice"):
            raise InputError(f"per is {self.per!r}; use one of group, choice")
        if self.column < 0:
            raise InputError(f"column is {self.column}; set it to 0 or more")


class PlackettLuce(LossTerm):
    """Reads ``ranking``, ``ranking_group`` and ``ranking_tier``. Metric: ``accuracy``, the share
    of choices where the chosen is strictly above all that is worse."""

    kind = "plackett-luce"
    metrics = ("accuracy",)
    Options = PlackettLuceOptions

    def weight(self, batch: Batch) -> Tensor:
        if "ranking" not in batch:
            return nothing(batch)
        chose = _below(batch).any(1)
        if self.options.per == "choice":
            return chose.sum().float()
        return torch.tensor(float(len(batch["ranking_group"][chose].unique())), device=chose.device)

    def metric_weights(self, batch: Batch) -> dict[str, Tensor]:
        if "ranking" not in batch:
            return {"accuracy": nothing(batch)}
        return {"accuracy": _below(batch).any(1).sum().float()}

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "ranking" not in batch or not len(batch["ranking"]):
            return anchor(outputs), {}
        scores = wanted(outputs, "rewards", self.name)[batch["ranking"], self.options.column]
        below = _below(batch)
        chose = below.any(1)
        among = below | torch.eye(len(scores), dtype=torch.bool, device=below.device)
        spread = scores.expand(len(scores), -1)
        rest = spread.masked_fill(~among, -torch.inf).logsumexp(1)
        best_below = spread.masked_fill(~below, -torch.inf).amax(1)
        right = (scores > best_below) & chose
        # One that has nothing below it chose nothing: logsumexp of itself less itself.
        return (rest - scores).sum(), {"accuracy": right.sum().to(scores.dtype)}


def _below(batch: Batch) -> Tensor:
    """[N, N] bool: column is of the row's group and of a worse tier."""
    group, tier = batch["ranking_group"], batch["ranking_tier"]
    return (group[:, None] == group[None, :]) & (tier[None, :] > tier[:, None])
