"""Captions and the facts they state, word by word, and whether a scene honours them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import permutations

from unireward.world.things import Fact, Group, Scene, Spec, Thing
from unireward.world.words import count_word, motion_words, plural

RELATION_GAP = 0.06
"""Every thing of the first group is beyond every thing of the second by this much of the canvas
(centre to centre) for "left of" and its kin to hold."""


def thing_words(thing: Thing) -> Iterator[tuple[str, str, str | int]]:
    """(word, kind or "", value) for each word of one thing's phrase."""
    yield count_word(thing.count), "count", thing.count
    if thing.size is not None:
        yield thing.size, "size", thing.size
    if thing.texture is not None:
        yield thing.texture, "texture", thing.texture
    yield thing.colour, "colour", thing.colour
    yield from _last(plural(thing.shape, thing.count).split(), "shape", thing.shape)
    if thing.place is not None:
        yield "at", "", ""
        yield "the", "", ""
        yield from _last(thing.place.split(), "place", thing.place)
    if thing.motion is not None:
        yield from _last(motion_words(thing.motion), "motion", thing.motion)


def _last(words: Sequence[str], kind: str, value: str) -> Iterator[tuple[str, str, str]]:
    """Several words for one fact: the last one carries it."""
    for word in words[:-1]:
        yield word, "", ""
    yield words[-1], kind, value


def _words(spec: Spec) -> Iterator[tuple[str, str, str | int, int]]:
    if spec.exactly:
        yield "exactly", "", "", 0
    for word, kind, value in thing_words(spec.things[0]):
        yield word, kind, value, 0
    if spec.relation is not None:
        head, *tail = spec.relation.split()
        yield head, "relation", spec.relation, 0
        for word in tail:
            yield word, "", "", 0
    for index, thing in enumerate(spec.things[1:], start=1):
        if spec.relation is None:
            yield "and", "", "", index
        for word, kind, value in thing_words(thing):
            yield word, kind, value, index
    if spec.absent is not None:
        yield "and", "", "", 0
        yield "no", "absent", f"{spec.absent.colour} {spec.absent.shape}", 0
        yield spec.absent.colour, "", "", 0
        for word in plural(spec.absent.shape, 2).split():
            yield word, "", "", 0


@lru_cache(maxsize=65536)
def caption(spec: Spec) -> str:
    """Plain English in the closed vocabulary, such as "two large red circles at the top left"."""
    return " ".join(word for word, *_ in _words(spec))


@lru_cache(maxsize=65536)
def facts(spec: Spec) -> tuple[Fact, ...]:
    """The stated facts in the order of their words."""
    return tuple(
        Fact(kind, word, at, group, value)
        for at, (word, kind, value, group) in enumerate(_words(spec))
        if kind
    )


def relation_holds(relation: str, first: Group, second: Group) -> bool:
    axis = (lambda b: b.x) if relation in ("left of", "right of") else (lambda b: b.y)
    if relation in ("right of", "below"):
        first, second = second, first
    return max(map(axis, first.bodies)) + RELATION_GAP < min(map(axis, second.bodies))


def holds(fact: Fact, scene: Scene, match: tuple[int | None, ...] = (0, 1)) -> bool:
    """Whether ``fact`` is so in ``scene``.

    ``match[i]`` is the scene's group that stands for the spec's thing i (None: there is none),
    as ``match_of`` finds it; by default the i-th.
    """
    groups = (*scene.groups, *scene.extras, *scene.covers)
    if fact.kind == "absent":
        return all(f"{g.colour} {g.shape}" != fact.value for g in groups)
    index = match[fact.group] if fact.group < len(match) else None
    if index is None or index >= len(groups):
        return False
    group = groups[index]
    if fact.kind == "relation":
        other = match[1] if len(match) > 1 else None
        return (
            other is not None
            and other < len(groups)
            and relation_holds(str(fact.value), group, groups[other])
        )
    return getattr(group, fact.kind) == fact.value


def match_of(spec: Spec, scene: Scene) -> tuple[int | None, ...]:
    """The reading of the scene most favourable to the spec: which group is which thing.

    The first best in scene order, so a scene made for the spec is read as it was made.
    """
    n = len(spec.things)
    pool: list[int | None] = [*range(len(scene.groups) + len(scene.extras))]
    pool += [None] * max(0, n - len(pool))
    stated = facts(spec)
    best: tuple[int | None, ...] = tuple(pool[:n])  # the scene's groups come first
    best_held = sum(holds(fact, scene, best) for fact in stated)
    if best_held == len(stated):
        return best
    for match in permutations(pool, n):
        held = sum(holds(fact, scene, match) for fact in stated)
        if held > best_held:
            best, best_held = match, held
    return best


def held(spec: Spec, scene: Scene) -> tuple[bool, ...]:
    """For each of ``facts(spec)`` whether it holds, under the most favourable reading."""
    match = match_of(spec, scene)
    return tuple(holds(fact, scene, match) for fact in facts(spec))


def spec_of(scene: Scene) -> Spec:
    """Everything that can be said of the scene's groups; a place where the group is compact."""
    things = tuple(
        Thing(
            group.colour,
            group.shape,
            group.size,
            group.texture,
            group.count,
            group.place if _placed(scene, group) else None,
            group.motion if scene.moving else None,
        )
        for group in scene.groups
    )
    return Spec(things, scene.relation, scene.level)


def _placed(scene: Scene, group: Group) -> bool:
    """Whether one would say where the group stands: alone, at rest and compact."""
    if scene.moving or len(scene.groups) > 1:
        return False
    cx, cy = group.centre
    return all((b.x - cx) ** 2 + (b.y - cy) ** 2 < 0.2**2 for b in group.bodies)


def describe(scene: Scene) -> str:
    """The full caption: every attribute of every group."""
    return caption(spec_of(scene))


def describe_facts(scene: Scene) -> tuple[Fact, ...]:
    return facts(spec_of(scene))
