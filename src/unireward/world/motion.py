"""How things move through a clip: straight, at even speed, about where they are half-way."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from unireward.world import layout
from unireward.world.scene import NUM_BACKGROUNDS, kind_of_thing, make_group, pick
from unireward.world.things import Body, Group, Scene, Spec, Thing
from unireward.world.words import MOTIONS

TRAVEL = 0.44
"""Canvas units from the first frame to the last."""
GROWTH = 0.45
"""A growing thing's radius goes from (1 - GROWTH) to (1 + GROWTH) times a middling one."""
_WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_CHECKED = (0.0, 0.25, 0.5, 0.75, 1.0)


def moved(body: Body, motion: str, time: float) -> Body:
    """``body`` at ``time`` in [0, 1] of the clip."""
    if motion == "growing":
        middle = 0.5 * (layout.RADII["small"][1] + layout.RADII["large"][1])
        return replace(body, radius=middle * (1 + GROWTH * (2 * time - 1)))
    dx, dy = _WAYS.get(motion, (0, 0))
    step = TRAVEL * (time - 0.5)
    return replace(body, x=body.x + dx * step, y=body.y + dy * step)


def at_time(scene: Scene, time: float) -> Scene:
    """The still scene at ``time`` in [0, 1]."""
    groups = tuple(
        replace(g, bodies=tuple(moved(b, g.motion, time) for b in g.bodies)) for g in scene.groups
    )
    return replace(scene, groups=groups)


def instants(scene: Scene) -> list[Scene]:
    """Where everything is at a few times; the scene itself where nothing moves."""
    return [at_time(scene, time) for time in _CHECKED] if scene.moving else [scene]


def bounds(motion: str) -> layout.Box:
    """Where a large thing may be half-way so that it stays on the canvas."""
    room = layout.ROOM["large"] * (1.15 if motion == "growing" else 1.0)
    dx, dy = _WAYS.get(motion, (0, 0))
    mx, my = room + abs(dx) * TRAVEL / 2, room + abs(dy) * TRAVEL / 2
    return mx, my, 1 - mx, 1 - my


def steered(group: Group, motion: str) -> Group:
    """The group with another motion, pushed no further than it needs to stay on the canvas."""
    x0, y0, x1, y1 = bounds(motion)
    xs, ys = [b.x for b in group.bodies], [b.y for b in group.bodies]
    dx = max(0.0, x0 - min(xs)) - max(0.0, max(xs) - x1)
    dy = max(0.0, y0 - min(ys)) - max(0.0, max(ys) - y1)
    bodies = tuple(replace(b, x=b.x + dx, y=b.y + dy) for b in group.bodies)
    return replace(group, bodies=bodies, motion=motion)


def moving_scene(spec: Spec, rng: np.random.Generator) -> Scene:
    """A clip's scene in which every fact of ``spec`` holds and no two things ever touch.

    At level 4 something stands by that nobody speaks of.
    """
    from unireward.world.change import fits

    background = int(rng.random() * NUM_BACKGROUNDS)
    while True:
        groups = []
        for thing in spec.things:
            motion = thing.motion or pick(rng, MOTIONS)
            box, room = bounds(motion), layout.ROOM["large"]
            points = layout.scatter(rng, [box] * thing.count, [room] * thing.count)
            if points is None:
                break
            groups.append(replace(make_group(thing, points, rng), motion=motion))
        extras = _bystander(spec, rng) if spec.level == 4 else ()
        scene = Scene(tuple(groups), background, None, spec.level, extras, moving=True)
        if len(groups) == len(spec.things) and fits(scene):
            return scene


def _bystander(spec: Spec, rng: np.random.Generator) -> tuple[Group, ...]:
    """A small still thing; never of a held-out kind, so that none leaks into training."""
    room = layout.ROOM["small"]
    spots = layout.scatter(rng, [layout.whole(room)], [room])
    assert spots is not None
    kind = kind_of_thing(rng, "train", [(t.colour, t.shape) for t in spec.things])
    return (make_group(Thing(*kind, size="small"), spots, rng),)
