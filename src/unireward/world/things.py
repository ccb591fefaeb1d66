"""What a caption speaks of (Thing, Spec) and what a picture holds (Body, Group, Scene).

A *spec* states facts and leaves the rest open (None); a *scene* is concrete in everything. The
canvas is the unit square, x to the right and y downward, so that one scene renders at any size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from unireward.world.words import PLACES


@dataclass(frozen=True)
class Thing:
    """A group of equal things as a caption speaks of it; None is "not said"."""

    colour: str
    shape: str
    size: str | None = None
    texture: str | None = None
    count: int = 1
    place: str | None = None
    motion: str | None = None


@dataclass(frozen=True)
class Spec:
    """What a caption states: one thing, or two with a relation of the first to the second.

    ``exactly`` says that the first count is meant strictly; ``absent`` is a thing that must not
    be there ("and no blue stars"). Both belong to level 4.
    """

    things: tuple[Thing, ...]
    relation: str | None = None
    level: int = 1
    exactly: bool = False
    absent: Thing | None = None


Caption = Spec


@dataclass(frozen=True)
class Body:
    """One thing standing somewhere: centre and radius in canvas units, ``turn`` a rotation step
    (see ``render.TURNS``)."""

    x: float
    y: float
    radius: float
    turn: int = 0


@dataclass(frozen=True)
class Group:
    """Equal things in a picture. In a clip the bodies stand as they do half-way through it.

    No bodies: the things were removed. Where the shape is a digit, a body's ``turn`` says which
    of the handwritten ones it is.
    """

    colour: str
    shape: str
    size: str
    texture: str
    bodies: tuple[Body, ...]
    motion: str = "still"

    @property
    def count(self) -> int:
        return len(self.bodies)

    @cached_property
    def centre(self) -> tuple[float, float]:
        n = len(self.bodies)
        return sum(b.x for b in self.bodies) / n, sum(b.y for b in self.bodies) / n

    @property
    def place(self) -> str:
        """The cell of the 3x3 grid in which the group's centre lies."""
        return place_of(*self.centre)


@dataclass(frozen=True)
class Scene:
    """A picture or clip: the groups spoken of, and the background (an index into
    ``render.BACKGROUNDS``).

    ``extras`` are things nobody speaks of, ``covers`` such that stand before the others and
    hide a part of them (level 4). ``moving`` says that it is a clip.
    """

    groups: tuple[Group, ...]
    background: int = 0
    relation: str | None = None
    level: int = 1
    extras: tuple[Group, ...] = ()
    covers: tuple[Group, ...] = ()
    moving: bool = False

    @property
    def bodies(self) -> list[Body]:
        """All that must not overlap: everything but the covers."""
        return [body for group in (*self.groups, *self.extras) for body in group.bodies]


@dataclass(frozen=True)
class Fact:
    """One stated fact. ``word`` is the caption's word that carries it and ``at`` its index in
    ``caption(spec).split()``; ``value`` what must be so; ``group`` which thing it is about."""

    kind: str
    word: str
    at: int
    group: int
    value: str | int


FACT_KINDS = (
    "count", "size", "texture", "colour", "shape", "place", "motion", "relation", "absent",
)  # fmt: skip


def place_of(x: float, y: float) -> str:
    column, row = min(int(x * 3), 2), min(int(y * 3), 2)
    return PLACES[row * 3 + column]
