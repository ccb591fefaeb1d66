"""Sampling what to say (Spec) and a picture in which all of it is so (Scene).

>>> rng = np.random.default_rng(0)
>>> spec = sample_spec(rng, level=2)
>>> scene = scene_of(spec, rng)
>>> caption(spec), all(held(spec, scene))

Levels: 1 one kind of thing; 2 adds size, texture and place; 3 two kinds and a relation; 4
distractors, occlusion, negation, "exactly" and counts to 7 (``crowd``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from unireward.errors import InputError
from unireward.world import layout
from unireward.world.facts import (
    caption,
    describe,
    describe_facts,
    facts,
    held,
    holds,
    match_of,
    spec_of,
)
from unireward.world.things import Body, Caption, Fact, Group, Scene, Spec, Thing
from unireward.world.words import (
    COLOURS,
    HELD_OUT,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    TEXTURES,
)

__all__ = [
    "Body", "Caption", "Fact", "Group", "Scene", "Spec", "Thing", "caption", "describe",
    "describe_facts", "facts", "held", "holds", "match_of", "pick", "sample_spec", "scene_of",
    "spec_of",
]  # fmt: skip

LEVELS = (1, 2, 3, 4)
MAX_THINGS = 5
"""Things in a picture of two groups, so that they stand apart."""
NUM_BACKGROUNDS = 24
NUM_TURNS = 5
_COUNT_PAIRS = tuple((a, b) for a in range(1, 5) for b in range(1, 5) if a + b <= MAX_THINGS)

T = TypeVar("T")


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """A uniform choice; much faster than ``Generator.choice`` on short sequences."""
    return options[int(rng.random() * len(options))]


def allowed(colour: str, shape: str, split: str) -> bool:
    return split != "train" or (colour, shape) not in HELD_OUT


def kind_of_thing(
    rng: np.random.Generator, split: str, avoid: Sequence[tuple[str, str]] = ()
) -> tuple[str, str]:
    """A colour and a shape, outside ``avoid`` and what is held out of ``split``."""
    while True:
        pair = pick(rng, COLOURS), pick(rng, SHAPES)
        if allowed(*pair, split) and pair not in avoid:
            return pair


def sample_spec(rng: np.random.Generator, level: int, split: str = "eval") -> Spec:
    """A caption's facts at ``level``. ``split="train"`` leaves out the held-out combinations."""
    if level == 1:
        colour, shape = kind_of_thing(rng, split)
        return Spec((Thing(colour, shape, count=1 + int(rng.random() * 4)),), None, 1)
    if level == 2:
        return Spec((_attributed(rng, split),), None, 2)
    if level == 3:
        return _related(rng, split)
    if level == 4:
        from unireward.world.crowd import sample_crowd

        return sample_crowd(rng, split)
    raise InputError(f"level {level!r} is not one of 1, 2, 3, 4; set level to one of them")


def _attributed(rng: np.random.Generator, split: str) -> Thing:
    colour, shape = kind_of_thing(rng, split)
    count = 1 + int(rng.random() * 4)
    which = 1 + int(rng.random() * 7)  # a non-empty subset of size, texture, place
    size = pick(rng, SIZES) if which & 1 else None
    texture = pick(rng, TEXTURES) if which & 2 else None
    place = pick(rng, PLACES) if which & 4 else None
    if place and count > 2 and size:
        size = "small"  # three large things do not fit one cell
    return Thing(colour, shape, size, texture, count, place)


def _related(rng: np.random.Generator, split: str) -> Spec:
    first = kind_of_thing(rng, split)
    second = kind_of_thing(rng, split, avoid=(first,))
    things = []
    for kind, count in zip((first, second), pick(rng, _COUNT_PAIRS)):
        size = pick(rng, SIZES) if rng.random() < 0.2 else None
        texture = pick(rng, TEXTURES) if rng.random() < 0.25 else None
        things.append(Thing(*kind, size, texture, count))
    return Spec(tuple(things), pick(rng, RELATIONS), 3)


def scene_of(spec: Spec, rng: np.random.Generator) -> Scene:
    """A scene in which every stated fact holds and everything unsaid is free."""
    if spec.level == 4:
        from unireward.world.crowd import crowd_of

        return crowd_of(spec, rng)
    if spec.relation is not None:
        points = _apart(spec, rng)
    else:
        thing = spec.things[0]
        points = [_alone(thing, rng)]
    groups = tuple(
        make_group(thing, spots, rng, tight=thing.place is not None and thing.count > 2)
        for thing, spots in zip(spec.things, points)
    )
    return Scene(groups, int(rng.random() * NUM_BACKGROUNDS), spec.relation, spec.level)


def _alone(thing: Thing, rng: np.random.Generator) -> list[layout.Point]:
    if thing.place is not None:
        room = layout.ROOM["small" if thing.count > 2 else "large"]
        return layout.cluster(rng, thing.count, thing.place, room)
    room = layout.ROOM["large"]
    points = layout.scatter(rng, [layout.whole(room)] * thing.count, [room] * thing.count)
    assert points is not None, "four large things always fit the canvas"
    return points


def _apart(spec: Spec, rng: np.random.Generator) -> list[list[layout.Point]]:
    first, second = spec.things
    room = layout.ROOM["large"]
    assert spec.relation is not None
    near, far = layout.sides(spec.relation, (first.count, second.count), room)
    boxes = [near] * first.count + [far] * second.count
    while (points := layout.scatter(rng, boxes, [room] * len(boxes))) is None:
        pass
    return [points[: first.count], points[first.count :]]


def make_group(
    thing: Thing, points: Sequence[layout.Point], rng: np.random.Generator, tight: bool = False
) -> Group:
    """A concrete group at ``points``. ``tight`` leaves room for small things only."""
    size = thing.size or ("small" if tight else pick(rng, SIZES))
    texture = thing.texture or ("solid" if rng.random() < 0.6 else pick(rng, TEXTURES))
    return Group(thing.colour, thing.shape, size, texture, make_bodies(points, size, rng))


def make_bodies(
    points: Sequence[layout.Point], size: str, rng: np.random.Generator
) -> tuple[Body, ...]:
    return tuple(
        Body(x, y, pick(rng, layout.RADII[size]), int(rng.random() * NUM_TURNS)) for x, y in points
    )
