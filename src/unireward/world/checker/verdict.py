"""Whether a picture honours a caption, fact by fact, told from its pixels by the world's rules.

>>> checked = check(pixels, Spec((Thing("red", "circle", count=2),)))
>>> checked.exact, checked.alignment, checked.reasons
(False, 3.6667, ('count is not 2 but 3',))

The facts are those of ``world.facts``, under its most favourable reading of what stands there,
and ``alignment`` is the world's. *Exact* asks for more than the facts: nothing that the caption
does not speak of (at level 4 other things may stand by), every thing whole and clear, nothing
left over, one of the world's backgrounds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unireward.errors import InputError
from unireward.world.checker.picture import see
from unireward.world.checker.seen import Seen, scene_of
from unireward.world.facts import facts, holds, match_of
from unireward.world.layout import RADII
from unireward.world.things import Fact, Group, Scene, Spec
from unireward.world.truth import alignment
from unireward.world.words import SHAPES, count_word, plural

CLEAR = 0.15
"""The residual up to which a thing is whole and clear. Noise of 8 levels or a blur of half a pixel
give 0.07 at most on 32 pixels, half the contrast 0.25, the lower half alone about 0.5."""
TOLD = 0.01
"""The margin from which a thing's shape is told from the others: under noise and blur as above it
is 0.014 at least."""
_SIZES = 0.8 * RADII["small"][0], 1.2 * RADII["large"][-1]
"""Radii of a still thing: a speck of three pixels fits a small square all too well."""


@dataclass(frozen=True)
class CheckedFact:
    """A stated fact as in ``world.things.Fact``, and whether it holds."""

    kind: str
    word: str
    value: str | int
    group: int
    holds: bool


@dataclass(frozen=True)
class Checked:
    """``alignment`` is 1 to 5; ``reasons`` say why it is not ``exact`` and are empty where it
    is; ``scene`` is what is seen as the world's rules read it, with ``MIXED`` where the things of
    a group differ."""

    facts: tuple[CheckedFact, ...]
    alignment: float
    exact: bool
    reasons: tuple[str, ...]
    seen: Seen
    scene: Scene

    def holds(self, kind: str) -> bool | None:
        """Whether all facts of a kind (``things.FACT_KINDS``) hold; None where none is stated."""
        return holds_all(self.facts, kind)


def check(pixels: np.ndarray, spec: Spec) -> Checked:
    """Check uint8 [S, S, 3] against a caption's facts. Raises :class:`InputError` for an array
    that :func:`see` refuses, and for a spec of digits, which are not read."""
    refuse_unread(spec)
    seen = see(pixels)
    scene = scene_of(seen.things, seen.background, spec.level)
    checked, said = weigh(spec, scene)
    reasons = [*said, *_flaws(seen, spec)]
    score = alignment([fact.holds for fact in checked])
    return Checked(checked, score, not reasons, tuple(reasons), seen, scene)


def refuse_unread(spec: Spec) -> None:
    """Raises :class:`InputError` for things whose shape is none that is read."""
    for thing in (*spec.things, *((spec.absent,) if spec.absent else ())):
        if thing.shape not in SHAPES:
            raise InputError(
                f"spec: shape {thing.shape!r} is not read; use one of {', '.join(SHAPES)}"
            )


def weigh(spec: Spec, scene: Scene) -> tuple[tuple[CheckedFact, ...], list[str]]:
    """Every fact with whether it holds in a seen scene, and why the scene is not as was said."""
    match = match_of(spec, scene)
    checked, reasons = [], []
    for fact in facts(spec):
        so = holds(fact, scene, match)
        checked.append(CheckedFact(fact.kind, fact.word, fact.value, fact.group, so))
        if not so:
            index = match[fact.group]
            reasons.append(_broken(fact, None if index is None else scene.groups[index]))
    if spec.level < 4:
        others = [group for at, group in enumerate(scene.groups) if at not in match]
        reasons += [f"nobody spoke of {_name(group)}" for group in others]
    return tuple(checked), reasons


def holds_all(checked: tuple[CheckedFact, ...], kind: str) -> bool | None:
    of_it = [fact.holds for fact in checked if fact.kind == kind]
    return all(of_it) if of_it else None


def _broken(fact: Fact, group: Group | None) -> str:
    if fact.kind == "absent":
        return f"there is {fact.value} where none should be"
    if group is None:
        return f"{fact.kind} is not {fact.value}: there is no such thing"
    if fact.kind == "relation":
        return f"relation is not {fact.value}"
    return f"{fact.kind} is not {fact.value} but {getattr(group, fact.kind)}"


def _name(group: Group) -> str:
    number = count_word(group.count) if group.count <= 7 else str(group.count)
    return f"{number} {group.colour} {plural(group.shape, group.count)}"


def _flaws(seen: Seen, spec: Spec) -> list[str]:
    """What no caption asks for and every right picture has. At level 4 things that nobody spoke
    of stand by, and small ones before the others: those are not looked at."""
    if seen.background is None:
        return ["the background is none of the world's"]
    flaws = []
    spoken = {(thing.colour, thing.shape) for thing in spec.things}
    for thing in seen.things:
        if spec.level == 4 and (thing.colour, thing.shape) not in spoken:
            continue
        name = f"the {thing.colour} {thing.shape}"
        flaws += vague(name, thing.residual, thing.margin)
        if not _SIZES[0] <= thing.radius <= _SIZES[1]:
            flaws.append(f"{name} is of none of the world's sizes (radius {thing.radius:.3f})")
    if seen.leftover:
        flaws.append(f"{seen.leftover:.1%} of the canvas is something that is no thing")
    return flaws


def vague(name: str, residual: float, margin: float) -> list[str]:
    """Why a thing is not to be taken for what it looks like most."""
    if residual > CLEAR:
        return [f"{name} is not clear (residual {residual:.2f})"]
    if margin < TOLD:
        return [f"{name} could be of another shape (margin {margin:.3f})"]
    return []
