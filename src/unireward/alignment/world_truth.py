"""World truth: what the world's own checker says of pictures and clips that a policy drew for it.

::

    truth: world

Facts are 1 where every stated one of a kind holds (``count``, ``colour``, ``shape``, ``motion``
...), ``alignment`` is the world's own scale as a share, ``physics`` of clips whether motion obeys,
``clear`` whether nothing else is amiss: every thing whole and clear, nothing that nobody asked for.
A candidate is ``right`` where the checker finds it exact. What its caption leaves open (place,
size, texture, turn, background) is read off it, to measure diversity by.

Edge rules: of a prompt that is no caption of the world, and of a candidate that is no picture or
clip of a size that the checker reads, nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unireward.errors import InputError
from unireward.media import Image, Video
from unireward.record import Candidate, Record
from unireward.world.checker import Seen, check, check_clip
from unireward.world.facts import facts
from unireward.world.sentences import UnreadError, read_caption
from unireward.world.things import Spec, place_of

_TASKS = ("image_generation", "video_generation")
_LEAST, _MOST = 1.0, 5.0
"""The world's scale of alignment."""


def world_truth(records: Sequence[Record]) -> list[dict[str, dict[str, Any]]]:
    """For each record what is known of its candidates, as
    :mod:`unireward.alignment.truth` has it."""
    return [_of_record(record) for record in records]


def _of_record(record: Record) -> dict[str, dict[str, Any]]:
    if record.task not in _TASKS:
        return {}
    try:
        spec = read_caption(record.text)
    except UnreadError:
        return {}
    said = {candidate.id: _of_candidate(candidate, spec) for candidate in record.candidates}
    return {name: one for name, one in said.items() if one is not None}


def _of_candidate(candidate: Candidate, spec: Spec) -> dict[str, Any] | None:
    if len(candidate.content) != 1 or candidate.content[0].type == "text":
        return None
    media = candidate.content[0].load()
    try:
        return _of_picture(media, spec) if isinstance(media, Image) else _of_clip(media, spec)
    except InputError:
        return None


def _of_picture(media: Image, spec: Spec) -> dict[str, Any]:
    checked = check(np.asarray(media.load()), spec)
    return {
        "right": checked.exact,
        **_facts(checked, spec),
        "open": _open(spec, checked.seen),
    }


def _of_clip(media: Video, spec: Spec) -> dict[str, Any]:
    checked = check_clip(media.frames("all").pixels(), spec)
    # Half-way through, where the world counts things to stand.
    middle = checked.frames[len(checked.frames) // 2]
    return {
        "right": checked.exact,
        **_facts(checked, spec, broken=len(checked.physics)),
        "physics": float(not checked.physics),
        "open": _open(spec, middle),
    }


def _facts(checked: Any, spec: Spec, broken: int = 0) -> dict[str, float]:
    """``broken`` is how many of the checker's reasons are told by another figure."""
    kinds = dict.fromkeys(fact.kind for fact in facts(spec))
    held = {kind: float(checked.holds(kind)) for kind in kinds}
    broken += sum(not fact.holds for fact in checked.facts)
    # Each is one reason; what is amiss besides is a smear, a part, a thing too many.
    held["clear"] = float(len(checked.reasons) == broken)
    return {**held, "alignment": (checked.alignment - _LEAST) / (_MOST - _LEAST)}


def _open(spec: Spec, seen: Seen) -> Mapping[str, Any]:
    """What is seen of choices that the caption does not make; of several things each one's."""
    stated = {fact.kind for fact in facts(spec)}
    things = seen.things
    every = {
        "place": [place_of(thing.x, thing.y) for thing in things],
        "size": [thing.size for thing in things],
        "texture": [thing.texture for thing in things],
        # A circle's turn cannot be seen where it has no marks.
        "turn": [str(t.turn) for t in things if (t.shape, t.texture) != ("circle", "solid")],
    }
    found = {name: words for name, words in every.items() if name not in stated and words}
    return {**found, "background": str(seen.background)}
