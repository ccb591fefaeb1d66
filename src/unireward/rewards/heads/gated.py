"""GatedHead: criteria weighed into aspects, aspects into one score, by what the prompt asks.

After MJ-Video (SYSTEMS 49): a linear layer gives each criterion's score; two small networks read
the state where the prompt ends, one weighs the criteria within each aspect, one the aspects. ::

    {"kind": "gated", "aspects": {"alignment": ["objects", "count"], "quality": ["sharp"]},
     "marks": {"<|im_end|>": 151645}}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.rewards.heads.base import OVERALL, Head, HeadOutput, linear
from unireward.rewards.heads.linear import mlp
from unireward.rewards.heads.pooling import at_places


class GatedHead(Head):
    """Columns: criteria, aspects, ``overall``. ``gate`` has the aspects' weights (they sum to 1)
    and then the criteria's (1 within each aspect), under ``gate_names``.

    The one mark, where there is one, is where the prompt ends: its last place feeds the gates.
    Without it they read what the criteria read. ``temperature`` divides the gates' logits;
    each gate has a learned scale, which starts at 1.
    """

    kind = "gated"
    pools: ClassVar[tuple[str, ...]] = ("last", "mean")

    def __init__(
        self,
        hidden_size: int,
        *,
        aspects: Mapping[str, Sequence[str]],
        temperature: float = 1.0,
        gate_depth: int = 4,
        gate_width: int = 1024,
        layers: Sequence[int] = (-1,),
        pool: str = "last",
        marks: Mapping[str, int] | None = None,
    ) -> None:
        _check(aspects, temperature, marks)
        self.aspects = {name: tuple(criteria) for name, criteria in aspects.items()}
        self.criteria = tuple(c for group in self.aspects.values() for c in group)
        names = (*self.criteria, *self.aspects, OVERALL)
        super().__init__(hidden_size, names=names, layers=layers, pool=pool, marks=marks)
        self.temperature, self.gate_depth, self.gate_width = temperature, gate_depth, gate_width
        self.score = linear(hidden_size, len(self.criteria), bias=False)
        gate = {"depth": gate_depth, "activation": "relu", "width": gate_width}
        self.aspect_gate = mlp(hidden_size, len(self.aspects), **gate)
        self.criterion_gate = mlp(hidden_size, len(self.criteria), **gate)
        self.aspect_scale = nn.Parameter(torch.ones(()))
        self.criterion_scale = nn.Parameter(torch.ones(()))

    @property
    def gate_names(self) -> tuple[str, ...]:
        return (*self.aspects, *self.criteria)

    def pool(self, states: Sequence[Tensor], mask: Tensor, places: Tensor | None) -> Tensor:
        """[R, 2 D]: what the criteria read, and what the gates read."""
        candidate = super().pool(states, mask, None)
        if not self.marks:
            return torch.cat([candidate, candidate], 1)
        assert places is not None, "pass head.places(input_ids)"
        return torch.cat([candidate, at_places(states[-1], places)[:, 0]], 1)

    def read(self, pooled: Tensor) -> HeadOutput:
        candidate, prompt = pooled.chunk(2, dim=1)
        criteria = self.score(candidate)
        logits = self.criterion_gate(prompt) / self.temperature
        sizes = [len(group) for group in self.aspects.values()]
        inside = torch.cat([part.softmax(1) for part in logits.split(sizes, 1)], 1)
        among = (self.aspect_gate(prompt) / self.temperature).softmax(1)
        weighed = (criteria * inside * self.criterion_scale).split(sizes, 1)
        aspects = torch.stack([part.sum(1) for part in weighed], 1)
        overall = (aspects * among * self.aspect_scale).sum(1, keepdim=True)
        return HeadOutput(
            scores=torch.cat([criteria, aspects, overall], 1), gate=torch.cat([among, inside], 1)
        )

    def config(self) -> dict[str, Any]:
        out = super().config()
        del out["names"]  # they follow from the aspects
        return out

    def options(self) -> dict[str, Any]:
        return {
            "aspects": {name: list(criteria) for name, criteria in self.aspects.items()},
            "temperature": self.temperature,
            "gate_depth": self.gate_depth,
            "gate_width": self.gate_width,
        }


def _check(aspects: Any, temperature: Any, marks: Any) -> None:
    if not isinstance(aspects, Mapping) or not aspects:
        raise InputError('head: aspects are missing; give {"aspect": ["criterion", ...], ...}')
    for name, criteria in aspects.items():
        if isinstance(criteria, str) or not criteria:
            raise InputError(f"head: aspect {name} has no list of criteria; give at least one")
    if not temperature > 0:
        raise InputError(f"head: temperature is {temperature!r}; give a number above 0")
    if marks is not None and len(marks) > 1:
        raise InputError("head: a gated head has one mark, where the prompt ends; give one")
