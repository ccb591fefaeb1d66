"""Records of image generation: a caption and pictures that honour it more or less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

import numpy as np

from unireward.record import Part, Span
from unireward.world.digits import digit_scene, sample_digits
from unireward.world.facts import caption
from unireward.world.item import Order, WorldItem, build, candidate_ids
from unireward.world.pairs import Quality, Studio, sample_set
from unireward.world.quality import STYLES, Box, apply_style, plant_artefact
from unireward.world.render import render
from unireward.world.scene import sample_spec, scene_of
from unireward.world.things import Scene, Spec
from unireward.world.truth import truth


@dataclass(frozen=True)
class Picture:
    """A picture: how it was made, its pixels [H, W, 3], its artefacts' boxes in pixels."""

    scene: Scene
    asked: Spec
    quality: Quality
    pixels: np.ndarray
    boxes: tuple[Box, ...] = ()


def make_picture(scene: Scene, asked: Spec, quality: Quality, size: int) -> Picture:
    pixels, boxes = spoil(render(scene, size), quality)
    return Picture(scene, asked, quality, pixels, boxes)


def spoil(pixels: np.ndarray, quality: Quality) -> tuple[np.ndarray, tuple[Box, ...]]:
    """Plant the artefact, then degrade the style."""
    if quality.artefact == 0 and quality.strength == 0:
        return pixels, ()
    rng = np.random.default_rng(quality.seed)
    boxes: tuple[Box, ...] = ()
    if quality.artefact:
        pixels, box = plant_artefact(pixels, rng, quality.artefact)
        boxes = (box,)
    return apply_style(pixels, quality.style, quality.strength, rng), boxes


@lru_cache(maxsize=16)
def studio(size: int) -> Studio:
    return Studio(sample_spec, scene_of, partial(make_picture, size=size), STYLES[1:])


@lru_cache(maxsize=16)
def digit_studio(size: int, split: str) -> Studio:
    """Handwritten digits as the things (track ``digits``)."""
    scene = partial(digit_scene, split=split)
    return Studio(sample_digits, scene, partial(make_picture, size=size), STYLES[1:])


def picture_truth(picture: Picture, spec: Spec) -> dict[str, float]:
    return truth(picture.scene, spec, picture.quality.artefact, picture.quality.strength)


def make_item(rng: np.random.Generator, order: Order) -> WorldItem:
    return _item(rng, order, studio(order.size))


def make_digit_item(rng: np.random.Generator, order: Order) -> WorldItem:
    return _item(rng, order, digit_studio(order.size, order.split))


def _item(rng: np.random.Generator, order: Order, studio: Studio) -> WorldItem:
    spec, made, kind = sample_set(studio, rng, order.level, order.split, order.number)
    by_id = dict(zip(candidate_ids(order.number), made))
    truths = {key: picture_truth(picture, spec) for key, picture in by_id.items()}
    prompt = [Part.of_text(caption(spec))]
    return build(order, kind, spec, prompt, by_id, truths, box_spans(by_id))


class Spoiled(Protocol):
    """Anything with planted artefacts: a picture, a result of an edit, a photograph."""

    @property
    def quality(self) -> Quality: ...
    @property
    def boxes(self) -> tuple[Box, ...]: ...


def box_spans(by_id: Mapping[str, Spoiled]) -> list[Span]:
    """Where the artefacts are, and what coherence they leave."""
    return [
        Span(
            candidate=key,
            kind="box",
            box=(box[0], box[1], box[2], box[3]),
            dimension="coherence",
            value=5.0 - picture.quality.artefact,
        )
        for key, picture in by_id.items()
        for box in picture.boxes
    ]
