"""Things followed through the frames of a clip, and how they move.

Frame by frame each thing goes to the nearest path of its colour, near to where that path would be
by now; a path votes on what its things are. Its speed is the median of what it goes in *two*
frames, which neither one jump nor trembling to and fro can shift by much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unireward.world.checker.seen import Seen, SeenThing, size_of
from unireward.world.layout import RADII
from unireward.world.motion import GROWTH, TRAVEL
from unireward.world.things import Body

ASTRAY = "astray"
"""The motion of what goes aslant or shrinks: no caption's word."""
_OTHER_SHAPE = 0.15
"""Canvas units by which a thing of another shape seems further away."""
_MOVES = 0.3 * TRAVEL
"""Canvas units in the whole clip under which a thing stands still."""
_GROWS = 0.4 * GROWTH * (RADII["small"][1] + RADII["large"][1])
"""Growth of the radius in the whole clip from which a thing grows: 0.4 of the world's."""
_ASLANT = 0.5
"""Of the longer way, from which the shorter one makes it slanting."""


@dataclass(frozen=True)
class Track:
    """One thing through a clip, None in the frames where it is not seen."""

    things: tuple[SeenThing | None, ...]

    @property
    def times(self) -> list[int]:
        """The frames in which it is seen."""
        return [at for at, thing in enumerate(self.things) if thing is not None]

    @property
    def seen(self) -> list[SeenThing]:
        return [thing for thing in self.things if thing is not None]

    @property
    def colour(self) -> str:
        return self._vote(lambda thing: thing.colour)

    @property
    def shape(self) -> str:
        return self._vote(lambda thing: thing.shape)

    @property
    def texture(self) -> str:
        return self._vote(lambda thing: thing.texture)

    @property
    def size(self) -> str:
        return size_of(self.radius)

    @property
    def radius(self) -> float:
        return float(np.median([thing.radius for thing in self.seen]))

    @property
    def residual(self) -> float:
        return float(np.median([thing.residual for thing in self.seen]))

    @property
    def margin(self) -> float:
        """Of the frames that vote for its shape."""
        shape = self.shape
        return float(np.median([thing.margin for thing in self.seen if thing.shape == shape]))

    @property
    def body(self) -> Body:
        """As it stands half-way."""
        x, y = np.median([(thing.x, thing.y) for thing in self.seen], axis=0)
        return Body(float(x), float(y), self.radius)

    @property
    def pace(self) -> np.ndarray:
        """What x, y and the radius gain from a frame to the next: [3]."""
        return _pace(self.times, np.array([(t.x, t.y, t.radius) for t in self.seen]))

    @property
    def motion(self) -> str:
        """A word of ``words.MOTIONS``, or ``ASTRAY``."""
        x, y, growth = self.pace * (len(self.things) - 1)
        longer, shorter = max(abs(x), abs(y)), min(abs(x), abs(y))
        if longer < _MOVES:
            if abs(growth) < _GROWS:
                return "still"
            return "growing" if growth > 0 else ASTRAY
        if shorter > _ASLANT * longer:
            return ASTRAY
        if longer == abs(x):
            return "right" if x > 0 else "left"
        return "down" if y > 0 else "up"

    def _vote(self, what: Callable[[SeenThing], str]) -> str:
        """Each frame counts by how large the thing is there and how well it is explained."""
        votes: dict[str, float] = {}
        for thing in self.seen:
            weight = thing.radius**2 * max(0.05, 1 - 2 * thing.residual)
            votes[what(thing)] = votes.get(what(thing), 0.0) + weight
        return max(votes, key=lambda name: votes[name])


def _pace(times: Sequence[int], values: np.ndarray) -> np.ndarray:
    """Median gain a frame over all pairs two frames apart; where there is none, over all pairs."""
    gaps = np.subtract.outer(times, times)
    later, earlier = np.nonzero(gaps == 2)
    if not len(later):
        later, earlier = np.nonzero(gaps > 0)
    if not len(later):
        return np.zeros(values.shape[1])
    gains = (values[later] - values[earlier]) / gaps[later, earlier][:, None]
    return np.median(gains, axis=0)


def follow(frames: Sequence[Seen]) -> list[Track]:
    """The paths of all things through a clip, the first seen first."""
    paths: list[list[SeenThing | None]] = []
    for at, seen in enumerate(frames):
        given: list[SeenThing | None] = [None] * len(paths)
        pairs = sorted(
            (distance, path, thing)
            for path, before in enumerate(paths)
            for thing, now in enumerate(seen.things)
            if (distance := _distance(before, now)) is not None
        )
        left = set(range(len(seen.things)))
        for _, path, thing in pairs:
            if given[path] is None and thing in left:
                given[path] = seen.things[thing]
                left.remove(thing)
        for before, now in zip(paths, given):
            before.append(now)
        paths += [[None] * at + [seen.things[thing]] for thing in sorted(left)]
    return [Track(tuple(path)) for path in paths]


def _distance(before: Sequence[SeenThing | None], now: SeenThing) -> float | None:
    """From where a path should be by now, in canvas units; None for another colour."""
    times = [at for at, thing in enumerate(before) if thing is not None]
    last = before[times[-1]]
    assert last is not None
    if last.colour != now.colour:
        return None
    places = np.array([(t.x, t.y) for t in before if t is not None])
    due = places[-1] + _pace(times, places) * (len(before) - times[-1])
    here = np.array([now.x, now.y])
    # Where it stood last is as likely as where it would be: what jumped knows no pace.
    away = min(np.linalg.norm(here - due), np.linalg.norm(here - places[-1]))
    return float(away) + (_OTHER_SHAPE if last.shape != now.shape else 0.0)
