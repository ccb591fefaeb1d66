"""The world's checker on pictures: what is right is found right, what is wrong in one fact is not,
and what a generator can do wrong besides (noise, halves, mixtures, nothing) is never right."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image, ImageFilter

from unireward.errors import InputError
from unireward.world.checker import check, see
from unireward.world.checker.ground import find_ground
from unireward.world.open_choices import ROUND, UNSEEN, open_choices
from unireward.world.pairs import CLEAN
from unireward.world.render import BACKGROUNDS, render
from unireward.world.sample import iter_items
from unireward.world.scene import sample_spec, scene_of
from unireward.world.things import Body, Group, Scene, Spec, Thing


def right(size: int, level: int, number: int, seed: int = 1):
    """Captions with scenes in which all of it is so, and their pictures."""
    rng = np.random.default_rng([seed, size, level])
    for _ in range(number):
        spec = sample_spec(rng, level)
        scene = scene_of(spec, rng)
        yield spec, scene, render(scene, size)


def blurred(pixels: np.ndarray, radius: float) -> np.ndarray:
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def noisy(pixels: np.ndarray, rng: np.random.Generator, sigma: float) -> np.ndarray:
    return np.clip(pixels + rng.normal(0, sigma, pixels.shape), 0, 255).astype(np.uint8)


def picture(*groups: Group, size: int = 32) -> np.ndarray:
    return render(Scene(groups), size)


TWO_CIRCLES = Spec((Thing("red", "circle", count=2),))
CIRCLES = Group("red", "circle", "large", "solid", (Body(0.3, 0.3, 0.142), Body(0.7, 0.6, 0.142)))


@pytest.mark.parametrize(
    ("size", "level", "number"), [(32, 1, 120), (64, 2, 40), (64, 3, 30), (64, 4, 20), (96, 3, 12)]
)
def test_of_one_fact_pairs_the_right_one_is_exact_and_the_wrong_one_breaks_that_fact(
    size, level, number
):
    accepted = rejected = agreed = total = 0
    for item in iter_items("image_generation", number, 11, level=level, size=size):
        if item.kind != "one-fact" or item.made["a"].quality != CLEAN:
            continue
        for name, made in item.made.items():
            checked = check(made.pixels, item.spec)
            is_right = item.truth[name]["alignment"] == 5.0
            total += 1
            accepted += is_right and checked.exact
            rejected += not is_right and not checked.exact
            agreed += checked.alignment == item.truth[name]["alignment"]
    assert total >= 0.3 * number
    assert accepted + rejected >= total - 1
    assert agreed >= total - 1


@pytest.mark.parametrize("spoil", ["noise", "blur"])
def test_a_little_noise_or_blur_changes_no_verdict(spoil):
    rng = np.random.default_rng(2)
    exact = []
    for spec, _, pixels in right(32, 1, 80):
        pixels = noisy(pixels, rng, 8.0) if spoil == "noise" else blurred(pixels, 0.5)
        exact.append(check(pixels, spec).exact)
    assert np.mean(exact) >= 0.98


def test_things_between_pixels_and_tints_a_little_off_are_right():
    exact = []
    for k, (spec, scene, _) in enumerate(right(32, 1, 60)):
        if scene.groups[0].texture != "solid":
            continue  # marks are so many pixels wide, whatever the picture's size
        large = Image.fromarray(render(scene, 96))
        pixels = np.asarray(large.resize((32, 32), Image.Resampling.BOX)).astype(int)
        tinted = (pixels + (k % 3 - 1) * 5).clip(0, 255).astype(np.uint8)
        exact.append(check(tinted, spec).exact)
    assert len(exact) > 25
    assert np.mean(exact) >= 0.96


def test_everything_about_a_thing_is_read():
    group = Group("cyan", "heart", "small", "striped", (Body(0.31, 0.72, 0.097, 4),))
    for size in (64, 96):
        seen = see(render(Scene((group,), 7), size))
        assert seen.background == 7
        assert seen.leftover == 0
        (thing,) = seen.things
        assert (thing.colour, thing.shape, thing.size, thing.texture, thing.turn) == (
            "cyan", "heart", "small", "striped", 4,
        )  # fmt: skip
        assert thing.x == pytest.approx(0.31, abs=1 / size)
        assert thing.y == pytest.approx(0.72, abs=1 / size)
        assert thing.radius == pytest.approx(0.097, abs=0.5 / size)
        assert thing.residual < 0.01
        assert thing.margin > 0.05


def test_every_background_is_known_by_its_picture():
    for index in range(len(BACKGROUNDS)):
        ground = find_ground(render(Scene((CIRCLES,), index), 32).astype(np.float32))
        assert ground.index == index
        assert np.abs(ground.shift).max() <= 1


def test_clusters_whose_things_touch_are_counted():
    rng = np.random.default_rng(4)
    counted = []
    for k in range(30):
        spec = Spec((Thing("green", "heart", None, "solid", 3 + k % 2, "left"),), None, 2)
        seen = see(render(scene_of(spec, rng), 32))
        counted.append([t.shape for t in seen.things] == ["heart"] * (3 + k % 2))
    assert np.mean(counted) >= 0.95


def test_what_nobody_spoke_of_is_not_exact_though_all_facts_hold():
    square = Group("green", "square", "small", "solid", (Body(0.2, 0.8, 0.097),))
    checked = check(picture(CIRCLES, square), TWO_CIRCLES)
    assert checked.alignment == 5.0
    assert not checked.exact
    assert checked.reasons == ("nobody spoke of one green square",)
    crowd = Spec(TWO_CIRCLES.things, None, 4, absent=Thing("green", "star"))
    assert check(picture(CIRCLES, square), crowd).exact
    absent = Spec(TWO_CIRCLES.things, None, 4, absent=Thing("green", "square"))
    checked = check(picture(CIRCLES, square), absent)
    assert checked.holds("absent") is False
    assert checked.holds("relation") is None


def test_a_fact_that_does_not_hold_is_named():
    checked = check(picture(CIRCLES), Spec((Thing("red", "star", "small", count=3),), None, 2))
    assert [(fact.kind, fact.holds) for fact in checked.facts] == [
        ("count", False), ("size", False), ("colour", True), ("shape", False),
    ]  # fmt: skip
    assert checked.alignment == 2.0
    assert checked.reasons == (
        "count is not 3 but 2", "size is not small but large", "shape is not star but circle",
    )  # fmt: skip


def half_erased(pixels: np.ndarray, scene: Scene, side: int) -> np.ndarray:
    """One of the four halves of the first thing gone."""
    size, body = len(pixels), scene.groups[0].bodies[0]
    y, x, reach = int(body.y * size), int(body.x * size), int(body.radius * size) + 2
    rows, columns = [y - reach, y + reach + 1], [x - reach, x + reach + 1]
    (rows, columns)[side // 2][1 - side % 2] = ((y, y + 1), (x, x + 1))[side // 2][side % 2]
    spot = slice(max(0, rows[0]), rows[1]), slice(max(0, columns[0]), columns[1])
    spoiled = pixels.copy()
    spoiled[spot] = render(Scene((), scene.background), size)[spot]
    return spoiled


def test_a_half_erased_thing_is_not_right():
    halves = [
        (check(half_erased(pixels, scene, k % 4), spec), scene.groups[0])
        for k, (spec, scene, pixels) in enumerate(right(32, 1, 60))
    ]
    # Half of a triangle can be a triangle, and is then right.
    wrong = [not checked.exact for checked, group in halves if group.shape != "triangle"]
    assert all(wrong)
    assert len(wrong) > 30


def test_a_blend_of_two_scenes_is_not_right():
    pictures = list(right(32, 1, 40))
    for (spec, _, first), (_, _, second) in pairwise(pictures):
        blend = ((first.astype(int) + second) // 2).astype(np.uint8)
        assert not check(blend, spec).exact


def test_half_the_contrast_and_strong_blur_are_not_right():
    for spec, scene, pixels in right(64, 1, 25):
        if scene.groups[0].texture != "solid":
            continue
        blank = render(Scene((), scene.background), 64).astype(int)
        faint = ((pixels + blank) // 2).astype(np.uint8)
        assert not check(faint, spec).exact
        assert not check(blurred(pixels, 4.0), spec).exact


def test_a_speck_is_no_thing_of_a_caption():
    pixels = render(Scene(()), 32).copy()
    pixels[10:13, 10:13] = (32, 66, 214)
    for shape in ("square", "circle"):
        checked = check(pixels, Spec((Thing("blue", shape),)))
        assert not checked.exact
        assert checked.holds("colour")


NOTHING = {
    "black": np.zeros((32, 32, 3), np.uint8),
    "grey": np.full((32, 32, 3), 128, np.uint8),
    "flat": np.full((32, 32, 3), 246, np.uint8),
    "noise": np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8),
}


@pytest.mark.parametrize("name", NOTHING)
def test_pictures_of_nothing_are_not_right(name):
    for spec, *_ in right(32, 1, 8):
        checked = check(NOTHING[name], spec)
        assert not checked.exact
        assert checked.alignment == 1.0
        assert checked.seen.things == ()
        assert (checked.seen.background is None) == (name != "flat")


COARSE = arrays.arrays(np.uint8, (8, 8, 3))
GRAIN = st.sampled_from((0.0, 10.0, 60.0))


@given(COARSE, st.sampled_from((3, 4, 5)), GRAIN, st.booleans(), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_no_picture_makes_it_fail(coarse, scale, grain, light, seed):
    rng = np.random.default_rng(seed)
    pixels = np.kron(coarse, np.ones((scale, scale, 1), np.uint8))
    if light:  # most of it a background, or nothing would be looked for
        keep = np.kron(rng.random((8, 8, 1)) < 0.4, np.ones((scale, scale, 1), bool))
        pixels = np.where(keep, pixels, np.uint8(246))
    pixels = noisy(pixels, rng, grain)
    checked = check(pixels, sample_spec(rng, 1 + seed % 4))
    assert 1.0 <= checked.alignment <= 5.0
    assert checked.exact == (not checked.reasons)
    assert 0.0 <= checked.seen.leftover <= 1.0
    open_choices(checked.scene, sample_spec(rng, 3))


@pytest.mark.parametrize(
    ("pixels", "message"),
    [
        (np.zeros((32, 32, 3), np.float32), r"pixels is float32; give a uint8 array"),
        ([[1]], r"pixels is list; give a uint8 array"),
        (np.zeros((32, 32), np.uint8), r"shape \[32, 32\]; give a uint8 array \[S, S, 3\]"),
        (np.zeros((32, 48, 3), np.uint8), r"shape \[32, 48, 3\]"),
        (np.zeros((32, 32, 4), np.uint8), r"shape \[32, 32, 4\]"),
        (np.zeros((16, 16, 3), np.uint8), r"16 pixels a side; resize it to 24 to 128"),
        (np.zeros((512, 512, 3), np.uint8), r"512 pixels a side; resize it"),
    ],
)
def test_other_arrays_are_refused(pixels, message):
    with pytest.raises(InputError, match=message):
        check(pixels, TWO_CIRCLES)


def test_digits_are_refused():
    with pytest.raises(InputError, match="shape 'digit two' is not read; use one of circle"):
        check(picture(CIRCLES), Spec((Thing("red", "digit two"),)))


def test_open_choices_are_what_is_not_said():
    hearts = Group("blue", "heart", "small", "dotted", (Body(0.2, 0.8, 0.097, 3),))
    scene = Scene((CIRCLES, hearts), 5)
    spec = Spec((*TWO_CIRCLES.things, Thing("blue", "heart", "small")), "below", 3)
    chosen = open_choices(check(render(scene, 96), spec).scene, spec)
    assert chosen == open_choices(scene, spec)
    assert chosen == {
        "background": "5",
        "0.size": "large", "0.texture": "solid", "0.place": "centre",
        "0.cells": "right + top left", "0.turns": f"{ROUND} + {ROUND}",
        "1.texture": "dotted", "1.place": "bottom left", "1.cells": "bottom left", "1.turns": "3",
    }  # fmt: skip


def test_open_choices_of_what_is_not_there_are_unseen():
    chosen = open_choices(check(NOTHING["black"], TWO_CIRCLES).scene, TWO_CIRCLES)
    assert set(chosen.values()) == {UNSEEN}
    assert set(chosen) == {
        "background", "0.size", "0.texture", "0.place", "0.cells", "0.turns",
    }  # fmt: skip
