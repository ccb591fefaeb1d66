"""PictureCollator: examples to one batch of pixels and captions for a generator.

::

    collate = PictureCollator(config, height=32, width=32)
    parts, skipped = collate.parts(examples)

A part is ``inputs.pixels`` uint8 [R, 3, H, W] (clips [R, T, 3, H, W]), ``prompts`` R texts,
``seeds`` [R] long, ``error_weights`` [R] and, of pairs, their fields (:mod:`objectives.base`).
An example's rows have one seed, from which their noise and time come: the two of a pair are made
noisy alike, and so is an example whatever else is in its batch.

Pictures are resized to cover the size and cut in the middle; clips give the frames that the rule
takes. A caption that is dropped is ``""``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unireward.errors import InputError
from unireward.media import FrameRule, Image
from unireward.training.candidates_config import PicturesData
from unireward.training.collate import pair_fields, refusal, refuse
from unireward.training.examples import Example

if TYPE_CHECKING:
    from unireward.record import Record

Shown = tuple[Example, list[np.ndarray]]


class PictureCollator:
    """``frames`` is the rule of clips, None for pictures."""

    def __init__(
        self, config: PicturesData, height: int, width: int, frames: FrameRule | None = None
    ) -> None:
        self.config = config
        self.size = (width, height)
        self.frames = frames

    def parts(self, examples: Sequence[Example]) -> tuple[list[dict[str, Any]], dict[str, int]]:
        """Raises :class:`InputError` naming file and row where the config says ``stop``."""
        shown: list[Shown] = []
        skipped: Counter[str] = Counter()
        for example in examples:
            try:
                rows = [self.pixels(example.record, name) for name in example.order]
            except InputError as error:
                refuse(example, error, *refusal(self.config, error), skipped)
            else:
                shown.append((example, rows))
        return [self._batch(shown)] if shown else [], dict(skipped)

    def pixels(self, record: Record, name: str) -> np.ndarray:
        """uint8 [H, W, 3], or [T, H, W, 3]. Raises :class:`MediaError` for what cannot be read."""
        media = record.candidate(name).content[0].load()
        if isinstance(media, Image):
            return fitted(media, self.size)
        assert self.frames is not None
        return np.stack([fitted(frame, self.size) for frame in media.frames(self.frames)])

    def _batch(self, shown: list[Shown]) -> dict[str, Any]:
        import torch

        pixels = torch.from_numpy(np.stack([row for _, rows in shown for row in rows]))
        captions = [(self._caption(example), len(rows)) for example, rows in shown]
        pairs = pair_fields(shown)
        if pairs and self.config.pair_score is not None:
            scores = [example.pair_score for example, _ in shown if example.kind == "dpo"]
            pairs["pair_score"] = torch.tensor(scores)
        return {
            "inputs": {"pixels": pixels.movedim(-1, -3).contiguous()},
            "prompts": [caption for caption, rows in captions for _ in range(rows)],
            "seeds": torch.tensor([example.turn for example, rows in shown for _ in rows]),
            "error_weights": torch.tensor(
                [weight for example, rows in shown for weight in _weights(example, len(rows))]
            ),
            **pairs,
            "record_ids": [example.record.id for example, _ in shown],
            "tasks": [example.record.task for example, _ in shown],
            "rows": len(pixels),
        }

    def _caption(self, example: Example) -> str:
        dropped = share_of(example.turn, "caption") < self.config.drop_caption
        return "" if dropped else example.record.text


def _weights(example: Example, rows: int) -> list[float]:
    """The worse of a pair is no picture to learn."""
    return [example.weight, *[0.0] * (rows - 1)]


def share_of(turn: int, what: str) -> float:
    """A number in [0, 1) for one thing that is drawn for a use of an example."""
    digest = hashlib.blake2b(f"{turn} {what}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def fitted(image: Image, size: tuple[int, int]) -> np.ndarray:
    """uint8 [H, W, 3] of ``size`` (width, height): covered, and cut in the middle."""
    from PIL import ImageOps
    from PIL.Image import Resampling

    return np.asarray(ImageOps.fit(image.load(), size, Resampling.LANCZOS))
