"""How pairs and groups of pictures or clips are put together, whatever is drawn.

A :class:`Studio` says what a task draws; the rules of DESIGN ("Pairs") are here once: more than
half of the pairs differ in exactly one fact and nothing else, the rest in quality only or at
random, both sides from one sampler, the order and the winner from fair coins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np

from unireward.world.change import change_many, change_one
from unireward.world.facts import facts
from unireward.world.scene import pick
from unireward.world.things import Scene, Spec

ONE_FACT, QUALITY = 0.55, 0.25
"""Shares of pairs that differ in one fact and nothing else, and in quality only; the rest
differ at random."""
EVEN = 0.15
"""Share of random pairs that are two equally good candidates: a tie."""
DEGRADED = 0.4
"""Share of candidates with a planted artefact, and again with a degraded style (pictures) or
broken physics (clips), where quality is left to chance."""

T = TypeVar("T")


@dataclass(frozen=True)
class Quality:
    """What is done to a clean candidate: the strengths (0 to 4) of an artefact and of ``style``.

    ``style`` is one of the studio's ways to spoil; ``seed`` makes equal qualities equal pixels.
    """

    artefact: int = 0
    style: str = "clean"
    strength: int = 0
    seed: int = 0


CLEAN = Quality()


@dataclass(frozen=True)
class Studio:
    """What a task draws: specs, scenes for them, and candidates of a scene and a quality."""

    sample_spec: Callable[[np.random.Generator, int, str], Spec]
    scene_of: Callable[[Spec, np.random.Generator], Scene]
    draw: Callable[[Scene, Spec, Quality], Any]
    styles: tuple[str, ...]


class Set(NamedTuple):
    """Candidates for one prompt. ``kind`` is ``one-fact``, ``quality`` or ``random``."""

    spec: Spec
    made: list[Any]
    kind: str


def sample_quality(
    rng: np.random.Generator, styles: tuple[str, ...], share: float = DEGRADED
) -> Quality:
    """Artefact and style each degraded with probability ``share``, strengths evenly spread."""
    artefact = 1 + int(rng.random() * 4) if rng.random() < share else 0
    strength = 1 + int(rng.random() * 4) if rng.random() < share else 0
    style = pick(rng, styles) if strength else "clean"
    return Quality(artefact, style, strength, int(rng.random() * 2**32))


def sample_set(
    studio: Studio, rng: np.random.Generator, level: int, split: str, number: int
) -> Set:
    """A pair by the shares above, or any other number of candidates at random."""
    if number != 2:
        spec = studio.sample_spec(rng, level, split)
        return Set(spec, [anything(studio, spec, rng, split) for _ in range(number)], "random")
    roll = rng.random()
    if roll < ONE_FACT:
        spec, made = one_fact_pair(studio, rng, level, split)
        kind = "one-fact"
    elif roll < ONE_FACT + QUALITY:
        spec, made = quality_pair(studio, rng, level, split)
        kind = "quality"
    else:
        spec, made = random_pair(studio, rng, level, split)
        kind = "random"
    return Set(spec, shuffled(made, rng), kind)


def shuffled(items: Sequence[T], rng: np.random.Generator) -> list[T]:
    return [items[i] for i in rng.permutation(len(items))]


def one_fact_pair(
    studio: Studio, rng: np.random.Generator, level: int, split: str
) -> tuple[Spec, list[Any]]:
    """Two scenes one fact apart under one quality; a coin says which of them is asked for."""
    spec = studio.sample_spec(rng, level, split)
    scene = studio.scene_of(spec, rng)
    change = change_one(spec, scene, rng, split)
    assert change is not None, "some fact of a fresh scene can always be changed"
    quality = sample_quality(rng, studio.styles) if rng.random() < 0.25 else CLEAN
    # An artefact picks its spot by the pixels, so it would not be the same in both.
    quality = replace(quality, artefact=0)
    made = [
        studio.draw(scene, spec, quality),
        studio.draw(change.scene, change.spec, quality),
    ]
    return pick(rng, (spec, change.spec)), made


def quality_pair(
    studio: Studio, rng: np.random.Generator, level: int, split: str
) -> tuple[Spec, list[Any]]:
    """One scene twice, right or wrong alike, with different artefacts or style."""
    spec = studio.sample_spec(rng, level, split)
    scene, asked = studio.scene_of(spec, rng), spec
    if rng.random() < 0.25:
        asked, scene = change_many(spec, scene, 1, rng, split)
    first = sample_quality(rng, studio.styles) if rng.random() < 0.4 else CLEAN
    second = replace(sample_quality(rng, studio.styles, 1.0), seed=first.seed + 1)
    if rng.random() < 0.7:  # most often one defect alone tells them apart
        if rng.random() < 0.5:
            second = replace(second, artefact=first.artefact)
        else:
            second = replace(second, style=first.style, strength=first.strength)
    return spec, [studio.draw(scene, asked, quality) for quality in (first, second)]


def random_pair(
    studio: Studio, rng: np.random.Generator, level: int, split: str
) -> tuple[Spec, list[Any]]:
    """Each wrong in some facts, or about another caption, and of any quality; some both right."""
    spec = studio.sample_spec(rng, level, split)
    if rng.random() < EVEN:
        quality = sample_quality(rng, studio.styles) if rng.random() < 0.5 else CLEAN
        return spec, [studio.draw(studio.scene_of(spec, rng), spec, quality) for _ in range(2)]
    return spec, [anything(studio, spec, rng, split) for _ in range(2)]


def anything(studio: Studio, spec: Spec, rng: np.random.Generator, split: str) -> Any:
    """A candidate for ``spec`` that breaks 0 to all of its facts, evenly spread."""
    asked, scene = spec, studio.scene_of(spec, rng)
    if rng.random() < 0.15:
        asked = studio.sample_spec(rng, spec.level, split)
        scene = studio.scene_of(asked, rng)
    else:
        wrong = int(rng.random() * (len(facts(spec)) + 1))
        asked, scene = change_many(spec, scene, wrong, rng, split)
    return studio.draw(scene, asked, sample_quality(rng, studio.styles))
