"""Records of image editing: a source, an instruction, and results right and wrong."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from unireward.record import Part
from unireward.world.edits import OPTIONS, Edit, apply, instruction, sample_edit, sample_of, share
from unireward.world.item import Order, WorldItem, build, candidate_ids, media_part
from unireward.world.pairs import CLEAN, ONE_FACT, QUALITY, Quality, sample_quality, shuffled
from unireward.world.pictures import box_spans, make_picture
from unireward.world.quality import STYLES, Box
from unireward.world.render import render
from unireward.world.scene import allowed, pick, sample_spec, scene_of
from unireward.world.things import Scene
from unireward.world.truth import overall

OUTCOMES = ("right", "wrong", "over", "nothing")
"""What a candidate did: as asked, something else in its place, more than asked, nothing."""


@dataclass(frozen=True)
class Edited:
    """A result: its scene, what was done to its quality, its pixels [H, W, 3], its defects."""

    scene: Scene
    quality: Quality
    pixels: np.ndarray
    boxes: tuple[Box, ...] = ()


def edited(scene: Scene, quality: Quality, size: int) -> Edited:
    # The picture's spec plays no part in an edit's truth.
    picture = make_picture(scene, _NO_SPEC, quality, size)
    return Edited(scene, quality, picture.pixels, picture.boxes)


_NO_SPEC = sample_spec(np.random.default_rng(0), 1)


def edit_truth(result: Edited, edit: Edit, source: Scene) -> dict[str, float]:
    """Scores 1 to 5: alignment from ``edits.share``, coherence, style, overall."""
    scores = {
        "alignment": round(1 + 4 * share(edit, source, result.scene), 4),
        "coherence": 5.0 - result.quality.artefact,
        "style": 5.0 - result.quality.strength,
    }
    return {**scores, "overall": overall("image_editing", scores)}


def make_item(rng: np.random.Generator, order: Order) -> WorldItem:
    source, edit, made, kind = _sample(rng, order)
    by_id = dict(zip(candidate_ids(order.number), made))
    truths = {key: edit_truth(result, edit, source) for key, result in by_id.items()}
    before = render(source, order.size)
    prompt = [media_part(before, role="source"), Part.of_text(instruction(edit))]
    spans = box_spans(by_id)
    return build(order, kind, edit, prompt, by_id, truths, spans, (before,))


def _sample(rng: np.random.Generator, order: Order) -> tuple[Scene, Edit, list[Edited], str]:
    source = scene_of(sample_spec(rng, order.level, order.split), rng)
    roll = rng.random() if order.number == 2 else 1.0
    if roll < ONE_FACT:
        pair = None
        while pair is None:
            pair = _one_fact(source, rng, order)
        edit, results = pair
        made = [edited(result, CLEAN, order.size) for result in results]
        return source, edit, shuffled(made, rng), "one-fact"
    edit, right = sample_edit(source, rng, order.level, order.split)
    if roll < ONE_FACT + QUALITY:
        scene = right if rng.random() < 0.75 else _outcome("any", source, edit, right, rng, order)
        first = sample_quality(rng, STYLES[1:]) if rng.random() < 0.4 else CLEAN
        second = replace(sample_quality(rng, STYLES[1:], 1.0), seed=first.seed + 1)
        made = [edited(scene, quality, order.size) for quality in (first, second)]
        return source, edit, shuffled(made, rng), "quality"
    made = _outcomes(source, edit, right, rng, order)
    # Two of the same would be no choice.
    while len(made) == 2 and np.array_equal(made[0].pixels, made[1].pixels):
        made = _outcomes(source, edit, right, rng, order)
    return source, edit, made, "random"


def _outcomes(
    source: Scene, edit: Edit, right: Scene, rng: np.random.Generator, order: Order
) -> list[Edited]:
    """Results drawn apart from each other, half of them with a fault of quality."""
    return [
        edited(
            _outcome("any", source, edit, right, rng, order),
            sample_quality(rng, STYLES[1:]) if rng.random() < 0.5 else CLEAN,
            order.size,
        )
        for _ in range(order.number)
    ]


def _one_fact(
    source: Scene, rng: np.random.Generator, order: Order
) -> tuple[Edit, list[Scene]] | None:
    """The right results of two instructions one word apart; a coin says which was given."""
    edit, first = sample_edit(source, rng, order.level, order.split)
    if edit.kind in ("size", "remove"):
        return None  # there is no second value that would also change the source
    if edit.added is None:
        other, _ = sample_of(edit.kind, source, rng, order.split, edit.group)
        second = apply(other, source, rng, order.split)
        if second is None or other.value == edit.value:
            return None
        return pick(rng, (edit, other)), [first, second]
    kind = pick(rng, ("colour", "shape"))
    last = first.groups[-1]
    thing = replace(last, **{kind: pick(rng, OPTIONS[kind])})
    kinds = [(group.colour, group.shape) for group in first.groups]
    looks = (thing.colour, thing.shape)
    if looks in kinds or not allowed(*looks, order.split):
        return None
    added = replace(edit.added, colour=thing.colour, shape=thing.shape)
    other = replace(edit, added=added, target=added)
    second = replace(first, groups=(*first.groups[:-1], thing))
    return pick(rng, (edit, other)), [first, second]


def _outcome(
    name: str,
    source: Scene,
    edit: Edit,
    right: Scene,
    rng: np.random.Generator,
    order: Order,
) -> Scene:
    """A result scene of one of ``OUTCOMES``, drawn evenly for ``any``."""
    name = pick(rng, OUTCOMES) if name == "any" else name
    if name == "nothing":
        return source
    if name == "wrong":
        return sample_edit(source, rng, order.level, order.split)[1]
    if name == "over":
        return sample_edit(right, rng, order.level, order.split)[1]
    return right
