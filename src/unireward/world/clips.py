"""Records of video generation: clips of moving things, and questions' clips.

A clip is 8 frames at 8 a second. Physics is broken by a jump to another spot, by vanishing for
some frames, or by shaking to and fro; the truth of ``physics`` is 5 less the strength, and a
span says from when to when.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from unireward.record import Part, Span
from unireward.world.facts import caption, held
from unireward.world.item import FPS, Order, WorldItem, build, candidate_ids
from unireward.world.motion import at_time, moving_scene
from unireward.world.pairs import Quality, Studio, sample_set
from unireward.world.quality import ARTEFACTS, Box, plant_artefact, spoil_box
from unireward.world.render import render
from unireward.world.scene import kind_of_thing, pick
from unireward.world.things import Body, Group, Scene, Spec, Thing
from unireward.world.truth import alignment, overall
from unireward.world.words import MOTIONS, SIZES, TEXTURES

FRAMES = 8
BREAKS = ("jump", "vanish", "shake")
_JUMP = (0.0, 0.1, 0.17, 0.25, 0.34)
_SHAKE = (0.0, 0.03, 0.055, 0.085, 0.12)


@dataclass(frozen=True)
class Clip:
    """A clip: how it was made, its pixels [T, H, W, 3], its defects' places and times.

    ``boxes`` are (box in pixels, first frame, frame after the last) of artefacts; ``broken``
    the frames (first, after the last) in which physics is.
    """

    scene: Scene
    asked: Spec
    quality: Quality
    pixels: np.ndarray
    boxes: tuple[tuple[Box, int, int], ...] = ()
    broken: tuple[int, int] | None = None


def sample_clip_spec(rng: np.random.Generator, level: int, split: str) -> Spec:
    """Level 1: one thing and its motion; 2: one or two of it, size or texture; 3: two things."""
    kind = kind_of_thing(rng, split)
    if level == 1:
        return Spec((Thing(*kind, motion=pick(rng, MOTIONS)),), None, level)
    if level == 2:
        motion = pick(rng, MOTIONS)
        which = 1 + int(rng.random() * 3)
        # What grows is neither small nor large.
        size = pick(rng, SIZES) if which & 1 and motion != "growing" else None
        texture = pick(rng, TEXTURES) if which & 2 or motion == "growing" else None
        count = 1 + int(rng.random() * 2)
        return Spec((Thing(*kind, size, texture, count, None, motion),), None, level)
    second = kind_of_thing(rng, split, avoid=(kind,))
    things = tuple(Thing(*pair, motion=pick(rng, MOTIONS)) for pair in (kind, second))
    return Spec(things, None, level)


def make_clip(scene: Scene, asked: Spec, quality: Quality, size: int) -> Clip:
    """Render all frames, physics broken and artefacts planted as ``quality`` says."""
    rng = np.random.default_rng(quality.seed)
    stills = [at_time(scene, frame / (FRAMES - 1)) for frame in range(FRAMES)]
    broken = None
    if quality.strength:
        stills, broken = _BREAK[quality.style](stills, quality.strength, rng)
    frames = np.stack([render(still, size) for still in stills])
    boxes: tuple[tuple[Box, int, int], ...] = ()
    if quality.artefact:
        frames, box = _plant(frames, quality.artefact, rng)
        boxes = (box,)
    return Clip(scene, asked, quality, frames, boxes, broken)


def _plant(
    frames: np.ndarray, severity: int, rng: np.random.Generator
) -> tuple[np.ndarray, tuple[Box, int, int]]:
    """One artefact at one spot for two to five frames."""
    first = int(rng.random() * 4)
    after = first + 2 + int(rng.random() * 4)
    kind = pick(rng, ARTEFACTS)
    frames = frames.copy()
    seed, after = int(rng.random() * 2**32), min(after, FRAMES)
    _, box = plant_artefact(frames[first], rng, severity, kind)
    for frame in range(first, after):
        # The same defect in each frame, whatever moves under it.
        same = np.random.default_rng(seed)
        frames[frame] = spoil_box(frames[frame], box, kind, severity, same)
    return frames, (box, first, after)


Broken = tuple[list[Scene], tuple[int, int]]


def _shifted(still: Scene, dx: float, dy: float) -> Scene:
    """Every group shifted as a whole, back onto the canvas where it would leave it."""

    def clamp(value: float, radius: float) -> float:
        return min(max(value, radius), 1 - radius)

    def move(body: Body) -> Body:
        x, y = clamp(body.x + dx, body.radius), clamp(body.y + dy, body.radius)
        return replace(body, x=x, y=y)

    groups = tuple(replace(g, bodies=tuple(map(move, g.bodies))) for g in still.groups)
    return replace(still, groups=groups)


def _jump(stills: list[Scene], strength: int, rng: np.random.Generator) -> Broken:
    """From some frame on everything is elsewhere, toward the side with more room."""
    frame = 3 + int(rng.random() * 3)
    body = stills[frame].groups[0].bodies[0]
    length = _JUMP[strength]
    sideways = rng.random() < 0.5
    dx = (length if body.x < 0.5 else -length) * (1.0 if sideways else 0.5)
    dy = (length if body.y < 0.5 else -length) * (0.5 if sideways else 1.0)
    after = [_shifted(still, dx, dy) for still in stills[frame:]]
    return stills[:frame] + after, (frame, frame + 1)


def _vanish(stills: list[Scene], strength: int, rng: np.random.Generator) -> Broken:
    """The first group is gone for ``strength`` frames, and back again."""
    first = 1 + int(rng.random() * (FRAMES - 1 - strength))

    def gone(group: Group) -> Group:
        return replace(group, bodies=())

    changed = list(stills)
    for frame in range(first, first + strength):
        groups = (gone(stills[frame].groups[0]), *stills[frame].groups[1:])
        changed[frame] = replace(stills[frame], groups=groups)
    return changed, (first, first + strength)


def _shake(stills: list[Scene], strength: int, rng: np.random.Generator) -> Broken:
    """Everything trembles across two directions from frame to frame."""
    length = _SHAKE[strength]
    signs = [(1 if (frame + (rng.random() < 0.2)) % 2 else -1) for frame in range(FRAMES)]
    return [_shifted(s, sign * length, -sign * length) for s, sign in zip(stills, signs)], (
        0,
        FRAMES,
    )


_BREAK = {"jump": _jump, "vanish": _vanish, "shake": _shake}


@lru_cache(maxsize=16)
def studio(size: int) -> Studio:
    return Studio(sample_clip_spec, moving_scene, partial(make_clip, size=size), BREAKS)


def clip_truth(clip: Clip, spec: Spec) -> dict[str, float]:
    """Scores 1 to 5: alignment, coherence, physics, overall."""
    scores = {
        "alignment": alignment(held(spec, clip.scene)),
        "coherence": 5.0 - clip.quality.artefact,
        "physics": 5.0 - clip.quality.strength,
    }
    return {**scores, "overall": overall("video_generation", scores)}


def make_item(rng: np.random.Generator, order: Order) -> WorldItem:
    spec, made, kind = sample_set(studio(order.size), rng, order.level, order.split, order.number)
    by_id = dict(zip(candidate_ids(order.number), made))
    truths = {key: clip_truth(clip, spec) for key, clip in by_id.items()}
    prompt = [Part.of_text(caption(spec))]
    return build(order, kind, spec, prompt, by_id, truths, defect_spans(by_id))


def defect_spans(by_id: Mapping[str, Clip]) -> list[Span]:
    """Boxes and times (seconds) of artefacts, times of broken physics."""
    spans = []
    for key, clip in by_id.items():
        for box, first, after in clip.boxes:
            spans.append(
                Span(
                    candidate=key,
                    kind="box",
                    box=(box[0], box[1], box[2], box[3]),
                    start=first / FPS,
                    end=after / FPS,
                    frame=first,
                    dimension="coherence",
                    value=5.0 - clip.quality.artefact,
                )
            )
        if clip.broken is not None:
            spans.append(
                Span(
                    candidate=key,
                    kind="time",
                    start=clip.broken[0] / FPS,
                    end=clip.broken[1] / FPS,
                    dimension="physics",
                    value=5.0 - clip.quality.strength,
                )
            )
    return spans
