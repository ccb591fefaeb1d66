"""The world's checker on clips: each thing's motion is told, and broken physics is found."""

from dataclasses import replace

import numpy as np
import pytest

from unireward.errors import InputError
from unireward.world.change import change_one
from unireward.world.checker import check_clip
from unireward.world.checker.tracks import ASTRAY
from unireward.world.clips import BREAKS, FRAMES, make_clip, sample_clip_spec
from unireward.world.motion import at_time, moving_scene
from unireward.world.open_choices import open_choices
from unireward.world.pairs import CLEAN, Quality
from unireward.world.render import render
from unireward.world.things import Body, Group, Scene, Spec, Thing
from unireward.world.words import MOTIONS


def drawn(scene: Scene, spec: Spec, quality: Quality = CLEAN, size: int = 32) -> np.ndarray:
    return make_clip(scene, spec, quality, size).pixels


def stars(motion: str, size: str = "large", radius: float = 0.142) -> tuple[Spec, Scene]:
    spec = Spec((Thing("purple", "star", motion=motion),))
    group = Group("purple", "star", size, "solid", (Body(0.5, 0.5, radius, 1),), motion)
    return spec, Scene((group,), 4, moving=True)


@pytest.mark.parametrize("motion", MOTIONS)
def test_each_motion_is_told_from_the_others(motion):
    spec, scene = stars(motion)
    checked = check_clip(drawn(scene, spec), spec)
    assert checked.exact, checked.reasons
    assert checked.alignment == 5.0
    assert checked.physics == ()
    (track,) = checked.tracks
    assert track.motion == motion
    for other in MOTIONS:
        said = replace(spec, things=(replace(spec.things[0], motion=other),))
        assert check_clip(drawn(scene, spec), said).holds("motion") == (other == motion)


@pytest.mark.parametrize("level", [1, 3])
def test_right_clips_are_exact_and_wrong_ones_break_the_fact_that_was_changed(level):
    rng = np.random.default_rng([6, level])
    for _ in range(8):
        spec = sample_clip_spec(rng, level, "eval")
        scene = moving_scene(spec, rng)
        right = check_clip(drawn(scene, spec), spec)
        assert right.exact, right.reasons
        change = change_one(spec, scene, rng)
        wrong = check_clip(drawn(change.scene, spec), spec)
        assert not wrong.exact
        assert [f.kind for f in wrong.facts if not f.holds] == [change.kind]
        assert wrong.holds(change.kind) is False
        assert wrong.physics == ()


@pytest.mark.parametrize("style", BREAKS)
def test_broken_physics_is_found_and_named(style):
    rng = np.random.default_rng([8, BREAKS.index(style)])
    found = []
    for k in range(9):
        spec = sample_clip_spec(rng, 1, "eval")
        scene = moving_scene(spec, rng)
        checked = check_clip(drawn(scene, spec, Quality(0, style, 2 + k % 3, k)), spec)
        found.append(checked.physics == (style,) and not checked.exact)
    assert sum(found) >= 8


def test_a_little_noise_changes_no_verdict():
    rng = np.random.default_rng(3)
    for _ in range(5):
        spec = sample_clip_spec(rng, 1, "eval")
        frames = drawn(moving_scene(spec, rng), spec)
        noise = rng.normal(0, 8, frames.shape)
        checked = check_clip(np.clip(frames + noise, 0, 255).astype(np.uint8), spec)
        assert checked.exact, checked.reasons


def test_what_goes_aslant_or_shrinks_has_no_word():
    spec, scene = stars("left")
    still = scene.groups[0].bodies[0]
    aslant, shrinking = [], []
    for k in range(FRAMES):
        body = replace(still, x=0.3 + 0.05 * k, y=0.3 + 0.045 * k)
        aslant.append(replace(scene.groups[0], bodies=(body,)))
        shrunk = replace(still, radius=0.17 - 0.014 * k)
        shrinking.append(replace(scene.groups[0], bodies=(shrunk,)))
    for groups in (aslant, shrinking):
        frames = np.stack([render(Scene((group,)), 32) for group in groups])
        checked = check_clip(frames, spec)
        assert [track.motion for track in checked.tracks] == [ASTRAY]
        assert [f.kind for f in checked.facts if not f.holds] == ["motion"]


def test_a_thing_that_is_there_for_a_moment_is_not_exact_and_not_counted():
    spec, scene = stars("still")
    frames = drawn(scene, spec)
    flash = Group("green", "square", "large", "solid", (Body(0.2, 0.2, 0.142),))
    frames[3] = render(Scene((*at_time(scene, 0.5).groups, flash), scene.background), 32)
    checked = check_clip(frames, spec)
    assert checked.alignment == 5.0
    assert checked.reasons == ("things that are there for a moment only: 1",)


def test_black_frames_are_not_exact():
    spec, scene = stars("still")
    frames = drawn(scene, spec)
    frames[5] = 0
    checked = check_clip(frames, spec)
    assert "frames on none of the world's backgrounds: 1" in checked.reasons
    assert checked.physics == ("vanish",)
    nothing = check_clip(np.zeros_like(frames), spec)
    assert nothing.alignment == 1.0
    assert nothing.tracks == ()


def test_open_choices_of_a_clip_are_read_too():
    _, scene = stars("right")
    spec = Spec((Thing("purple", "star", "large"),))
    chosen = open_choices(check_clip(drawn(scene, spec), spec).scene, spec)
    assert chosen["background"] == "4"
    assert chosen["0.motion"] == "right"
    assert chosen["0.place"] == "centre"
    assert "0.size" not in chosen


def test_other_arrays_are_refused():
    spec, _ = stars("still")
    with pytest.raises(InputError, match=r"frames has shape \[32, 32, 3\]; give .* \[T, S, S, 3\]"):
        check_clip(np.zeros((32, 32, 3), np.uint8), spec)
    with pytest.raises(InputError, match="frames is 1 of them; give two or more, or use check"):
        check_clip(np.zeros((1, 32, 32, 3), np.uint8), spec)
    with pytest.raises(InputError, match="frames is int64"):
        check_clip(np.zeros((8, 32, 32, 3), np.int64), spec)
