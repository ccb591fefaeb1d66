"""Line: one ask as a model's tokens, and where in them its media are shown.

What the official processor and ``get_rope_index`` say of a whole prompt, made from media that
were met once: their placeholder's text is known, so a prompt whose pictures were all shown
before costs a template and a tokenizer.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np

from unireward.ask import Ask, ImageContent
from unireward.engines.eyes import Eyes, Medium
from unireward.engines.medium import Media, Pixels
from unireward.engines.prompt import refusal, text_of
from unireward.errors import InputError

IMAGE, VIDEO = 1, 2
"""Kinds of placeholder tokens, as transformers' ``mm_token_type_ids`` count them."""
KINDS = {"image": IMAGE, "video": VIDEO}


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
        self._tokens = {IMAGE: processor.image_token_ids, VIDEO: processor.video_token_ids}
        self._grid_places = lru_cache(10_000)(self._grid_places_of)

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
        kinds = self._kinds(ids)
        shown = _spans(kinds, media)
        positions, after = self._positions(len(ids), shown)
        return Line(ids, kinds, shown, positions, after, pixels)

    def _ids(self, text: str, media: Sequence[Medium]) -> np.ndarray:
        texts: dict[int, list[str]] = {IMAGE: [], VIDEO: []}
        for medium in media:
            texts[KINDS[medium.kind]].append(medium.text)
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
        for kind, tokens in self._tokens.items():
            needed = sum(m.tokens for m in media if KINDS[m.kind] == kind)
            if sum(ids.count(token) for token in tokens) != needed:
                raise InputError(
                    f"{self.name}: its tokenizer writes other placeholders than its processor; "
                    "mend the checkpoint's tokenizer"
                )
        return np.asarray(ids, np.int64)

    def _kinds(self, ids: np.ndarray) -> np.ndarray:
        kinds = np.zeros(len(ids), np.int64)
        for kind, tokens in self._tokens.items():
            for token in tokens:
                kinds[ids == token] = kind
        return kinds

    def _positions(self, length: int, media: Sequence[Shown]) -> tuple[np.ndarray, int]:
        """Positions of a line, and of what comes next. Words count on, media go by the model."""
        places = np.empty((3 if self._in_space else 1, length), np.int64)
        if not self._in_space or not media:
            places[:] = np.arange(length)
            return places, length
        at, now, most = 0, 0, -1
        for shown in media:
            words = shown.start - at
            places[:, at : shown.start] = np.arange(now, now + words)
            grid, further = self._grid_places(*_run(shown))
            places[:, shown.start : shown.stop] = grid + (now + words)
            most = max(most, int(grid.max()) + now + words)
            now += words + further
            at = shown.stop
        places[:, at:] = np.arange(now, now + length - at)
        # A clip's seconds may reach beyond the words that follow it.
        return places, max(most, now + length - at - 1 if at < length else -1) + 1

    def _grid_places_of(
        self, kind: str, grid: tuple[int, int, int], length: int, seconds: float | None
    ) -> tuple[np.ndarray, int]:
        """Positions [3, length] of one run of placeholders that begins at 0, and how far on the
        words after it stand: as the model gives them to the run and one word."""
        import torch

        kinds = torch.tensor([[KINDS[kind]] * length + [0]])
        grids = {f"{kind}_grid_thw": torch.tensor([grid])}
        if seconds is not None:
            grids["second_per_grid_ts"] = torch.tensor([seconds])
        assert self._base is not None
        found, _ = self._base.get_rope_index(torch.zeros_like(kinds), kinds, **grids)
        return found[:, 0, :-1].numpy(), int(found[0, 0, -1])


def _run(shown: Shown) -> tuple[str, tuple[int, int, int], int, float | None]:
    """What the positions of one run hang on. A run that is not its whole medium is one group of
    a clip's frames."""
    medium, length = shown.medium, shown.stop - shown.start
    grid = medium.extra["grid"]
    if length < medium.tokens:
        grid = (1, *grid[1:])
    return medium.kind, grid, length, medium.extra.get("seconds")


def _spans(kinds: np.ndarray, media: Sequence[Medium]) -> tuple[Shown, ...]:
    """The runs of placeholder tokens, shared out among the media of each kind in order."""
    waiting = {
        kind: iter([medium for medium in media if medium.kind == name])
        for name, kind in KINDS.items()
    }
    current: dict[int, tuple[Medium, int]] = {}
    borders = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(kinds)]
    out = []
    for start, stop in pairwise(borders):
        kind = int(kinds[start]) if start < stop else 0
        while kind and start < stop:
            if kind not in current:
                current[kind] = (next(waiting[kind]), 0)
            medium, first = current.pop(kind)
            end = min(stop, start + medium.tokens - first)
            out.append(Shown(start, end, medium, first))
            if first + end - start < medium.tokens:
                current[kind] = (medium, first + end - start)
            start = end
    return tuple(out)
