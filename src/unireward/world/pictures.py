"""Records of image generation: a caption and pictures that honour it more or less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from unireward.world.change import change_many, change_one
from unireward.world.facts import caption, facts
from unireward.world.quality import STYLES, apply_style, plant_artefact
from unireward.world.render import render
from unireward.world.scene import pick, sample_spec, scene_of
from unireward.world.things import Scene, Spec
from unireward.world.truth import truth

ONE_FACT, QUALITY = 0.55, 0.25
"""Shares of pairs that differ in one fact and nothing else, and in quality only; the rest
differ at random."""
DEGRADED = 0.4
"""Share of candidates with a planted artefact, and again with a degraded style, where quality
is left to chance."""

EVEN = 0.15
"""Share of random pairs that are two equally good pictures of the caption: a tie."""


@dataclass(frozen=True)
class Quality:
    """What is done to a clean picture. ``seed`` makes equal qualities equal pixels."""

    artefact: int = 0
    style: str = "clean"
    strength: int = 0
    seed: int = 0


CLEAN = Quality()


@dataclass(frozen=True)
class Picture:
    """A candidate (or source) picture: how it was made, its pixels, its artefacts' boxes.

    ``asked`` is the spec the scene was made for: what the picture would rightly be called.
    """

    scene: Scene
    asked: Spec
    quality: Quality
    pixels: np.ndarray
    boxes: tuple[tuple[int, int, int, int], ...] = ()


def make_picture(scene: Scene, asked: Spec, quality: Quality, size: int) -> Picture:
    pixels, boxes = spoil(render(scene, size), quality)
    return Picture(scene, asked, quality, pixels, boxes)


def spoil(
    pixels: np.ndarray, quality: Quality
) -> tuple[np.ndarray, tuple[tuple[int, int, int, int], ...]]:
    """Plant the artefact, then degrade the style."""
    if quality.artefact == 0 and quality.strength == 0:
        return pixels, ()
    rng = np.random.default_rng(quality.seed)
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    if quality.artefact:
        pixels, box = plant_artefact(pixels, rng, quality.artefact)
        boxes = (box,)
    return apply_style(pixels, quality.style, quality.strength, rng), boxes


def sample_quality(rng: np.random.Generator, share: float = DEGRADED) -> Quality:
    """Artefact and style each degraded with probability ``share``, strengths evenly spread."""
    artefact = 1 + int(rng.random() * 4) if rng.random() < share else 0
    strength = 1 + int(rng.random() * 4) if rng.random() < share else 0
    style = pick(rng, STYLES[1:]) if strength else "clean"
    return Quality(artefact, style, strength, int(rng.random() * 2**32))


def sample_pair(
    rng: np.random.Generator, level: int, split: str, size: int
) -> tuple[Spec, list[Picture], str]:
    """(prompt, two pictures in random order, kind of pair)."""
    roll = rng.random()
    if roll < ONE_FACT:
        spec, made = one_fact_pair(rng, level, split, size)
        kind = "one-fact"
    elif roll < ONE_FACT + QUALITY:
        spec, made = quality_pair(rng, level, split, size)
        kind = "quality"
    else:
        spec, made = random_pair(rng, level, split, size)
        kind = "random"
    return spec, shuffled(made, rng), kind


def shuffled(items: Sequence[Picture], rng: np.random.Generator) -> list[Picture]:
    return [items[i] for i in rng.permutation(len(items))]


def one_fact_pair(
    rng: np.random.Generator, level: int, split: str, size: int
) -> tuple[Spec, list[Picture]]:
    """Two scenes one fact apart under one quality; a coin says which of them is asked for."""
    spec = sample_spec(rng, level, split)
    scene = scene_of(spec, rng)
    change = change_one(spec, scene, rng, split)
    assert change is not None, "some fact of a fresh scene can always be changed"
    quality = sample_quality(rng) if rng.random() < 0.25 else CLEAN
    # An artefact picks its spot by the pixels, so it would not be the same in both.
    quality = replace(quality, artefact=0)
    made = [
        make_picture(scene, spec, quality, size),
        make_picture(change.scene, change.spec, quality, size),
    ]
    return pick(rng, (spec, change.spec)), made


def quality_pair(
    rng: np.random.Generator, level: int, split: str, size: int
) -> tuple[Spec, list[Picture]]:
    """One scene twice, right or wrong alike, with different artefacts or style."""
    spec = sample_spec(rng, level, split)
    scene, asked = scene_of(spec, rng), spec
    if rng.random() < 0.25:
        asked, scene = change_many(spec, scene, 1, rng, split)
    first = sample_quality(rng) if rng.random() < 0.4 else CLEAN
    second = replace(sample_quality(rng, 1.0), seed=first.seed + 1)
    if rng.random() < 0.7:  # most often one of the two alone tells them apart
        if rng.random() < 0.5:
            second = replace(second, artefact=first.artefact)
        else:
            second = replace(second, style=first.style, strength=first.strength)
    return spec, [make_picture(scene, asked, q, size) for q in (first, second)]


def random_pair(
    rng: np.random.Generator, level: int, split: str, size: int
) -> tuple[Spec, list[Picture]]:
    """Each wrong in some facts, or about another caption, and of any quality; some both right."""
    spec = sample_spec(rng, level, split)
    if rng.random() < EVEN:
        quality = sample_quality(rng) if rng.random() < 0.5 else CLEAN
        return spec, [make_picture(scene_of(spec, rng), spec, quality, size) for _ in range(2)]
    return spec, [any_picture(spec, rng, split, size) for _ in range(2)]


def any_picture(spec: Spec, rng: np.random.Generator, split: str, size: int) -> Picture:
    """A picture for ``spec`` that breaks 0 to all of its facts, evenly spread."""
    asked, scene = spec, scene_of(spec, rng)
    if rng.random() < 0.15:
        asked = sample_spec(rng, spec.level, split)
        scene = scene_of(asked, rng)
    else:
        wrong = int(rng.random() * (len(facts(spec)) + 1))
        asked, scene = change_many(spec, scene, wrong, rng, split)
    return make_picture(scene, asked, sample_quality(rng), size)


def sample_group(
    rng: np.random.Generator, level: int, split: str, size: int, number: int
) -> tuple[Spec, list[Picture], str]:
    """``number`` pictures for one caption, of any alignment and quality."""
    spec = sample_spec(rng, level, split)
    return spec, [any_picture(spec, rng, split, size) for _ in range(number)], "random"


def picture_truth(picture: Picture, spec: Spec, task: str = "image_generation") -> dict[str, float]:
    quality = picture.quality
    return truth(picture.scene, spec, quality.artefact, quality.strength, task)


def prompt_text(spec: Spec) -> str:
    return caption(spec)
