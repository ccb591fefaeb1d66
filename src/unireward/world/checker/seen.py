"""What is seen in a picture: things with their looks, a background, what nothing explains."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from unireward.world import layout
from unireward.world.things import Body, Group, Scene

MIXED = "mixed"
"""The size, texture or motion of a group whose things differ in it: no caption's word."""
_MIDDLE = (layout.RADII["small"][-1] * layout.RADII["large"][0]) ** 0.5


def size_of(radius: float) -> str:
    """``small`` or ``large``, whichever the radius in canvas units is nearer to by ratio."""
    return "small" if radius < _MIDDLE else "large"


@dataclass(frozen=True)
class SeenThing:
    """One thing. ``x``, ``y``, ``radius`` in canvas units; ``turn`` an index into
    ``render.TURNS``.

    ``residual`` is the energy of what the thing leaves unexplained about its place, as a share of
    its own: 0 for the world's own pixels, 0.25 for half its contrast, about 1 where it does not
    stand. ``margin`` is how much more of it the best other shape would leave.
    """

    colour: str
    shape: str
    size: str
    texture: str
    x: float
    y: float
    radius: float
    turn: int
    residual: float
    margin: float

    @property
    def motion(self) -> str:
        return "still"

    @property
    def body(self) -> Body:
        return Body(self.x, self.y, self.radius, self.turn)


@dataclass(frozen=True)
class Seen:
    """``background`` is an index into ``render.BACKGROUNDS``, None where the picture stands on
    none of them (then nothing else is looked for). ``leftover`` is the share of the canvas in
    blobs that differ from the background and are no thing."""

    background: int | None
    things: tuple[SeenThing, ...]
    leftover: float


class Standing(Protocol):
    """What a picture or a clip shows of one thing."""

    @property
    def colour(self) -> str: ...
    @property
    def shape(self) -> str: ...
    @property
    def size(self) -> str: ...
    @property
    def texture(self) -> str: ...
    @property
    def motion(self) -> str: ...
    @property
    def body(self) -> Body: ...


def scene_of(
    things: Iterable[Standing], background: int | None, level: int, moving: bool = False
) -> Scene:
    """The scene as the world's rules read it: things of one colour and shape are a group, the
    largest first. No background is 0, and no things stand on it."""
    kinds: dict[tuple[str, str], list[Standing]] = {}
    for thing in things:
        kinds.setdefault((thing.colour, thing.shape), []).append(thing)
    groups = [_group(alike) for alike in kinds.values()]
    groups.sort(key=lambda group: -group.count)
    return Scene(tuple(groups), background or 0, None, level, moving=moving)


def _group(alike: Sequence[Standing]) -> Group:
    return Group(
        alike[0].colour,
        alike[0].shape,
        _common([thing.size for thing in alike]),
        _common([thing.texture for thing in alike]),
        tuple(thing.body for thing in alike),
        _common([thing.motion for thing in alike]),
    )


def _common(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else MIXED
