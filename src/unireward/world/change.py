"""A wrong picture that is wrong in exactly one stated fact, and in nothing else.

``change_one`` turns (spec, scene) into (spec', scene') such that spec states one fact that
scene' breaks, spec' one that scene breaks, and everything else -- background, positions, turns,
unsaid attributes -- is the same. Whoever makes a pair then tosses a coin for which of the two
specs is the prompt: neither the pictures alone nor the words alone can tell the winner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from unireward.world import layout
from unireward.world.facts import facts, held
from unireward.world.motion import bounds, instants, steered
from unireward.world.scene import MAX_THINGS, allowed, make_bodies, pick
from unireward.world.things import Body, Fact, Group, Scene, Spec, Thing
from unireward.world.words import (
    COLOURS,
    DIGIT_SHAPES,
    MOTIONS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    TEXTURES,
)


class Change(NamedTuple):
    scene: Scene
    kind: str
    spec: Spec
    """What the changed scene would be called: the old spec with one fact replaced."""
    fact: Fact
    """The old spec's fact that the changed scene breaks."""


def change_one(
    spec: Spec,
    scene: Scene,
    rng: np.random.Generator,
    split: str = "eval",
    keep: frozenset[tuple[str, int]] = frozenset(),
) -> Change | None:
    """Change one fact not in ``keep`` (pairs of kind and group); None where none can be.

    ``scene`` must honour ``spec``. With an empty ``keep`` a scene of ``scene_of`` always has a
    change (at least its colours).
    """
    stated = facts(spec)
    order = [stated[i] for i in rng.permutation(len(stated))]
    for fact in order:
        if (fact.kind, fact.group) in keep:
            continue
        for _ in range(6):
            made = _CHANGES[fact.kind](spec, scene, fact, rng)
            if made is not None and _sound(spec, scene, *made, split):
                return Change(made[1], fact.kind, made[0], fact)
    return None


def change_many(
    spec: Spec, scene: Scene, number: int, rng: np.random.Generator, split: str = "eval"
) -> tuple[Spec, Scene]:
    """Break up to ``number`` different facts, one after the other."""
    done: frozenset[tuple[str, int]] = frozenset()
    for _ in range(number):
        change = change_one(spec, scene, rng, split, done)
        if change is None:
            break
        spec, scene = change.spec, change.scene
        done |= {(change.fact.kind, change.fact.group)}
    return spec, scene


def _sound(spec: Spec, scene: Scene, spec2: Spec, scene2: Scene, split: str) -> bool:
    kinds = [(g.colour, g.shape) for g in scene2.groups]
    return (
        len(set(kinds)) == len(kinds)
        and all(allowed(*kind, split) for kind in kinds)
        and not set(kinds) & {(g.colour, g.shape) for g in (*scene2.extras, *scene2.covers)}
        and fits(scene2)
        and all(held(spec2, scene2))
        and held(spec, scene2).count(False) == 1
        and held(spec2, scene).count(False) == 1
    )


def fits(scene: Scene) -> bool:
    """No two things overlap and none leaves the canvas, at any time of a clip."""
    return all(_apart(moment.bodies) for moment in instants(scene))


def _apart(standing: list[Body]) -> bool:
    bodies = [(b.x, b.y, b.radius * layout.EXTENT) for b in standing]
    return all(r <= x <= 1 - r and r <= y <= 1 - r for x, y, r in bodies) and all(
        (x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2
        for i, (x, y, r) in enumerate(bodies)
        for u, v, s in bodies[:i]
    )


Made = tuple[Spec, Scene] | None


def _other(rng: np.random.Generator, options: tuple[Any, ...], value: Any) -> Any:
    return pick(rng, [option for option in options if option != value])


def with_thing(spec: Spec, index: int, **new: Any) -> Spec:
    things = list(spec.things)
    things[index] = replace(things[index], **new)
    return replace(spec, things=tuple(things))


def with_group(scene: Scene, index: int, **new: Any) -> Scene:
    groups = list(scene.groups)
    groups[index] = replace(groups[index], **new)
    return replace(scene, groups=tuple(groups))


def _attribute(options: tuple[str, ...]) -> Callable[..., Made]:
    def change(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
        new = {fact.kind: _other(rng, options, fact.value)}
        return with_thing(spec, fact.group, **new), with_group(scene, fact.group, **new)

    return change


def _shape(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    shapes = DIGIT_SHAPES if fact.value in DIGIT_SHAPES else SHAPES
    return _attribute(shapes)(spec, scene, fact, rng)


def _motion(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    motion = _other(rng, MOTIONS, fact.value)
    groups = list(scene.groups)
    groups[fact.group] = steered(groups[fact.group], motion)
    changed = replace(scene, groups=tuple(groups))
    return with_thing(spec, fact.group, motion=motion), changed


def _size(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    size = _other(rng, SIZES, fact.value)
    scale = layout.RADII[size][1] / layout.RADII[str(fact.value)][1]
    bodies = tuple(replace(b, radius=b.radius * scale) for b in scene.groups[fact.group].bodies)
    changed = with_group(scene, fact.group, size=size, bodies=bodies)
    return with_thing(spec, fact.group, size=size), changed


def _count(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    group = scene.groups[fact.group]
    most = _most(scene, fact.group)
    counts = tuple(range(1, most + 1))
    if counts == (group.count,):
        return None
    count = int(_other(rng, counts, group.count))
    if count < group.count:
        kept = sorted(rng.permutation(group.count)[:count].tolist())
        bodies: tuple[Body, ...] = tuple(group.bodies[i] for i in kept)
    else:
        more = _spots(spec.things[fact.group], scene, group, count - group.count, rng)
        if more is None:
            return None
        bodies = (*group.bodies, *_like(group, make_bodies(more, group.size, rng)))
    changed = with_group(scene, fact.group, bodies=bodies)
    return with_thing(spec, fact.group, count=count), changed


def _like(group: Group, bodies: tuple[Body, ...]) -> tuple[Body, ...]:
    """New bodies for a group; digits keep to a handwriting of their own split."""
    if group.shape not in DIGIT_SHAPES:
        return bodies
    return tuple(replace(body, turn=group.bodies[0].turn) for body in bodies)


def _most(scene: Scene, index: int) -> int:
    """The largest count that the scene's level knows for a group."""
    if scene.moving:
        return 2
    alone = len(scene.groups) == 1
    if scene.level == 4:
        return 7 if alone else 4
    others = sum(g.count for i, g in enumerate(scene.groups) if i != index)
    return 4 if alone else min(4, MAX_THINGS - others)


def _spots(
    thing: Thing, scene: Scene, group: Group, number: int, rng: np.random.Generator
) -> list[layout.Point] | None:
    tight = thing.place is not None or scene.level == 4
    room = layout.ROOM[group.size if tight else "large"]
    box = bounds(group.motion) if scene.moving else layout.whole(room)
    if thing.place is not None:
        # Close to those that stand, or the centre would leave its cell.
        xs, ys = [b.x for b in group.bodies], [b.y for b in group.bodies]
        box = (
            max(box[0], min(xs) - 0.3), max(box[1], min(ys) - 0.3),
            min(box[2], max(xs) + 0.3), min(box[3], max(ys) + 0.3),
        )  # fmt: skip
    taken = [(b.x, b.y) for b in scene.bodies]
    return layout.scatter(rng, [box] * number, [room] * number, taken)


def _place(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    group = scene.groups[fact.group]
    place = _other(rng, PLACES, fact.value)
    room = layout.ROOM["small" if group.count > 2 else "large"]
    points = layout.move_to(rng, [(b.x, b.y) for b in group.bodies], place, room)
    if points is None:
        return None
    bodies = tuple(replace(b, x=x, y=y) for b, (x, y) in zip(group.bodies, points))
    return with_thing(spec, fact.group, place=place), with_group(scene, fact.group, bodies=bodies)


def _relation(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    """The whole arrangement mirrored, or turned over its diagonal."""
    relation = _other(rng, RELATIONS, fact.value)
    sideways = ("left of", "right of")
    across = (relation in sideways) != (fact.value in sideways)
    order = {"left of": 0, "above": 0, "right of": 1, "below": 1}
    mirror = order[relation] != order[str(fact.value)]

    def move(body: Body) -> Body:
        x, y = (body.y, body.x) if across else (body.x, body.y)
        if mirror and relation in sideways:
            x = 1 - x
        elif mirror:
            y = 1 - y
        return replace(body, x=x, y=y)

    groups = tuple(replace(g, bodies=tuple(map(move, g.bodies))) for g in scene.groups)
    extras = tuple(replace(g, bodies=tuple(map(move, g.bodies))) for g in scene.extras)
    changed = replace(scene, groups=groups, extras=extras, relation=relation)
    return replace(spec, relation=relation), changed


def _absent(spec: Spec, scene: Scene, fact: Fact, rng: np.random.Generator) -> Made:
    """What must not be there is there: an extra takes its looks, and the other way round."""
    if not scene.extras or spec.absent is None:
        return None
    index = int(rng.random() * len(scene.extras))
    extra = scene.extras[index]
    swapped = Thing(extra.colour, extra.shape)
    looks = {"colour": spec.absent.colour, "shape": spec.absent.shape}
    extras = tuple(replace(g, **looks) if i == index else g for i, g in enumerate(scene.extras))
    return replace(spec, absent=swapped), replace(scene, extras=extras)


_CHANGES: dict[str, Callable[[Spec, Scene, Fact, np.random.Generator], Made]] = {
    "colour": _attribute(COLOURS),
    "shape": _shape,
    "texture": _attribute(TEXTURES),
    "size": _size,
    "count": _count,
    "place": _place,
    "motion": _motion,
    "relation": _relation,
    "absent": _absent,
}
