"""Whether a clip honours a caption: its things, how they move, and whether as they should.

>>> checked = check_clip(frames, spec)           # uint8 [8, 32, 32, 3]
>>> checked.holds("colour"), checked.holds("shape"), checked.holds("motion"), checked.physics
(True, True, False, ('jump',))

A thing moves straight and at even speed, and is there in every frame. ``vanish`` says that it is
not, ``jump`` that one of its steps is none of its pace, ``shake`` that steps go to and fro.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unireward.errors import InputError
from unireward.world.checker.picture import refuse_unreadable, see
from unireward.world.checker.seen import Seen, scene_of
from unireward.world.checker.tracks import Track, follow
from unireward.world.checker.verdict import CheckedFact, holds_all, refuse_unread, vague, weigh
from unireward.world.things import Scene, Spec
from unireward.world.truth import alignment

_LASTING = 0.35
"""Share of the frames in which a thing must be seen to be one; less is a flicker."""
_SPOILT = 0.25
"""Share of the frames in which something may be left over."""
_JERK_PIXELS, _JERK = 1.6, 0.015
"""How far off its pace a step may be: whole pixels are all that things move by, and a little."""


@dataclass(frozen=True)
class CheckedClip:
    """As :class:`~unireward.world.checker.verdict.Checked`; ``physics`` has ``jump``, ``shake``,
    ``vanish`` where they are seen, and is empty where motion obeys. An exact clip has none."""

    facts: tuple[CheckedFact, ...]
    alignment: float
    exact: bool
    physics: tuple[str, ...]
    reasons: tuple[str, ...]
    frames: tuple[Seen, ...]
    tracks: tuple[Track, ...]
    scene: Scene

    def holds(self, kind: str) -> bool | None:
        """Whether all facts of a kind (``things.FACT_KINDS``) hold; None where none is stated."""
        return holds_all(self.facts, kind)


def check_clip(frames: np.ndarray, spec: Spec) -> CheckedClip:
    """Check uint8 [T, S, S, 3], two frames or more, against a caption's facts. Raises
    :class:`InputError` for any other array, and for a spec of digits, which are not read."""
    refuse_unreadable(frames, "frames", ndim=4)
    if len(frames) < 2:
        raise InputError(f"frames is {len(frames)} of them; give two or more, or use check")
    refuse_unread(spec)
    seen = tuple(see(frame) for frame in frames)
    paths = follow(seen)
    lasting = [track for track in paths if len(track.times) >= _LASTING * len(frames)]
    scene = scene_of(lasting, seen[0].background, spec.level, moving=True)
    checked, said = weigh(spec, scene)
    broken = {flag for track in lasting for flag in _breaks(track, frames.shape[1])}
    physics = tuple(sorted(broken))
    reasons = [*said, *_flaws(seen, lasting, len(paths) - len(lasting))]
    reasons += [f"physics: {flag}" for flag in physics]
    score = alignment([fact.holds for fact in checked])
    return CheckedClip(
        checked, score, not reasons, physics, tuple(reasons), seen, tuple(lasting), scene
    )


def _breaks(track: Track, size: int) -> set[str]:
    """How a track breaks physics, nothing where it does not."""
    flags = {"vanish"} if len(track.times) < len(track.things) else set()
    times = np.array(track.times)
    places = np.array([(thing.x, thing.y) for thing in track.seen])
    off = np.diff(places, axis=0) - track.pace[:2] * np.diff(times)[:, None]
    jerks = off[np.linalg.norm(off, axis=1) > _JERK_PIXELS / size + _JERK]
    if len(jerks):
        way = jerks / np.linalg.norm(jerks, axis=1, keepdims=True)
        flags.add("shake" if (way @ way.T).min() < -0.5 else "jump")
    return flags


def _flaws(seen: Sequence[Seen], tracks: Sequence[Track], flickers: int) -> list[str]:
    """What no caption asks for and every right clip has."""
    flaws = []
    for track in tracks:
        flaws += vague(f"the {track.colour} {track.shape}", track.residual, track.margin)
    blank = sum(frame.background is None for frame in seen)
    if blank:
        flaws.append(f"frames on none of the world's backgrounds: {blank}")
    spoilt = sum(frame.leftover > 0 for frame in seen)
    if spoilt > _SPOILT * len(seen):
        flaws.append(f"frames with something in them that is no thing: {spoilt}")
    if flickers:
        flaws.append(f"things that are there for a moment only: {flickers}")
    return flaws
