"""Head: what turns a backbone's hidden states into scores.

>>> head = make_head({"kind": "mlp", "depth": 2}, hidden_size=2048)
>>> out = head(states, mask)          # out.scores [R, K] float32

A head computes in float32 whatever the backbone's dtype, reads real tokens only (padding may be on
either side), and knows its own config, from which :func:`make_head` builds it again. To add one:
inherit :class:`Head`, set ``kind``, pass the common options to ``super().__init__`` and give
``pool`` or ``forward``; the options of ``__init__`` are its config.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from unireward.errors import InputError
from unireward.rewards.heads.pooling import POOLS, at_places, last_real, mean_real, places_of

OVERALL = "overall"
"""The name of the column that ranks, where a head has several."""


@dataclass
class HeadOutput:
    """What a head says of R sequences."""

    scores: Tensor
    """[R, K] float32, unbounded; columns under the head's ``names``."""
    sigma: Tensor | None = None
    """[R, K] > 0, where the head is Gaussian."""
    gate: Tensor | None = None
    """[R, G] weights of a gated head, columns under its ``gate_names``."""


class Head(nn.Module):
    """The base of all heads.

    ``names`` are the columns of the scores. ``layers`` are indices of transformers'
    ``hidden_states`` (-1 the last, after the final norm). ``pool`` is ``last`` (the last real
    token), ``mean`` (over all real tokens) or ``mark``: the last place of a special token, whose
    text and id are in ``marks``; with one mark for each name, each name reads its own.
    """

    kind: ClassVar[str] = ""
    frozen: ClassVar[tuple[str, ...]] = ()
    """Parts of the backbone that the published recipe of this head does not train."""
    pools: ClassVar[tuple[str, ...]] = POOLS
    _kinds: ClassVar[dict[str, type[Head]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.kind:
            Head._kinds[cls.kind] = cls

    def __init__(
        self,
        hidden_size: int,
        *,
        names: Sequence[str] = ("score",),
        layers: Sequence[int] = (-1,),
        pool: str = "last",
        marks: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.names = _names(names)
        self.layers = _layers(layers)
        self.marks = dict(marks or {})
        self.pool_by = pool
        if pool not in self.pools:
            raise InputError(f"head: pool is {pool!r}; use {', '.join(self.pools)}")
        if pool == "mark" and not self.marks:
            raise InputError(
                'head: pool is "mark" but marks are empty; give {"<|Reward|>": its token id}'
            )

    def pool(self, states: Sequence[Tensor], mask: Tensor, places: Tensor | None) -> Tensor:
        """One vector for each sequence: [R, D] float32 ([R, M, D] where each name has a mark)."""
        state = states[-1]
        if self.pool_by == "mean":
            return mean_real(state, mask)
        if self.pool_by == "mark":
            assert places is not None, "pass head.places(input_ids)"
            found = at_places(state, places)
            return found[:, 0] if len(self.marks) == 1 else found
        return last_real(state, mask)

    def forward(
        self, states: Sequence[Tensor], mask: Tensor, places: Tensor | None = None
    ) -> HeadOutput:
        """``states``: one [R, L, D] for each of ``layers``; ``mask`` [R, L], 1 for real tokens;
        ``places`` [R, M]: what :meth:`places` gives, for heads with marks."""
        return self.read(self.pool(states, mask, places))

    def read(self, pooled: Tensor) -> HeadOutput:
        """Scores of pooled features [R, D], such as :func:`features` collects."""
        raise NotImplementedError

    def places(self, input_ids: Tensor) -> Tensor | None:
        """[R, M] positions of the marks in ``input_ids`` [R, L]; None for a head without marks.
        InputError for a sequence that lacks one."""
        return places_of(input_ids, self.marks) if self.marks else None

    def config(self) -> dict[str, Any]:
        """All that :func:`make_head` needs beside the hidden size; JSON."""
        common: dict[str, Any] = {"kind": self.kind, "names": list(self.names)}
        if self.layers != (-1,):
            common["layers"] = list(self.layers)
        if self.pool_by != _default(type(self), "pool"):
            common["pool"] = self.pool_by
        if self.marks:
            common["marks"] = dict(self.marks)
        return common | self.options()

    def options(self) -> dict[str, Any]:
        """The options of this kind alone."""
        return {}

    def overall(self, scores: Tensor) -> Tensor:
        """The number that ranks, [R] of ``scores`` [R, K]: the ``overall`` column, else the only
        one, else the mean."""
        if OVERALL in self.names:
            return scores[..., self.names.index(OVERALL)]
        return scores.mean(-1)


def make_head(config: Mapping[str, Any], hidden_size: int) -> Head:
    """The head of a ``head`` section: ``kind`` and its options. InputError naming the option."""
    given = dict(config)
    kind = given.pop("kind", None)
    if kind not in Head._kinds:
        raise InputError(f"head: kind is {kind!r}; use one of {', '.join(sorted(Head._kinds))}")
    cls = Head._kinds[kind]
    known = set(options_of(cls))
    for name in given:
        if name not in known:
            raise InputError(
                f"head: {name} is no option of kind {kind}; use {', '.join(sorted(known))}"
            )
    try:
        return cls(hidden_size, **given)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"head: cannot be built ({error}); mend its options") from None


def options_of(cls: type[Head]) -> dict[str, inspect.Parameter]:
    """Names and defaults of what a kind can be told."""
    own = dict(inspect.signature(cls.__init__).parameters)
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in own.values()):
        own = dict(inspect.signature(Head.__init__).parameters) | own
    drop = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    skip = ("self", "hidden_size")
    return {n: p for n, p in own.items() if n not in skip and p.kind not in drop}


def _default(cls: type[Head], name: str) -> Any:
    found = options_of(cls).get(name)
    return found.default if found is not None else None


def finite(name: str, values: Sequence[float], length: int) -> tuple[float, ...]:
    """``values`` as ``length`` finite numbers; InputError naming the option otherwise."""
    if len(values) != length:
        raise InputError(f"head: {name} has {len(values)} numbers for {length} names; give each")
    out = tuple(float(value) for value in values)
    if not all(math.isfinite(value) for value in out):
        raise InputError(f"head: {name} has a number that is not finite; mend it")
    return out


def linear(width: int, rows: int, *, bias: bool) -> nn.Linear:
    """A float32 linear layer with weights of standard deviation 1/sqrt(width): scores start near
    unit size on normed states."""
    layer = nn.Linear(width, rows, bias=bias, dtype=torch.float32)
    nn.init.normal_(layer.weight, std=1 / math.sqrt(width))
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def _names(names: Sequence[str]) -> tuple[str, ...]:
    found = (names,) if isinstance(names, str) else tuple(names)
    if not found or len(set(found)) != len(found) or not all(isinstance(n, str) for n in found):
        raise InputError(f"head: names are {list(found)}; give one text for each, none twice")
    return found


def _layers(layers: Sequence[int]) -> tuple[int, ...]:
    found = tuple(layers)
    if not found or not all(isinstance(n, int) and not isinstance(n, bool) for n in found):
        raise InputError(f"head: layers are {list(found)}; give whole numbers, -1 for the last")
    return found
