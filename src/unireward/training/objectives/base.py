"""Objective: a weighted list of terms, each a loss on the outputs of one forward.

A model is run once a batch and gives :class:`Outputs`; a term turns these and the batch's own
fields into a loss *sum* and says from the batch alone what that sum is to be divided by::

    objective = Objective([Sft(), BradleyTerry(coefficient=0.5)])
    totals = objective.weights(batch)                   # summed over micro-batches and processes
    loss, metrics = objective(model(batch), batch, totals)
    loss.backward()                                     # k micro-batches add up to one big batch

Edge rules: a term that finds none of its fields has weight 0 and adds nothing; where a term's
total is 0 its loss and metrics are left out, never NaN. The loss always hangs on every output,
with a gradient of zeros if need be, so that no process of several is left waiting for another.
Half precision is widened to float32 before any arithmetic, double stays double.

The fields of a batch, all optional. R counts scored sequences, M supervised positions, P pairs,
K a head's dimensions, N members of groups; a generator's rows are pictures or clips:

=================  =========================================================================
``logits_at``      [M] long, flat positions into [B * L] where ``Outputs.logits`` is wanted
``targets``        [M] long token ids, -100 ignored; ``target_weights`` [M] float
``words``          [M] long, -100 or 0 wrong, 1 right
``yes_share``      [M] float in 0 to 1, NaN where no yes/no is asked; ``yes_weights`` [M]
``sequence``       [M] long, the row r that a position belongs to
``chosen``         [P] long rows, and ``rejected`` [P]; ``pair_weights`` [P]
``margin``         [P] float (NaN unknown); ``strength`` [P] float >= 0 (NaN unknown, 0 a tie)
``share``          [P] probability that chosen is better (NaN: it is); ``tie`` [P] bool
``scores``         [R, K] float, NaN unknown; ``score_weights`` [R]
``absolute``       [R] 0 bad, 1 good, NaN unknown
``reference_logps``  [R] summed log-probabilities of the targets under the reference model
``error_weights``  [R] float >= 0, what a generator's error of a row counts
``reference_errors``  [R] the rows' errors under the reference model
``pair_score``     [P] float > 0, NaN unknown: how frequent pairs like this are
``ranking``        [N] long rows; ``ranking_group`` [N] long; ``ranking_tier`` [N] long, 0 best
``aux_<name>``     targets of the shape of ``Outputs.aux[name]``, NaN unknown
=================  =========================================================================

``share``, ``tie``, ``margin``, ``strength`` and ``pair_weights`` may be [P, K]: one label for
each dimension, with a ``pair_weights`` of 0 where a dimension was not labelled.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from unireward.errors import InputError


@dataclass
class Outputs:
    """What one forward gives; None where the model was not asked for it."""

    logits: Tensor | None = None
    """[M, V], at ``batch["logits_at"]``."""
    rewards: Tensor | None = None
    """[R, K] head outputs, a row for each scored sequence."""
    sigma: Tensor | None = None
    """[R, K] > 0, where the head is Gaussian."""
    aux: dict[str, Tensor] = field(default_factory=dict)
    """Outputs of layers that only training has, by name."""
    errors: Tensor | None = None
    """[R], a generator's mean squared error of each row's prediction."""
    snr: Tensor | None = None
    """[R], the signal-to-noise ratio at each row's time."""
    gain: Tensor | None = None
    """[R], the clean picture's squared error for each squared error of the prediction."""

    def tensors(self) -> list[Tensor]:
        """Those that a gradient goes through."""
        named = (self.logits, self.rewards, self.sigma, self.errors)
        return [*(tensor for tensor in named if tensor is not None), *self.aux.values()]


Batch = Mapping[str, Any]
"""Tensors by the names above."""


class Term(Protocol):
    """One loss. ``__call__`` gives sums, never means: whoever accumulates divides.

    A term may also have ``metrics``, the names of all it gives, which are then there (as 0) for
    every batch, and ``metric_weights(batch) -> {metric: weight}`` for metrics that are means over
    something else than its loss is (the accuracy over decided pairs, say).
    """

    name: str
    coefficient: float

    def weight(self, batch: Batch) -> Tensor:
        """Scalar: what the loss sum is divided by, known before any forward."""
        ...

    def __call__(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss sum (with its graph) and metric sums (without)."""
        ...


class Objective(nn.Module):
    """Terms with distinct names. A module, for what terms learn themselves (a tie's width):
    put ``objective.parameters()`` into the optimiser and its state into the checkpoint."""

    def __init__(self, terms: Iterable[Term]) -> None:
        super().__init__()
        self.terms = tuple(terms)
        names = [term.name for term in self.terms]
        if not names:
            raise InputError("an objective needs a term; give one, for example sft")
        if twice := {name for name in names if names.count(name) > 1}:
            raise InputError(f"two terms are named {min(twice)!r}; set 'name' of one to another")
        self.learned = nn.ModuleDict(
            {f"term_{term.name}": term for term in self.terms if isinstance(term, nn.Module)}
        )

    def weights(self, batch: Batch) -> dict[str, Tensor]:
        """Each term's weight under its name, and ``term/metric`` where a metric has its own."""
        found = {}
        for term in self.terms:
            found[term.name] = term.weight(batch)
            own = getattr(term, "metric_weights", None)
            for metric, weight in (own(batch) if own else {}).items():
                found[f"{term.name}/{metric}"] = weight
        return found

    def forward(
        self, outputs: Outputs, batch: Batch, totals: Mapping[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Loss: sum over terms of ``coefficient * sum / total``; metrics ``term/metric``, the
        term's own loss among them, each this batch's part of the mean over all batches. The
        metrics' names are the same for every batch."""
        loss = anchor(outputs)
        metrics: dict[str, Tensor] = {}
        for term in self.terms:
            part, sums = term(outputs, batch)
            share = _share(part, totals[term.name])
            loss = loss + term.coefficient * share
            metrics[f"{term.name}/loss"] = share.detach()
            for metric in {**dict.fromkeys(getattr(term, "metrics", ())), **sums}:
                value = sums.get(metric, torch.zeros_like(part))
                key = f"{term.name}/{metric}"
                metrics[key] = _share(value.detach(), totals.get(key, totals[term.name]))
        return loss, metrics

    def as_function(
        self, forward: Callable[[Any, Batch], Outputs] | None = None
    ) -> Callable[[Any, Batch], tuple[Tensor, Tensor, dict[str, float]]]:
        """``(model, batch) -> (loss sum, weight, metrics)`` (protocols.Objective), of one term.

        ``forward`` runs the model, ``model(batch)`` unless given. Metrics are means of the batch.
        """
        if len(self.terms) != 1:
            raise InputError(f"{len(self.terms)} terms have no one weight; give a single term")
        term = self.terms[0]

        def function(model: Any, batch: Batch) -> tuple[Tensor, Tensor, dict[str, float]]:
            outputs = forward(model, batch) if forward else model(batch)
            totals = self.weights(batch)
            loss, metrics = self(outputs, batch, totals)
            weight = totals[term.name]
            return loss * weight, weight, {key: float(value) for key, value in metrics.items()}

        return function


def anchor(outputs: Outputs) -> Tensor:
    """Zero that hangs on every output. An empty slice, since ``0 * inf`` would be NaN."""
    zeros = [tensor.reshape(-1)[:0].sum() for tensor in outputs.tensors()]
    return torch.stack([zero.to(zeros[0]) for zero in zeros]).sum() if zeros else torch.zeros(())


def _share(part: Tensor, total: Tensor) -> Tensor:
    total = total.to(part.device, part.dtype)
    return part * torch.where(total > 0, 1 / total.clamp_min(torch.finfo(part.dtype).tiny), 0.0)
