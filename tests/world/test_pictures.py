"""Pixels: what is drawn is what the scene says, and defects are where the truth says."""

import itertools

import numpy as np
import pytest
from scipy import ndimage

from unireward.errors import InputError
from unireward.world.pairs import CLEAN, Quality
from unireward.world.pictures import make_picture, spoil
from unireward.world.quality import ARTEFACTS, STYLES, apply_style, plant_artefact
from unireward.world.render import BACKGROUNDS, RGB, render
from unireward.world.sample import iter_items
from unireward.world.scene import NUM_BACKGROUNDS, Body, Group, Scene, sample_spec, scene_of
from unireward.world.words import COLOURS, SHAPES, TEXTURES


def one(colour="red", shape="circle", size="large", texture="solid", radius=0.142) -> Scene:
    return Scene((Group(colour, shape, size, texture, (Body(0.5, 0.5, radius, 2),)),))


def ink(pixels: np.ndarray, background: np.ndarray) -> np.ndarray:
    return np.abs(pixels.astype(int) - background).max(-1) > 24


EMPTY = Scene(())


@pytest.mark.parametrize("size", [64, 96])
def test_as_many_things_as_the_scene_has_are_seen(size):
    rng = np.random.default_rng(0)
    for k in range(300):
        spec = sample_spec(rng, 1 + k % 3)
        scene = scene_of(spec, rng)
        blank = render(Scene((), scene.background), size)
        _, number = ndimage.label(ink(render(scene, size), blank), np.ones((3, 3)))
        # Neighbours may touch by a pixel's edge at 64, never hide one another.
        total = sum(group.count for group in scene.groups)
        assert number == total or (size == 64 and total - number == 1)


@pytest.mark.parametrize("colour", COLOURS)
def test_a_solid_thing_has_its_colour_at_its_middle(colour):
    pixels = render(one(colour))
    assert tuple(pixels[48, 48]) == RGB[colour]
    assert tuple(pixels[2, 2]) == BACKGROUNDS[0][0]


def test_colours_are_told_apart_by_far():
    values = np.array([RGB[colour] for colour in COLOURS])
    gaps = np.abs(values[:, None] - values[None]).sum(-1) + 999 * np.eye(len(values), dtype=int)
    assert gaps.min() > 80


@pytest.mark.parametrize("shape", SHAPES)
def test_large_is_twice_the_area_of_small_and_shapes_fill_alike(shape):
    blank = render(EMPTY).astype(int)
    areas = [ink(render(one(shape=shape, radius=r)), blank).sum() for r in (0.097, 0.142)]
    assert 1.8 < areas[1] / areas[0] < 2.6
    assert 0.4 < areas[1] / (np.pi * (0.142 * 96) ** 2) < 1.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("texture", TEXTURES[1:])
def test_marks_keep_the_silhouette_and_change_the_inside(shape, texture):
    blank = render(EMPTY).astype(int)
    plain, marked = render(one(shape=shape)), render(one(shape=shape, texture=texture))
    assert (ink(plain, blank) == ink(marked, blank)).mean() > 0.995
    inside = ink(plain, blank)
    changed = np.abs(plain.astype(int) - marked).max(-1)[inside] > 60
    assert 0.1 < changed.mean() < 0.6


def test_all_shapes_differ_pairwise():
    pictures = [render(one(shape=shape)).astype(int) for shape in SHAPES]
    for k, first in enumerate(pictures):
        for second in pictures[:k]:
            assert (np.abs(first - second).max(-1) > 60).sum() > 60


def test_backgrounds_are_light_and_many():
    assert len(BACKGROUNDS) == NUM_BACKGROUNDS
    pictures = [render(Scene((), k), 32) for k in range(NUM_BACKGROUNDS)]
    assert len({picture.tobytes() for picture in pictures}) == NUM_BACKGROUNDS
    assert min(int(picture.min()) for picture in pictures) > 220


def test_nothing_is_snapped_to_a_grid():
    rng = np.random.default_rng(0)
    xs = [b.x for _ in range(300) for b in scene_of(sample_spec(rng, 1), rng).bodies]
    columns = np.floor(np.array(xs) * 96).astype(int)
    assert len(set(columns.tolist())) > 60


def test_covers_are_drawn_last():
    scene = one()
    cover = Group("blue", "circle", "small", "solid", (Body(0.5, 0.5, 0.06, 2),))
    covered = Scene(scene.groups, covers=(cover,))
    assert tuple(render(covered)[48, 48]) == RGB["blue"]
    hidden = Scene(scene.groups, extras=(cover,))
    assert tuple(render(hidden)[48, 48]) == RGB["red"]


@pytest.mark.parametrize("style", STYLES[1:])
def test_stronger_styles_are_further_from_the_clean_picture(style):
    pixels = render(one())
    gaps = [
        np.abs(apply_style(pixels, style, s, np.random.default_rng(1)).astype(int) - pixels).mean()
        for s in range(5)
    ]
    assert gaps[0] == 0
    assert all(weak < strong for weak, strong in itertools.pairwise(gaps))


def test_an_unknown_style_is_refused():
    with pytest.raises(InputError, match="set style to one of clean"):
        apply_style(render(one()), "cubist", 1, np.random.default_rng(0))


@pytest.mark.parametrize("kind", ARTEFACTS)
@pytest.mark.parametrize("severity", [1, 2, 3, 4])
def test_artefacts_change_the_box_and_nothing_else(kind, severity):
    pixels = render(one())
    for seed in range(5):
        spoiled, (x0, y0, x1, y1) = plant_artefact(
            pixels, np.random.default_rng(seed), severity, kind
        )
        changed = (spoiled != pixels).any(-1)
        assert changed[y0:y1, x0:x1].mean() > 0.2
        changed[y0:y1, x0:x1] = False
        assert not changed.any()
        assert 0 <= x0 < x1 <= 96
        assert 0 <= y0 < y1 <= 96
        # Never so large that a small thing could vanish behind it.
        assert min(x1 - x0, y1 - y0) < 2 * 0.097 * 96


def test_more_severe_artefacts_spoil_more():
    pixels = render(one())

    def damage(severity: int) -> float:
        total = 0.0
        for seed in range(30):
            spoiled, _ = plant_artefact(pixels, np.random.default_rng(seed), severity)
            total += float(np.abs(spoiled.astype(int) - pixels).sum())
        return total

    amounts = [damage(severity) for severity in (1, 2, 3, 4)]
    assert all(less < more for less, more in itertools.pairwise(amounts))


def test_equal_qualities_give_equal_pixels_and_clean_changes_none():
    pixels = render(one())
    assert spoil(pixels, CLEAN)[0] is pixels
    quality = Quality(2, "noisy", 3, seed=5)
    first, second = (
        make_picture(one(), sample_spec(np.random.default_rng(0), 1), quality, 96) for _ in range(2)
    )
    assert (first.pixels == second.pixels).all()
    assert first.boxes == second.boxes


def test_pointwise_records_spread_over_the_scales():
    items = list(iter_items("image_generation", 600, 0, candidates=1, size=32))
    truths = [item.truth["a"] for item in items]
    aligned = np.array([truth["alignment"] for truth in truths])
    assert (aligned == 5).mean() > 0.1
    assert (aligned <= 2).mean() > 0.15
    assert ((aligned > 2) & (aligned < 5)).mean() > 0.3
    for name in ("coherence", "style"):
        values = [truth[name] for truth in truths]
        assert set(values) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert all(item.record.label.ranking is None for item in items)
    assert [item.level for item in items].count(2) == 200
