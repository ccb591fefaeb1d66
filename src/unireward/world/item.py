"""WorldItem: a record in memory with everything that is known of it, and how it is built."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from unireward.media import Image, Video
from unireward.record import Candidate, Part, PartRole, Record, Span
from unireward.sampled import candidate_name
from unireward.world.truth import label_of

FPS = 8
"""Frames a second of every clip."""


@dataclass(frozen=True)
class WorldItem:
    """A record in memory and its truth. Keyed by candidate id (``a``, ``b``, ...).

    ``kind`` is ``one-fact``, ``quality`` or ``random``; ``spec`` what the prompt states
    (``Spec``, ``Edit`` or ``Question``); ``made`` how each candidate was made (``Picture``,
    ``Clip``, ``Answer``); ``media`` the arrays, uint8 [H, W, 3] or [T, H, W, 3], empty for
    answers; ``prompt_media`` those of the prompt.
    """

    record: Record
    task: str
    level: int
    kind: str
    spec: Any
    made: dict[str, Any]
    truth: dict[str, dict[str, float]]
    media: dict[str, np.ndarray] = field(default_factory=dict)
    prompt_media: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True)
class Order:
    """What an item is asked to be: its name, task, level, number of candidates, split, pixels."""

    name: str
    task: str
    level: int
    number: int
    split: str
    size: int


def candidate_ids(number: int) -> list[str]:
    """a, b, ..., z, then c27, c28, ..."""
    return [candidate_name(index) for index in range(number)]


def media_part(pixels: np.ndarray, role: PartRole | None = None) -> Part:
    """An image part of [H, W, 3], a video part of [T, H, W, 3]."""
    if pixels.ndim == 3:
        return Part(type="image", media=Image(pixels), role=role)
    return Part(type="video", media=Video(pixels, fps=FPS), role=role)


def build(
    order: Order,
    kind: str,
    spec: Any,
    prompt: Sequence[Part],
    made: Mapping[str, Any],
    truths: dict[str, dict[str, float]],
    spans: Sequence[Span] = (),
    prompt_media: tuple[np.ndarray, ...] = (),
) -> WorldItem:
    """The item whose candidates are ``made``: drawn (``pixels``) or answers (``text``)."""
    media = {key: thing.pixels for key, thing in made.items() if hasattr(thing, "pixels")}
    record = Record(
        id=order.name,
        task=order.task,
        prompt=tuple(prompt),
        candidates=tuple(
            Candidate(
                id=key,
                content=(media_part(media[key]) if key in media else Part.of_text(thing.text),),
            )
            for key, thing in made.items()
        ),
        label=label_of(truths, spans),
        meta={"source": "world", "level": order.level, "split": order.split},
    )
    return WorldItem(
        record, order.task, order.level, kind, spec, dict(made), truths, media, prompt_media
    )
