"""PairTerm: what losses on pairs share: the labels, their weights, the metrics.

A pair says that the row ``chosen`` beats the row ``rejected``, with probability ``share`` where
people disagreed. Swapping the two rows and putting 1 - share for share says the same thing, and
every loss here gives the same number for it.

Edge rules: NaN in ``share``, ``margin`` or ``strength`` means unknown; a pair whose strength is 0
is a tie, since under a plain loss it would still push one way; a tie is never half a win unless
the option says so. With several dimensions, a label [P] is said of each of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unireward.errors import InputError
from unireward.training.objectives.base import Batch, Outputs, anchor
from unireward.training.objectives.term import LossTerm, Options, nothing, wanted, widened


@dataclass(frozen=True)
class PairOptions(Options):
    """What every loss on pairs of head outputs can be told.

    ``dimensions`` names a head's outputs (empty: one, without a name), ``dimension_weights`` says
    how much each counts (empty: 1 each, all >= 0). ``combine`` ``each`` gives every dimension its
    own loss, ``sum`` one loss on the weighted sum. ``label_smoothing`` e in [0, 0.5) makes a share
    s into (1 - e) s + e (1 - s).
    """

    dimensions: tuple[str, ...] = ()
    dimension_weights: tuple[float, ...] = ()
    combine: str = "each"
    label_smoothing: float = 0.0
    ties: str = "ignore"

    def __post_init__(self) -> None:
        self.need("label_smoothing", 0, 0.5, open_high=True)
        self.one_of("combine", ("each", "sum"))
        self.one_of("ties", self.tie_rules())
        weights = self.dimension_weights
        if weights and len(weights) != max(len(self.dimensions), 1):
            raise InputError(
                f"dimension_weights has {len(weights)} numbers for "
                f"{max(len(self.dimensions), 1)} dimensions; give one for each"
            )
        if weights and (min(weights) < 0 or sum(weights) <= 0 or sum(weights) == float("inf")):
            raise InputError("dimension_weights must be 0 or more, one at least above 0")

    @classmethod
    def tie_rules(cls) -> tuple[str, ...]:
        return ("ignore", "half")


@dataclass(frozen=True)
class Labels:
    """A batch's pairs, D labels each: D is 1, or K where every dimension has a loss."""

    chosen: Tensor
    rejected: Tensor
    share: Tensor
    """[P, D] in 0 to 1, one half at ties, before label smoothing."""
    tie: Tensor
    """[P, D] bool."""
    weight: Tensor
    """[P, D], 0 where a label is ignored."""
    margin: Tensor
    """[P, D], NaN unknown."""
    strength: Tensor
    """[P, D], NaN unknown or 0."""

    @property
    def decided(self) -> Tensor:
        return ~self.tie & (self.share != 0.5)


def read_labels(batch: Batch, weights: tuple[float, ...], ties: str) -> Labels:
    """The labels of a batch, each spread over ``len(weights)`` dimensions and weighted."""
    chosen, rejected = batch["chosen"], batch["rejected"]
    shape = (len(chosen), len(weights))
    device = chosen.device

    def spread(name: str, default: float) -> Tensor:
        given = batch.get(name)
        if given is None:
            return torch.full(shape, default, device=device)
        if given.dim() == 2 and given.shape[1] not in (1, shape[1]):
            raise InputError(
                f"{name} has {given.shape[1]} dimensions and the loss {shape[1]}; "
                "name the dimensions in the loss's options"
            )
        if not given.dtype.is_floating_point:
            given = given.float()
        return widened(given if given.dim() == 2 else given.unsqueeze(1)).expand(shape)

    strength = spread("strength", float("nan"))
    tie = (spread("tie", 0.0) > 0) | (strength == 0)
    share = spread("share", float("nan"))
    share = torch.where(share.isnan(), 1.0, share).masked_fill(tie, 0.5)
    weight = spread("pair_weights", 1.0) * torch.tensor(weights, device=device)
    if ties == "ignore":
        weight = weight.masked_fill(tie, 0.0)
    strength = strength.masked_fill(strength == 0, float("nan"))
    return Labels(chosen, rejected, share, tie, weight, spread("margin", float("nan")), strength)


class PairTerm(LossTerm):
    """Base of losses on pairs: a subclass gives ``deltas`` and ``losses``.

    Metrics: ``accuracy`` (the better one strictly higher, over decided pairs), ``margin`` (by how
    much, over the same pairs), ``tie_gap`` (the mean absolute difference over ties), and
    ``chosen`` and ``rejected``, the mean values of the two. Accuracy is also given for each
    dimension by its name.
    """

    options: Any

    @property
    def names(self) -> tuple[str, ...]:
        """Of the losses' columns, where they have names."""
        return self.options.dimensions if self.options.combine == "each" else ()

    @property
    def metrics(self) -> tuple[str, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        own = tuple(f"accuracy/{name}" for name in self.names)
        return ("accuracy", "margin", "tie_gap", "chosen", "rejected", *own)

    def labels(self, batch: Batch) -> Labels:
        options = self.options
        each = options.dimension_weights or (1.0,) * max(len(options.dimensions), 1)
        return read_labels(batch, each if options.combine == "each" else (1.0,), options.ties)

    def weight(self, batch: Batch) -> Tensor:
        return self.labels(batch).weight.sum() if "chosen" in batch else nothing(batch)

    def metric_weights(self, batch: Batch) -> dict[str, Tensor]:
        if "chosen" not in batch:
            named = (f"accuracy/{name}" for name in self.names)
            return {key: nothing(batch) for key in ("accuracy", "margin", "tie_gap", *named)}
        labels = self.labels(batch)
        decided, tied = labels.weight * labels.decided, labels.weight * labels.tie
        found = {"accuracy": decided.sum(), "margin": decided.sum(), "tie_gap": tied.sum()}
        for column, name in enumerate(self.names):
            found[f"accuracy/{name}"] = decided[:, column].sum()
        return found

    def forward(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "chosen" not in batch or not len(batch["chosen"]):
            return anchor(outputs), {}
        labels = self.labels(batch)
        better, worse = self.values(outputs, batch, labels)
        each = self.losses(better, worse, labels, outputs, batch)
        return self.weighed(each, labels), self.measured(better.detach(), worse.detach(), labels)

    def weighed(self, each: Tensor, labels: Labels) -> Tensor:
        """The loss sum of [P, D] losses."""
        return _masked(each, labels.weight.to(each.dtype))

    def values(self, outputs: Outputs, batch: Batch, labels: Labels) -> tuple[Tensor, Tensor]:
        """What is compared, [P, D] of the chosen and [P, D] of the rejected."""
        rewards = self.columns(wanted(outputs, "rewards", self.name))
        return rewards[labels.chosen], rewards[labels.rejected]

    def losses(
        self, better: Tensor, worse: Tensor, labels: Labels, outputs: Outputs, batch: Batch
    ) -> Tensor:
        """[P, D], not yet weighted."""
        raise NotImplementedError

    def columns(self, rewards: Tensor, power: int = 1) -> Tensor:
        """[R, K] as the D columns of the loss; ``power`` 2 adds up variances."""
        options = self.options
        k = max(len(options.dimensions), 1)
        if rewards.dim() != 2 or rewards.shape[1] != k:
            raise InputError(
                f"{self.name}: the head gives {list(rewards.shape)[1:]} numbers a sequence and the "
                f"loss names {k}; set dimensions to the head's names"
            )
        if options.combine == "each":
            return rewards
        weights = rewards.new_tensor(options.dimension_weights or (1.0,) * k)
        return (rewards * weights**power).sum(1, keepdim=True)

    def smoothed(self, labels: Labels) -> Tensor:
        """[P, D] shares after label smoothing; ties keep one half."""
        e = self.options.label_smoothing
        return labels.share * (1 - e) + (1 - labels.share) * e

    @torch.no_grad()
    def measured(self, better: Tensor, worse: Tensor, labels: Labels) -> dict[str, Tensor]:
        weight = labels.weight.to(better.dtype)
        delta = better - worse
        gain = torch.where(labels.share >= 0.5, delta, -delta)
        decided = weight * labels.decided
        right = (gain > 0) * decided
        sums = {
            "accuracy": right.sum(),
            "margin": _masked(gain, decided),
            "tie_gap": _masked(delta.abs(), weight * labels.tie),
            "chosen": _masked(better, weight),
            "rejected": _masked(worse, weight),
        }
        for column, name in enumerate(self.names):
            sums[f"accuracy/{name}"] = right[:, column].sum()
        return sums


def _masked(values: Tensor, weight: Tensor) -> Tensor:
    """Where nothing is weighed, nothing is multiplied: an ignored pair may be anything."""
    return torch.where(weight > 0, values, 0.0).mul(weight).sum()
