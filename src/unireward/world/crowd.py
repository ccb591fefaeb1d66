"""Level 4: distractors, occlusion, negation, "exactly", counts to 7.

Distractors share the colour or the shape of what is spoken of, never both. A cover stands
before a thing and hides a part of it, never more than half. "and no blue stars" is true unless
a distractor is a blue star.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unireward.world import layout
from unireward.world.scene import NUM_BACKGROUNDS, kind_of_thing, make_group, pick
from unireward.world.things import Body, Group, Scene, Spec, Thing
from unireward.world.words import COLOURS, HELD_OUT, RELATIONS, SHAPES, SIZES, TEXTURES

MOST = 7
_COVERED = 0.35
"""Share of scenes in which one thing is partly hidden."""
_COVER_RADIUS = 0.06


def sample_crowd(rng: np.random.Generator, split: str = "eval") -> Spec:
    """One thing (counts to 7) or two with a relation (to 4 each), each with more conditions."""
    first = kind_of_thing(rng, split)
    absent = None
    if rng.random() < 0.5:
        absent = Thing(*_near(rng, first, split))
    exactly = rng.random() < 0.5
    if rng.random() < 0.5:
        count = 1 + int(rng.random() * MOST)
        size = pick(rng, SIZES) if rng.random() < 0.3 and count <= 3 else None
        texture = pick(rng, TEXTURES) if rng.random() < 0.3 else None
        things: tuple[Thing, ...] = (Thing(*first, size, texture, count),)
        return Spec(things, None, 4, exactly, absent)
    avoid = (first,) if absent is None else (first, (absent.colour, absent.shape))
    second = kind_of_thing(rng, split, avoid)
    things = tuple(Thing(*kind, count=1 + int(rng.random() * 3)) for kind in (first, second))
    return Spec(things, pick(rng, RELATIONS), 4, exactly, absent)


def _near(rng: np.random.Generator, kind: tuple[str, str], split: str) -> tuple[str, str]:
    """Another kind that shares the colour or the shape."""
    while True:
        if rng.random() < 0.5:
            near = (pick(rng, COLOURS), kind[1])
        else:
            near = (kind[0], pick(rng, SHAPES))
        if near != kind and (split != "train" or near not in HELD_OUT):
            return near


def crowd_of(spec: Spec, rng: np.random.Generator) -> Scene:
    """A scene honouring ``spec`` with one to three distractors and perhaps a cover."""
    taken = [(t.colour, t.shape) for t in spec.things]
    forbidden = set(taken) | ({(spec.absent.colour, spec.absent.shape)} if spec.absent else set())
    total = sum(t.count for t in spec.things)
    number = 1 + int(rng.random() * (3 if total <= 4 else 2))
    # Held-out kinds never come in as distractors, whatever the split: they cannot leak.
    kinds: list[tuple[str, str]] = []
    while len(kinds) < number:
        near = _near(rng, pick(rng, taken), "train")
        if near not in forbidden:
            kinds.append(near)
    small = total + number > 4
    points = _stand(spec, number, "small" if small else "large", rng)
    groups = []
    for thing in spec.things:
        spots, points = points[: thing.count], points[thing.count :]
        groups.append(make_group(thing, spots, rng, tight=small))
    extras = tuple(
        make_group(Thing(*kind), [spot], rng, tight=small) for kind, spot in zip(kinds, points)
    )
    scene = Scene(tuple(groups), int(rng.random() * NUM_BACKGROUNDS), spec.relation, 4, extras)
    return _covered(scene, forbidden, rng) if rng.random() < _COVERED else scene


def _stand(spec: Spec, number: int, size: str, rng: np.random.Generator) -> list[layout.Point]:
    room = layout.ROOM[size]
    if any(thing.size == "large" for thing in spec.things):
        room = layout.ROOM["large"]
    whole = layout.whole(room)
    counts = [thing.count for thing in spec.things]
    if spec.relation is None:
        boxes = [whole] * counts[0]
    else:
        near, far = layout.sides(spec.relation, (counts[0], counts[1]), room)
        boxes = [near] * counts[0] + [far] * counts[1]
    boxes += [whole] * number
    while (points := layout.scatter(rng, boxes, [room] * len(boxes))) is None:
        pass
    return points


def _covered(scene: Scene, forbidden: set[tuple[str, str]], rng: np.random.Generator) -> Scene:
    """One small thing of another kind over the rim of a thing that is spoken of."""
    body = pick(rng, pick(rng, scene.groups).bodies)
    angle = 2 * np.pi * rng.random()
    reach = body.radius + _COVER_RADIUS * 0.35
    x, y = body.x + reach * np.cos(angle), body.y + reach * np.sin(angle)
    edge = _COVER_RADIUS * layout.EXTENT
    while True:
        colour, shape = kind_of_thing(rng, "train")
        if (colour, shape) not in forbidden and all(colour != g.colour for g in scene.groups):
            break
    cover = Body(
        float(np.clip(x, edge, 1 - edge)), float(np.clip(y, edge, 1 - edge)), _COVER_RADIUS, 2
    )
    return replace(scene, covers=(Group(colour, shape, "small", "solid", (cover,)),))
