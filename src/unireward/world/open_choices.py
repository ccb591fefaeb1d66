"""What a caption leaves open, as a picture has chosen it.

A generator that honours captions may still draw the same picture each time. Whether it does is
told by the spread of its choices over *right* pictures of one caption (entropy, share of distinct
ones), which whoever measures works out from these::

    checked = check(pixels, spec)                   # "two red circles"
    if checked.exact:
        open_choices(checked.scene, spec)
    {"background": "5", "0.size": "large", "0.texture": "solid", "0.place": "top left",
     "0.cells": "top left + left", "0.turns": "2 + 4"}

What a caption states is never among them, so that the keys of one caption's right pictures are
always the same. Values are words, made for counting.
"""

from __future__ import annotations

from unireward.world.facts import match_of
from unireward.world.things import Body, Group, Scene, Spec, Thing, place_of

ROUND = "round"
"""The turn of what looks the same however it is turned."""
UNSEEN = "unseen"
"""The choice where nothing stands that could be what was spoken of."""


def open_choices(scene: Scene, spec: Spec) -> dict[str, str]:
    """Each open choice and what was chosen. Keys: ``background``, and for the spec's thing number
    i ``i.size``, ``i.texture``, ``i.place`` (in a clip ``i.motion``) where they are not stated,
    ``i.cells`` (where in the 3x3 grid each of it stands) and ``i.turns`` (indices into
    ``render.TURNS``; a circle without marks has none)."""
    choices = {"background": str(scene.background) if scene.groups else UNSEEN}
    for number, (thing, index) in enumerate(zip(spec.things, match_of(spec, scene))):
        group = None if index is None else scene.groups[index]
        for name, value in _of_thing(thing, group, scene.moving).items():
            choices[f"{number}.{name}"] = value
    return choices


def _of_thing(thing: Thing, group: Group | None, moving: bool) -> dict[str, str]:
    stateable = ("size", "texture", "place", "motion") if moving else ("size", "texture", "place")
    names = [name for name in stateable if getattr(thing, name) is None]
    if group is None:
        return dict.fromkeys([*names, "cells", "turns"], UNSEEN)
    choices = {name: getattr(group, name) for name in names}
    choices["cells"] = " + ".join(sorted(place_of(body.x, body.y) for body in group.bodies))
    choices["turns"] = " + ".join(sorted(_turn(group, body) for body in group.bodies))
    return choices


def _turn(group: Group, body: Body) -> str:
    return ROUND if (group.shape, group.texture) == ("circle", "solid") else str(body.turn)
