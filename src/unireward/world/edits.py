"""Edits: an instruction, and what it makes of a scene.

>>> edit = sample_edit(scene, rng, level=1)
>>> instruction(edit), apply(edit, scene)

The truth of a result weighs two things equally: the share of what was asked that was done, and
the share of the rest that was left alone. Groups keep their index through every edit (what was
removed has no bodies), so the two are read off directly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from unireward.world import layout
from unireward.world.change import fits
from unireward.world.facts import thing_words
from unireward.world.scene import allowed, kind_of_thing, make_group, pick
from unireward.world.things import Fact, Group, Scene, Thing
from unireward.world.words import COLOURS, PLACES, SHAPES, SIZES, TEXTURES, plural

KINDS = {
    1: ("colour", "shape", "add"),
    2: ("colour", "shape", "texture", "size", "place", "add"),
    3: ("colour", "shape", "texture", "size", "add", "remove"),
}
"""What an instruction may ask for at each level."""


@dataclass(frozen=True)
class Edit:
    """One instruction. ``target`` is the group it is about, as it stands in the source, and
    ``group`` its index; ``value`` the new colour, shape, texture, size or place; ``added`` the
    new thing."""

    kind: str
    group: int
    target: Thing
    value: str = ""
    added: Thing | None = None


Words = list[tuple[str, str, str | int]]


def _words(edit: Edit) -> Words:
    """(word, fact kind or "", value) of the instruction."""
    if edit.added is not None:
        return [("add", "", ""), *thing_words(edit.added)]
    target = ["the", edit.target.colour, *plural(edit.target.shape, edit.target.count).split()]
    if edit.kind == "remove":
        return [("remove", "count", 0), *((word, "", "") for word in target)]
    verb, link = _VERBS[edit.kind]
    *middle, last = [*link.split(), *_value(edit)]
    return [*((word, "", "") for word in (verb, *target, *middle)), (last, edit.kind, edit.value)]


_VERBS = {
    "colour": ("make", ""),
    "texture": ("make", ""),
    "size": ("make", ""),
    "shape": ("change", "to"),
    "place": ("move", "to the"),
}


def _value(edit: Edit) -> list[str]:
    if edit.kind == "shape":
        article = ["a"] if edit.target.count == 1 else []
        return [*article, *plural(edit.value, edit.target.count).split()]
    return edit.value.split()


def instruction(edit: Edit) -> str:
    """Plain English, such as "make the red circles blue"."""
    return " ".join(word for word, *_ in _words(edit))


def asked(edit: Edit) -> tuple[Fact, ...]:
    """The facts the result must show; ``at`` is the word's index in the instruction."""
    return tuple(
        Fact(kind, word, at, edit.group, value)
        for at, (word, kind, value) in enumerate(_words(edit))
        if kind
    )


def sample_edit(
    scene: Scene, rng: np.random.Generator, level: int, split: str = "eval"
) -> tuple[Edit, Scene]:
    """An edit that changes ``scene``, and the right result."""
    while True:
        kind = pick(rng, KINDS[min(level, 3)])
        edit, result = sample_of(kind, scene, rng, split)
        if result is not None:
            return edit, result


def sample_of(
    kind: str, scene: Scene, rng: np.random.Generator, split: str, group: int | None = None
) -> tuple[Edit, Scene | None]:
    """One try at an edit of ``kind``; no result where it does not fit."""
    if kind == "add":
        shown = [(g.colour, g.shape) for g in scene.groups]
        place = pick(rng, PLACES) if rng.random() < 0.5 else None
        added = Thing(*kind_of_thing(rng, split, shown), place=place)
        edit = Edit("add", len(scene.groups), added, "", added)
        return edit, apply(edit, scene, rng, split)
    index = int(rng.random() * len(scene.groups)) if group is None else group
    source = scene.groups[index]
    if not source.bodies:
        return Edit(kind, index, Thing(source.colour, source.shape)), None
    target = Thing(source.colour, source.shape, source.size, source.texture, source.count)
    edit = Edit(kind, index, target, _new_value(kind, source, rng))
    return edit, apply(edit, scene, rng, split)


OPTIONS = {
    "colour": COLOURS,
    "shape": SHAPES,
    "texture": TEXTURES,
    "size": SIZES,
    "place": PLACES,
}


def _new_value(kind: str, group: Group, rng: np.random.Generator) -> str:
    if kind == "remove":
        return ""
    return pick(rng, [v for v in OPTIONS[kind] if v != getattr(group, kind)])


def apply(edit: Edit, scene: Scene, rng: np.random.Generator, split: str = "eval") -> Scene | None:
    """The source with exactly the asked change, or None where it cannot be had."""
    if edit.added is not None:
        result = _added(edit.added, scene, rng)
    else:
        groups = list(scene.groups)
        changed = _CHANGE[edit.kind](groups[edit.group], edit, rng)
        if changed is None:
            return None
        groups[edit.group] = changed
        result = replace(scene, groups=tuple(groups))
    if result is None or not fits(result):
        return None
    kinds = [(g.colour, g.shape) for g in result.groups if g.bodies]
    sound = len(set(kinds)) == len(kinds) and all(allowed(*kind, split) for kind in kinds)
    return result if sound else None


def _added(thing: Thing, scene: Scene, rng: np.random.Generator) -> Scene | None:
    room = layout.ROOM["large"]
    for _ in range(12):
        if thing.place is not None:
            spots: list[layout.Point] | None = layout.cluster(rng, 1, thing.place, room)
        else:
            spots = layout.scatter(rng, [layout.whole(room)], [room])
        assert spots is not None
        grown = replace(scene, groups=(*scene.groups, make_group(thing, spots, rng)))
        if fits(grown):
            return grown
    return None


def _resized(group: Group, edit: Edit, rng: np.random.Generator) -> Group:
    scale = layout.RADII[edit.value][1] / layout.RADII[group.size][1]
    bodies = tuple(replace(b, radius=b.radius * scale) for b in group.bodies)
    return replace(group, size=edit.value, bodies=bodies)


def _moved(group: Group, edit: Edit, rng: np.random.Generator) -> Group | None:
    room = layout.ROOM["small" if group.count > 2 else "large"]
    points = layout.move_to(rng, [(b.x, b.y) for b in group.bodies], edit.value, room)
    if points is None:
        return None
    bodies = tuple(replace(b, x=x, y=y) for b, (x, y) in zip(group.bodies, points))
    return replace(group, bodies=bodies)


_CHANGE: dict[str, Callable[[Group, Edit, np.random.Generator], Group | None]] = {
    "colour": lambda group, edit, rng: replace(group, colour=edit.value),
    "shape": lambda group, edit, rng: replace(group, shape=edit.value),
    "texture": lambda group, edit, rng: replace(group, texture=edit.value),
    "size": _resized,
    "place": _moved,
    "remove": lambda group, edit, rng: replace(group, bodies=()),
}


def done(edit: Edit, result: Scene) -> list[bool]:
    """For each of ``asked(edit)`` whether the result shows it."""
    if edit.group >= len(result.groups):
        return [False] * len(asked(edit))
    group = result.groups[edit.group]
    if edit.kind != "remove" and not group.bodies:
        return [False] * len(asked(edit))
    return [getattr(group, fact.kind) == fact.value for fact in asked(edit)]


def kept(edit: Edit, source: Scene, result: Scene) -> list[bool]:
    """For each group of the source, and for the picture as a whole, whether it was left alone.

    Of the target everything that was not asked about; of the whole the background, and that
    nothing unasked was added.
    """
    checks = []
    for index, before in enumerate(source.groups):
        after = result.groups[index]
        if index == edit.group and edit.added is None:
            checks.append(_same_but(edit.kind, before, after))
        else:
            checks.append(before == after)
    number = len(source.groups) + (edit.added is not None)
    checks.append(source.background == result.background and len(result.groups) <= number)
    return checks


def _same_but(kind: str, before: Group, after: Group) -> bool:
    if kind == "remove":
        return True
    names = {"colour", "shape", "texture", "size", "count"} - {kind}
    same = all(getattr(before, name) == getattr(after, name) for name in names)
    if kind == "place" or not same:
        return same
    return [(b.x, b.y) for b in before.bodies] == [(b.x, b.y) for b in after.bodies]


def share(edit: Edit, source: Scene, result: Scene) -> float:
    """Half for what was asked, half for what was to be left alone; 0 to 1."""
    ask, keep = done(edit, result), kept(edit, source, result)
    return 0.5 * sum(ask) / len(ask) + 0.5 * sum(keep) / len(keep)
