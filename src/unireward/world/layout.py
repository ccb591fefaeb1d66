"""Where things stand: never overlapping (levels 1 to 3), never snapped to a grid.

Bodies reserve the *room* of the largest thing that may stand there, so that a change of size,
shape or texture never needs a move. Everything is in canvas units.
"""

from __future__ import annotations

import math

import numpy as np

from unireward.world.words import PLACES

RADII = {"small": (0.094, 0.097, 0.1), "large": (0.138, 0.142, 0.146)}
"""Radius per size, with a slight jitter: 6 and 9 px of 64."""
EXTENT = 1.06
"""No shape reaches further from its centre than this many radii."""
ROOM = {"small": 0.107, "large": 0.155}

Point = tuple[float, float]
Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 of the centres allowed."""


def whole(room: float) -> Box:
    return (room, room, 1 - room, 1 - room)


def scatter(
    rng: np.random.Generator, boxes: list[Box], rooms: list[float], taken: list[Point] | None = None
) -> list[Point] | None:
    """One point in each box, apart by the rooms of both; None after many failed tries.

    ``taken`` are points of full room ``rooms[0]`` that already stand.
    """
    draw = rng.random
    for _ in range(40):
        points: list[Point] = []
        near = [(x, y, rooms[0]) for x, y in taken or ()]
        for (x0, y0, x1, y1), room in zip(boxes, rooms):
            for _ in range(12):
                x, y = x0 + (x1 - x0) * draw(), y0 + (y1 - y0) * draw()
                if all((x - u) ** 2 + (y - v) ** 2 >= (room + r) ** 2 for u, v, r in near):
                    points.append((x, y))
                    near.append((x, y, room))
                    break
            else:
                break
        if len(points) == len(boxes):
            return points
    return None


_TEMPLATES: dict[int, tuple[Point, ...]] = {
    1: ((0.0, 0.0),),
    2: ((-0.5, 0.0), (0.5, 0.0)),
    3: ((0.0, -0.577), (-0.5, 0.289), (0.5, 0.289)),
    4: ((-0.5, -0.5), (0.5, -0.5), (-0.5, 0.5), (0.5, 0.5)),
}


def cluster(rng: np.random.Generator, count: int, place: str, room: float) -> list[Point]:
    """``count`` points close together whose centre lies well inside the cell ``place``."""
    for attempt in range(40):
        angle = 2 * math.pi * rng.random() if attempt < 39 else 0.0
        pitch = 2 * room * (1.01 + 0.12 * rng.random())
        cos, sin = pitch * math.cos(angle), pitch * math.sin(angle)
        shape = [(x * cos - y * sin, x * sin + y * cos) for x, y in _TEMPLATES[count]]
        centre = _centre_in(rng, shape, place, room)
        if centre is not None:
            return [(centre[0] + x, centre[1] + y) for x, y in shape]
    raise AssertionError(f"no room for {count} things of room {room} at the {place}")


def move_to(
    rng: np.random.Generator, points: list[Point], place: str, room: float
) -> list[Point] | None:
    """The same arrangement with its centre in another cell; None where it does not fit."""
    n = len(points)
    cx, cy = sum(x for x, _ in points) / n, sum(y for _, y in points) / n
    shape = [(x - cx, y - cy) for x, y in points]
    centre = _centre_in(rng, shape, place, room)
    return centre and [(centre[0] + x, centre[1] + y) for x, y in shape]


def _centre_in(
    rng: np.random.Generator, shape: list[Point], place: str, room: float
) -> Point | None:
    index = PLACES.index(place)
    x = _middle(rng, [p[0] for p in shape], index % 3, room)
    y = _middle(rng, [p[1] for p in shape], index // 3, room)
    return None if x is None or y is None else (x, y)


def _middle(
    rng: np.random.Generator, offsets: list[float], third: int, room: float
) -> float | None:
    # Kept off the borders of the cell, so that nobody needs a ruler to say which cell it is.
    low = max(room - min(offsets), third / 3 + 0.04)
    high = min(1 - room - max(offsets), (third + 1) / 3 - 0.04)
    return None if low > high else low + (high - low) * rng.random()


def sides(relation: str, counts: tuple[int, int], room: float) -> tuple[Box, Box]:
    """Boxes for the two groups of "left of" and its kin, wider for the larger group."""
    first, second = counts if relation in ("left of", "above") else counts[::-1]
    cut = 0.5 + 0.04 * (first - second)
    near = (room, cut - 0.055)
    far = (cut + 0.055, 1 - room)
    if relation in ("right of", "below"):
        near, far = far, near
    if relation in ("left of", "right of"):
        return (near[0], room, near[1], 1 - room), (far[0], room, far[1], 1 - room)
    return (room, near[0], 1 - room, near[1]), (room, far[0], 1 - room, far[1])
