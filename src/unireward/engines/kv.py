"""KV: the keys and values that a batch of prompts has left in the model's attention layers.

transformers' own cache is copied whole at each new token. Ours has room ahead, so that a token
is written where it belongs; and rows are selected from it into another with one copy, which is
how several prompts go on from one prefix, and how replies that have ended leave the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer

LEAST_ROOM = 32
"""Columns that are added at least where there is no room."""


class RoomyLayer(DynamicLayer):
    """Keys and values [rows, heads, columns, width] of one layer, views of buffers with room."""

    def __init__(self, room: int = 0) -> None:
        super().__init__()
        self.room = room
        self._buffers: list[torch.Tensor] = []

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._hold([key_states, value_states])
            # The tensors at hand, which are contiguous, rather than views of ours.
            return key_states, value_states
        assert self.keys is not None
        assert self.values is not None
        width = self.keys.shape[-2]
        end = width + key_states.shape[-2]
        if end > self._buffers[0].shape[-2]:
            self.room = max(LEAST_ROOM, end // 2)
            self._hold([self.keys, self.values], key_states.shape[-2])
        for buffer, states in zip(self._buffers, (key_states, value_states)):
            buffer[:, :, width:end] = states
        self.keys, self.values = (buffer[:, :, :end] for buffer in self._buffers)
        return self.keys, self.values

    def selected(self, rows: torch.Tensor, room: int) -> RoomyLayer:
        """A layer of those rows, in that order, with ``room`` more columns."""
        assert self.keys is not None
        assert self.values is not None
        made = RoomyLayer(room)
        made.lazy_initialization(self.keys, self.values)
        made._hold([self.keys, self.values], rows=rows)
        return made

    @classmethod
    def of(cls, keys: torch.Tensor, values: torch.Tensor) -> RoomyLayer:
        made = cls()
        made.lazy_initialization(keys, values)
        made._hold([keys, values])
        return made

    def _hold(
        self, states: list[torch.Tensor], more: int = 0, rows: torch.Tensor | None = None
    ) -> None:
        """Buffers that begin with ``states`` (their ``rows``), and have ``more`` + room behind."""
        width, size = states[0].shape[-2], len(states[0] if rows is None else rows)
        buffers = []
        for state in states:
            heads, depth = state.shape[1], state.shape[3]
            buffer = state.new_empty(size, heads, width + more + self.room, depth)
            if rows is None:
                buffer[:, :, :width] = state
            else:
                torch.index_select(state, 0, rows, out=buffer[:, :, :width])
            buffers.append(buffer)
        self._buffers = buffers
        self.keys, self.values = (buffer[:, :, :width] for buffer in buffers)


@dataclass(frozen=True, eq=False)
class Row:
    """One prompt's keys and values [heads, columns, width] of each layer, without padding."""

    layers: tuple[tuple[torch.Tensor, torch.Tensor], ...]

    @property
    def columns(self) -> int:
        return self.layers[0][0].shape[1]

    @cached_property
    def bytes(self) -> int:
        return sum(state.nbytes for layer in self.layers for state in layer)


@dataclass
class Held:
    """The cache of a batch, and which of its columns are a row's own: bool [rows, columns], or
    None where all are (no padding)."""

    cache: Cache
    real: torch.Tensor | None = None

    @property
    def columns(self) -> int:
        return self.cache.get_seq_length()

    def select(self, rows: torch.Tensor, room: int = 0) -> Held:
        """The same of ``rows`` (int64 on the cache's device), a row as often as it is named."""
        layers: list[Any] = [layer.selected(rows, room) for layer in self.cache.layers]  # type: ignore[union-attr]
        return Held(Cache(layers=layers), None if self.real is None else self.real[rows])

    def row(self, place: int) -> Row:
        """A copy of one row's own columns."""
        columns = slice(None) if self.real is None else self.real[place].nonzero()[:, 0]
        return Row(
            tuple(
                (layer.keys[place][:, columns].clone(), layer.values[place][:, columns].clone())  # type: ignore[union-attr]
                for layer in self.cache.layers
            )
        )


def stacked(rows: Sequence[Row], lengths: Sequence[int]) -> Held:
    """A batch of the first ``lengths`` columns of each row."""
    widest = max(lengths)
    layers: list[Any] = []
    for parts in zip(*(row.layers for row in rows), strict=True):
        # Zeros where there is nothing: masked, and finite.
        both = [
            state.new_zeros(len(rows), state.shape[0], widest, state.shape[2]) for state in parts[0]
        ]
        for place, (part, length) in enumerate(zip(parts, lengths, strict=True)):
            for made, state in zip(both, part):
                made[place, :, :length] = state[:, :length]
        layers.append(RoomyLayer.of(*both))
    device = rows[0].layers[0][0].device
    real = torch.arange(widest, device=device) < torch.tensor(lengths, device=device)[:, None]
    return Held(Cache(layers=layers), None if min(lengths) == widest else real)


def empty(layers: int, room: int = 0) -> Held:
    return Held(Cache(layers=[RoomyLayer(room) for _ in range(layers)]))


def plain_layers(config: Any) -> int | None:
    """How many layers a model's cache has, None where some are not plain keys and values (a
    sliding window, a linear attention's state): such a prefix cannot be gone on from by rows."""
    layers = DynamicCache(config=config).layers
    return len(layers) if all(type(layer) is DynamicLayer for layer in layers) else None
