"""Forward: stretches of prompts through the model's official forward, in one padded batch.

A stretch may go on from what an earlier batch has left (its prefix's keys and values); media are
spliced in as features computed before. Positions are each token's own, so padding on either side
gives the same numbers. On the right, the first batch needs no mask at all: no real token comes
after the padding, which lets attention run its fastest kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from unireward.engines import kv
from unireward.engines.kv import Held


@dataclass(frozen=True)
class Stretch:
    """Tokens ``start:stop`` of a :class:`~unireward.engines.line.Line`."""

    line: Any
    start: int
    stop: int

    @property
    def length(self) -> int:
        return self.stop - self.start

    @property
    def media(self) -> list[Any]:
        return [shown for shown in self.line.media if self.start <= shown.start < self.stop]


@dataclass(frozen=True)
class Passed:
    """``logits`` [rows, vocabulary] after each row's last token (None where not asked for), and
    what the rows have left (None where not kept)."""

    logits: torch.Tensor | None
    held: Held | None


class Forward:
    """``model``, one whose layers all have keys and values. ``pad`` is any text token's id."""

    def __init__(
        self, model: Any, *, pad: int = 0, side: Literal["left", "right"] = "right"
    ) -> None:
        self.model = model
        self.pad = pad
        self.side = side
        self.layers = kv.plain_layers(model.config)

    @property
    def attention(self) -> str:
        return self.model.config.get_text_config()._attn_implementation

    def __call__(
        self,
        stretches: Sequence[Stretch],
        parent: Held | None = None,
        rows: Sequence[int] | None = None,
        *,
        features: Any = None,
        logits: bool = True,
        keep: bool = False,
        room: int = 0,
    ) -> Passed:
        """One batch. Stretch k goes on from row ``rows[k]`` of ``parent``, which stays as it is.

        ``features`` gives the ``mm_encoder_outputs`` of media in the order shown (None: words
        alone). ``keep`` what is left for later, with ``room`` for as many columns more.
        """
        ids, positions, real = self._padded(stretches)
        even = bool(real.all())
        mine = self._real(real)
        held = None
        if parent is not None:
            assert rows is not None
            held = parent.select(self._index(rows), ids.shape[1] + room)
        elif keep:
            assert self.layers is not None
            held = kv.empty(self.layers, room)
        mask = None
        if held is not None and (held.real is not None or not even):
            before = self._all(len(stretches), held.columns) if held.real is None else held.real
            held.real = torch.cat([before, mine], dim=1)
            mask = held.real if parent is not None or self.side == "left" else None
        elif not even and self.side == "left":
            mask = mine
        lasts = real.shape[1] - 1 - real[:, ::-1].argmax(1)
        out = self.model(
            input_ids=torch.from_numpy(ids).to(self.model.device),
            position_ids=torch.from_numpy(positions).to(self.model.device),
            attention_mask=mask,
            past_key_values=None if held is None else held.cache,
            use_cache=held is not None,
            logits_to_keep=self._index(lasts)[:, None] if logits else 1,
            return_dict=True,
            **_media(stretches, features),
        )
        return Passed(out.logits[:, 0] if logits else None, held if keep else None)

    def more(
        self, held: Held, ids: torch.Tensor, positions: torch.Tensor, mask: Any = None
    ) -> torch.Tensor:
        """Tokens ``ids`` [rows, T] of words, all real, at ``positions`` [rows, T], appended to
        ``held`` in place: logits [rows, T, vocabulary]. ``mask`` is the attention's own [rows,
        1, T, columns + T] where tokens do not simply follow one another."""
        if held.real is not None:
            held.real = torch.cat([held.real, self._all(*ids.shape)], dim=1)
        axes = self._axes()
        out = self.model(
            input_ids=ids,
            position_ids=positions if axes == 1 else positions.expand(axes, -1, -1),
            attention_mask=held.real if mask is None else mask,
            past_key_values=held.cache,
            use_cache=True,
            return_dict=True,
        )
        return out.logits

    def _axes(self) -> int:
        return 3 if hasattr(getattr(self.model, "model", None), "rope_deltas") else 1

    def _padded(self, stretches: Sequence[Stretch]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids [rows, T], positions ([axes, rows, T]; [rows, T] where there is one axis), and
        which are real."""
        widest = max(stretch.length for stretch in stretches)
        axes = stretches[0].line.positions.shape[0]
        ids = np.full((len(stretches), widest), self.pad, np.int64)
        positions = np.zeros((axes, *ids.shape), np.int64)
        real = np.zeros(ids.shape, bool)
        for row, one in enumerate(stretches):
            at = slice(0, one.length)
            if self.side == "left":
                at = slice(widest - one.length, widest)
            ids[row, at] = one.line.ids[one.start : one.stop]
            positions[:, row, at] = one.line.positions[:, one.start : one.stop]
            # A jump in positions would be taken for another sequence packed behind.
            positions[:, row, at.stop :] = one.line.positions[:, [one.stop - 1]] + np.arange(
                1, 1 + widest - at.stop
            )
            real[row, at] = True
        return ids, positions if axes > 1 else positions[0], real

    def _real(self, real: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(real).to(self.model.device)

    def _index(self, rows: Any) -> torch.Tensor:
        return torch.as_tensor(np.asarray(rows, np.int64), device=self.model.device)

    def _all(self, *shape: int) -> torch.Tensor:
        return torch.ones(shape, dtype=torch.bool, device=self.model.device)


def _media(stretches: Sequence[Stretch], features: Any) -> dict[str, Any]:
    shown = [medium for stretch in stretches for medium in stretch.media]
    if not shown:
        return {}
    assert features is not None, "media are shown to a forward without features"
    return {"mm_encoder_outputs": features.outputs(shown)}
