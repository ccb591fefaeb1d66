"""Captions, facts and scenes: what is said is so, and one change breaks one fact."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.world.change import change_many, change_one, fits
from unireward.world.clips import sample_clip_spec
from unireward.world.facts import relation_holds
from unireward.world.motion import moving_scene
from unireward.world.scene import (
    Body,
    Group,
    Scene,
    Spec,
    Thing,
    caption,
    describe,
    facts,
    held,
    holds,
    match_of,
    sample_spec,
    scene_of,
    spec_of,
)
from unireward.world.truth import truth
from unireward.world.words import COLOURS, HELD_OUT, SHAPES, VOCABULARY

SEEDS = st.integers(0, 2**32 - 1)
LEVELS = st.sampled_from((1, 2, 3, 4))


def drawn(
    seed: int, level: int, split: str, moving: bool
) -> tuple[Spec, Scene, np.random.Generator]:
    rng = np.random.default_rng(seed)
    if moving:
        spec = sample_clip_spec(rng, level, split)
        return spec, moving_scene(spec, rng), rng
    spec = sample_spec(rng, level, split)
    return spec, scene_of(spec, rng), rng


@given(SEEDS, LEVELS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_every_stated_fact_holds_and_nothing_overlaps(seed, level, moving):
    spec, scene, _ = drawn(seed, level, "eval", moving)
    assert all(held(spec, scene))
    assert truth(scene, spec)["alignment"] == 5.0
    assert match_of(spec, scene) == tuple(range(len(spec.things)))
    assert fits(scene)


@given(SEEDS, LEVELS, st.sampled_from(("train", "eval")), st.booleans())
@settings(max_examples=150, deadline=None)
def test_one_change_breaks_exactly_one_fact_and_nothing_else(seed, level, split, moving):
    spec, scene, rng = drawn(seed, level, split, moving)
    change = change_one(spec, scene, rng, split)
    assert change is not None
    broken = [fact for fact, so in zip(facts(spec), held(spec, change.scene)) if not so]
    assert broken == [change.fact]
    assert broken[0].kind == change.kind
    assert all(held(change.spec, change.scene))
    assert held(change.spec, scene).count(False) == 1
    assert truth(change.scene, spec)["alignment"] == pytest.approx(
        5 - 4 / len(facts(spec)), abs=1e-4
    )
    # Both captions have the same shape: only the words of one fact differ, and nouns' number.
    assert len(facts(change.spec)) == len(facts(spec))
    assert change.scene.background == scene.background
    assert fits(change.scene)


@given(SEEDS, LEVELS)
@settings(max_examples=100, deadline=None)
def test_attribute_changes_leave_every_position_alone(seed, level):
    spec, scene, rng = drawn(seed, level, "eval", False)
    change = change_one(spec, scene, rng)
    if change.kind not in ("colour", "shape", "texture", "size", "absent"):
        return
    before = [(body.x, body.y, body.turn) for body in scene.bodies]
    assert [(body.x, body.y, body.turn) for body in change.scene.bodies] == before


@given(SEEDS, LEVELS)
@settings(max_examples=100, deadline=None)
def test_many_changes_break_that_many_facts(seed, level):
    spec, scene, rng = drawn(seed, level, "eval", False)
    _, changed = change_many(spec, scene, 2, rng)
    # Two changes can meet (a distractor now fits better) but never mend what they broke.
    assert 1 <= held(spec, changed).count(False) <= 2


@given(SEEDS, LEVELS, st.booleans())
@settings(max_examples=100, deadline=None)
def test_captions_stay_in_the_vocabulary_and_facts_point_at_their_words(seed, level, moving):
    spec, scene, _ = drawn(seed, level, "eval", moving)
    for said in (spec, spec_of(scene)):
        words = caption(said).split()
        assert set(words) <= set(VOCABULARY)
        assert [words[fact.at] for fact in facts(said)] == [fact.word for fact in facts(said)]
    assert all(held(spec_of(scene), scene))


@given(SEEDS, LEVELS, st.booleans())
@settings(max_examples=150, deadline=None)
def test_training_never_shows_a_held_out_combination(seed, level, moving):
    spec, scene, rng = drawn(seed, level, "train", moving)
    _, changed = change_many(spec, scene, 3, rng, "train")
    for picture in (scene, changed):
        groups = (*picture.groups, *picture.extras, *picture.covers)
        assert not {(g.colour, g.shape) for g in groups} & set(HELD_OUT)


def test_a_tenth_is_held_out_and_evaluation_shows_all_combinations():
    assert 0.09 <= len(HELD_OUT) / (len(COLOURS) * len(SHAPES)) <= 0.11
    rng = np.random.default_rng(0)
    shown = {
        (thing.colour, thing.shape) for _ in range(800) for thing in sample_spec(rng, 1).things
    }
    assert len(shown) == 48


@pytest.mark.parametrize(
    ("spec", "text", "kinds"),
    [
        (Spec((Thing("red", "circle", count=2),)), "two red circles", "count colour shape"),
        (
            Spec((Thing("blue", "cross", "large", "striped", 2, "top left"),), None, 2),
            "two large striped blue crosses at the top left",
            "count size texture colour shape place",
        ),
        (
            Spec((Thing("blue", "square", count=3), Thing("green", "star")), "left of", 3),
            "three blue squares left of one green star",
            "count colour shape relation count colour shape",
        ),
        (
            Spec((Thing("red", "heart", count=7),), None, 4, True, Thing("cyan", "heart")),
            "exactly seven red hearts and no cyan hearts",
            "count colour shape absent",
        ),
        (
            Spec((Thing("red", "circle", motion="left"), Thing("blue", "star", motion="still"))),
            "one red circle moving left and one blue star standing still",
            "count colour shape motion count colour shape motion",
        ),
        (
            Spec((Thing("red", "digit seven", count=2),)),
            "two red digits seven",
            "count colour shape",
        ),
    ],
)
def test_captions_word_for_word(spec, text, kinds):
    assert caption(spec) == text
    assert [fact.kind for fact in facts(spec)] == kinds.split()


def group(colour: str, shape: str, *spots: tuple[float, float]) -> Group:
    return Group(colour, shape, "small", "solid", tuple(Body(x, y, 0.1) for x, y in spots))


def test_relations_need_every_thing_beyond_every_other():
    near, far = group("red", "star", (0.2, 0.2), (0.3, 0.8)), group("blue", "star", (0.5, 0.5))
    assert relation_holds("left of", near, far)
    assert relation_holds("right of", far, near)
    assert not relation_holds("left of", far, near)
    assert not relation_holds("above", near, far)
    mixed = group("red", "star", (0.2, 0.2), (0.6, 0.8))
    assert not relation_holds("left of", mixed, far)
    touching = group("red", "star", (0.45, 0.2))
    assert not relation_holds("left of", touching, far)


def test_a_scene_is_read_in_the_way_most_favourable_to_the_caption():
    spec = Spec((Thing("red", "circle"), Thing("blue", "star")), "left of", 3)
    # The groups stand in the other order in the scene, but all of it is so.
    scene = Scene((group("blue", "star", (0.8, 0.5)), group("red", "circle", (0.2, 0.5))), level=3)
    assert match_of(spec, scene) == (1, 0)
    assert all(held(spec, scene))
    # With one group only, what is said of the second thing and the relation cannot hold.
    alone = Scene((group("red", "circle", (0.2, 0.5)),))
    assert held(spec, alone) == (True, True, True, False, False, False, False)
    assert truth(alone, spec)["alignment"] == round(1 + 4 * 3 / 7, 4)


def test_absence_is_of_the_whole_picture():
    spec = Spec((Thing("red", "circle"),), None, 4, absent=Thing("blue", "star"))
    absent = facts(spec)[-1]
    scene = Scene((group("red", "circle", (0.2, 0.2)),))
    assert holds(absent, scene)
    star = group("blue", "star", (0.8, 0.8))
    assert not holds(absent, Scene(scene.groups, extras=(star,)))
    assert not holds(absent, Scene(scene.groups, covers=(star,)))


def test_places_are_cells_of_the_centre():
    pair = group("red", "circle", (0.2, 0.2), (0.2, 0.4))
    assert pair.place == "top left"
    assert group("red", "circle", (0.5, 0.9)).place == "bottom"


def test_description_says_everything():
    scene = Scene(
        (group("red", "circle", (0.2, 0.2)), group("blue", "star", (0.8, 0.8))), 0, "above", 3
    )
    assert describe(scene) == "one small solid red circle above one small solid blue star"


def test_an_unknown_level_is_refused():
    with pytest.raises(InputError, match="level 5 is not one of 1, 2, 3, 4"):
        sample_spec(np.random.default_rng(0), 5)


def test_level_four_counts_to_seven_with_distractors_covers_and_negation():
    rng = np.random.default_rng(1)
    specs = [sample_spec(rng, 4) for _ in range(300)]
    scenes = [scene_of(spec, rng) for spec in specs]
    assert max(thing.count for spec in specs for thing in spec.things) == 7
    assert all(scene.extras for scene in scenes)
    assert 0.25 < np.mean([bool(scene.covers) for scene in scenes]) < 0.45
    assert 0.4 < np.mean([spec.absent is not None for spec in specs]) < 0.6
    assert 0.4 < np.mean([spec.exactly for spec in specs]) < 0.6
