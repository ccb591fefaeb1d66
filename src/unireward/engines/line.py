"""Line: one ask as a model's tokens, and where in them its media are shown.

What the official processor and ``get_rope_index`` say of a whole prompt, made from media that
were met once: their placeholder's text is known, so a prompt whose pictures were all shown
before costs a template and a tokenizer.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from unireward.ask import Ask, ImageContent
from unireward.engines.eyes import Eyes, Medium
from unireward.engines.medium import Media, Pixels
from unireward.engines.prompt import refusal, text_of
from unireward.errors import InputError

IMAGE, VIDEO = 1, 2
"""Kinds of placeholder tokens, as transformers' ``mm_token_type_ids`` count them."""


@dataclass(frozen=True)
class Shown:
    """Tokens ``start`` to ``stop`` of a line show rows ``first`` and on of a medium's features.

    An image is one span; a clip of Qwen3-VL one for each group of frames.
    """

    start: int
    stop: int
    medium: Medium
    first: int = 0


@dataclass(frozen=True)
class Line:
    """``ids`` int64 [L], ``kinds`` int64 [L] (0 text, 1 image, 2 video), ``positions`` int64
    [3, L] for multimodal rope, [1, L] otherwise; ``next_position`` is where the reply's first
    token stands. ``pixels``: a handle for each medium, in the order shown."""

    ids: np.ndarray
    kinds: np.ndarray
    media: tuple[Shown, ...]
    positions: np.ndarray
    next_position: int
    pixels: tuple[Pixels, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def symbols(self) -> tuple[Hashable, ...]:
        """The token at each place, for a placeholder (medium's key, row of its features). Lines
        whose symbols begin alike have the same states there."""
        out: list[Hashable] = self.ids.tolist()
        for shown in self.media:
            key, first = shown.medium.key, shown.first
            rows = range(first, first + shown.stop - shown.start)
            out[shown.start : shown.stop] = [(key, row) for row in rows]
        return tuple(out)


class Lines:
    """Asks to lines, for one model. Thread-safe."""

    def __init__(self, model: Any, processor: Any, eyes: Eyes, media: Media) -> None:
        self.processor = processor
        self.eyes = eyes
        self.media = media
        self.name = media.name
        self._base = getattr(model, "model", None)
        self._in_space = hasattr(self._base, "rope_deltas")
        self._marks = {IMAGE: processor.image_token, VIDEO: processor.video_token}

    def takes(self, ask: Ask) -> bool:
        """Can all media of ``ask`` be seen apart from it?"""
        kinds = {"image" if isinstance(part, ImageContent) else "video" for part in ask.media}
        return kinds <= self.eyes.kinds

    def of(self, ask: Ask) -> Line:
        """Raises :class:`InputError` (:class:`MediaError` for media that cannot be read)."""
        pictures = sum(isinstance(part, ImageContent) for part in ask.media)
        pixels = tuple(self.media.see(part, alone=pictures == 1) for part in ask.media)
        media = [one.medium for one in pixels]
        ids = self._ids(text_of(self.processor, ask), media)
        kinds = np.asarray(self.processor.create_mm_token_type_ids([ids.tolist()])[0], np.int64)
        shown = tuple(_spans(kinds, media))
        if sum(s.stop - s.start for s in shown) != np.count_nonzero(kinds):
            raise InputError(
                f"{self.name}: its tokenizer writes other placeholders than its processor; "
                "mend the checkpoint's tokenizer"
            )
        positions = self._positions(ids, kinds, media)
        return Line(ids, kinds, shown, positions, int(positions.max()) + 1, pixels)

    def _ids(self, text: str, media: Sequence[Medium]) -> np.ndarray:
        texts: dict[int, list[str]] = {IMAGE: [], VIDEO: []}
        for medium in media:
            texts[IMAGE if medium.kind == "image" else VIDEO].append(medium.text)
        for kind, mark in self._marks.items():
            if text.count(mark) != len(texts[kind]):
                raise InputError(
                    f"{self.name}: its prompt has {text.count(mark)} {mark} for "
                    f"{len(texts[kind])} media; take the mark out of the texts, or mend the "
                    "checkpoint's chat template"
                )
        whole, _ = self.processor.get_text_with_replacements([text], texts[IMAGE], texts[VIDEO])
        try:
            # The chat template has already written every special token there is.
            ids = self.processor.tokenizer(whole, add_special_tokens=False)["input_ids"][0]
        except (ValueError, TypeError) as error:
            told = refusal(self.name, error, [text])
            if told is None:
                raise
            raise told from error
        return np.asarray(ids, np.int64)

    def _positions(self, ids: np.ndarray, kinds: np.ndarray, media: Sequence[Medium]) -> np.ndarray:
        if not self._in_space:
            return np.arange(len(ids))[None]
        if not media:
            return np.broadcast_to(np.arange(len(ids)), (3, len(ids)))
        import torch

        grids = {
            f"{kind}_grid_thw": torch.tensor([m.extra["grid"] for m in media if m.kind == kind])
            for kind in {m.kind for m in media}
        }
        pace = [m.extra["seconds"] for m in media if "seconds" in m.extra]
        if pace:
            grids["second_per_grid_ts"] = torch.tensor(pace)
        assert self._base is not None
        found, _ = self._base.get_rope_index(
            torch.from_numpy(ids)[None], torch.from_numpy(kinds)[None], **grids
        )
        return found[:, 0].numpy()


def _spans(kinds: np.ndarray, media: Sequence[Medium]) -> list[Shown]:
    """The runs of placeholder tokens, shared out among the media of each kind in order."""
    out = []
    for kind, name in ((IMAGE, "image"), (VIDEO, "video")):
        places = np.flatnonzero(kinds == kind)
        for medium in media:
            if medium.kind != name:
                continue
            mine, places = places[: medium.tokens], places[medium.tokens :]
            breaks = np.flatnonzero(np.diff(mine) > 1) + 1
            for run, first in zip(np.split(mine, breaks), [0, *breaks.tolist()]):
                if len(run):
                    out.append(Shown(int(run[0]), int(run[-1]) + 1, medium, first))
    return sorted(out, key=lambda shown: shown.start)
