"""Clips, edits, questions, photographs, digits: their texts and truths."""

import numpy as np
import pytest

from unireward.errors import InputError
from unireward.world.clips import BREAKS, FRAMES, clip_truth, make_clip, sample_clip_spec
from unireward.world.digits import ink
from unireward.world.edits import (
    Edit,
    apply,
    asked,
    done,
    instruction,
    kept,
    sample_edit,
    share,
)
from unireward.world.motion import TRAVEL, at_time, moving_scene
from unireward.world.pairs import CLEAN, Quality
from unireward.world.photographs import PHOTOGRAPHS
from unireward.world.questions import Question, question_about, yes_no
from unireward.world.render import render
from unireward.world.sample import TASKS, iter_items, sample_record
from unireward.world.scene import Body, Group, Scene, Spec, Thing, facts, sample_spec, scene_of
from unireward.world.words import HELD_OUT, MOTIONS, VOCABULARY


def group(colour="red", shape="circle", spots=((0.3, 0.3),), texture="solid") -> Group:
    return Group(colour, shape, "small", texture, tuple(Body(x, y, 0.097, 2) for x, y in spots))


PAIR = ((0.3, 0.3), (0.6, 0.3))
SOURCE = Scene((group(spots=PAIR), group("blue", "star", ((0.5, 0.8),))), level=3)
RED = Thing("red", "circle", "small", "solid", 2)


@pytest.mark.parametrize("motion", MOTIONS)
def test_things_move_as_said(motion):
    scene = Scene(
        (Group("red", "circle", "large", "solid", (Body(0.5, 0.5, 0.142),), motion),), moving=True
    )
    first, last = (at_time(scene, t).groups[0].bodies[0] for t in (0.0, 1.0))
    step = {"left": (-TRAVEL, 0), "right": (TRAVEL, 0), "up": (0, -TRAVEL), "down": (0, TRAVEL)}
    dx, dy = step.get(motion, (0, 0))
    assert last.x - first.x == pytest.approx(dx)
    assert last.y - first.y == pytest.approx(dy)
    assert (last.radius > 2 * first.radius) == (motion == "growing")


def test_a_clean_clip_of_a_still_thing_never_changes():
    spec = Spec((Thing("red", "circle", motion="still"),))
    clip = make_clip(moving_scene(spec, np.random.default_rng(0)), spec, CLEAN, 64)
    assert clip.pixels.shape == (FRAMES, 64, 64, 3)
    assert (clip.pixels == clip.pixels[0]).all()
    assert clip_truth(clip, spec) == {
        "alignment": 5.0, "coherence": 5.0, "physics": 5.0, "overall": 5.0,
    }  # fmt: skip


def middle(pixels: np.ndarray, blank: np.ndarray) -> np.ndarray:
    """Where the ink is, per frame: x and y in pixels."""
    frames, rows, columns = np.nonzero(np.abs(pixels.astype(int) - blank).max(-1) > 24)
    return np.array(
        [[columns[frames == k].mean(), rows[frames == k].mean()] for k in range(len(pixels))]
    )


@pytest.mark.parametrize("kind", BREAKS)
def test_broken_physics_is_where_and_as_strong_as_the_truth_says(kind):
    rng = np.random.default_rng(3)
    moved = np.zeros(5)
    for seed in range(12):
        spec = sample_clip_spec(rng, 1, "eval")
        scene = moving_scene(spec, rng)
        blank = render(Scene((), scene.background), 64).astype(int)
        clean = make_clip(scene, spec, CLEAN, 64)
        for strength in (1, 2, 3, 4):
            broken = make_clip(scene, spec, Quality(0, kind, strength, seed), 64)
            changed = (clean.pixels != broken.pixels).any((1, 2, 3))
            first, after = broken.broken
            assert changed[first:after].all()
            assert not changed[:first].any()
            assert clip_truth(broken, spec)["physics"] == 5 - strength
            if kind == "vanish":
                assert not changed[after:].any()
                assert after - first == strength
                assert (broken.pixels[first:after] == blank).all()
                continue
            gap = middle(broken.pixels, blank) - middle(clean.pixels, blank)
            moved[strength] += np.hypot(*gap[first:after].T).mean()
    if kind != "vanish":
        assert moved[1] > 12 * 2  # at least two pixels of 64 on average
        assert (np.diff(moved[1:]) > 0).all()


def test_an_artefact_of_a_clip_stays_in_its_box_and_frames():
    spec = sample_clip_spec(np.random.default_rng(1), 3, "eval")
    scene = moving_scene(spec, np.random.default_rng(1))
    clean = make_clip(scene, spec, CLEAN, 64).pixels
    for seed in range(10):
        clip = make_clip(scene, spec, Quality(3, seed=seed), 64)
        (((x0, y0, x1, y1), first, after),) = clip.boxes
        changed = (clean != clip.pixels).any(-1)
        assert changed[first:after, y0:y1, x0:x1].any((1, 2)).all()
        changed[first:after, y0:y1, x0:x1] = False
        assert not changed.any()


def test_spans_of_clips_are_seconds_within_the_clip():
    spans = [
        span
        for item in iter_items("video_generation", 90, 0, size=32)
        for span in item.record.label.spans
    ]
    assert {span.kind for span in spans} == {"box", "time"}
    assert all(0 <= span.start < span.end <= FRAMES / 8 for span in spans)


@pytest.mark.parametrize(
    ("edit", "text"),
    [
        (Edit("colour", 0, RED, "blue"), "make the red circles blue"),
        (Edit("shape", 0, RED, "cross"), "change the red circles to crosses"),
        (Edit("shape", 1, Thing("blue", "star"), "cross"), "change the blue star to a cross"),
        (Edit("place", 0, RED, "top left"), "move the red circles to the top left"),
        (Edit("remove", 0, RED), "remove the red circles"),
        (
            Edit("add", 2, Thing("green", "heart"), "", Thing("green", "heart", place="top")),
            "add one green heart at the top",
        ),
    ],
)
def test_instructions_word_for_word(edit, text):
    assert instruction(edit) == text
    words = text.split()
    assert set(words) <= set(VOCABULARY)
    assert [words[fact.at] for fact in asked(edit)] == [fact.word for fact in asked(edit)]


def test_the_share_of_an_edit_weighs_done_and_kept_alike():
    rng = np.random.default_rng(0)
    edit = Edit("colour", 0, RED, "green")
    right = apply(edit, SOURCE, rng)
    assert done(edit, right) == [True]
    assert kept(edit, SOURCE, right) == [True, True, True]
    assert share(edit, SOURCE, right) == 1.0
    assert share(edit, SOURCE, SOURCE) == 0.5
    over = apply(Edit("texture", 1, Thing("blue", "star"), "dotted"), right, rng)
    assert kept(edit, SOURCE, over) == [True, False, True]
    assert share(edit, SOURCE, over) == pytest.approx(0.5 + 0.5 * 2 / 3)
    elsewhere = apply(Edit("colour", 1, Thing("blue", "star"), "green"), SOURCE, rng)
    assert share(edit, SOURCE, elsewhere) == pytest.approx(0.5 * 2 / 3)


def test_removal_and_addition_are_seen():
    rng = np.random.default_rng(0)
    remove = Edit("remove", 0, RED)
    assert share(remove, SOURCE, apply(remove, SOURCE, rng)) == 1.0
    assert share(remove, SOURCE, SOURCE) == 0.5
    heart = Thing("green", "heart", place="top right")
    add = Edit("add", 2, heart, "", heart)
    added = apply(add, SOURCE, rng)
    assert done(add, added) == [True] * 4
    assert share(add, SOURCE, added) == 1.0
    assert share(add, SOURCE, SOURCE) == 0.5
    assert kept(remove, SOURCE, added) == [True, True, False]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_right_results_do_all_that_is_asked_and_no_more(level):
    rng = np.random.default_rng(level)
    for _ in range(120):
        source = scene_of(sample_spec(rng, level), rng)
        edit, right = sample_edit(source, rng, level)
        assert share(edit, source, right) == 1.0
        assert share(edit, source, source) < 1.0


def test_an_edit_that_makes_two_groups_alike_is_not_made():
    scene = Scene((group(), group("blue", "circle", ((0.7, 0.7),))))
    edit = Edit("colour", 0, Thing("red", "circle"), "blue")
    assert apply(edit, scene, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    ("kind", "question", "right", "wrong"),
    [
        ("colour", "what colour are the circles ?", "the circles are red", ("blue", "are blue")),
        ("shape", "what shape are the red things ?", "the red things are circles",
         ("heart", "are hearts")),
        ("count", "how many red circles are there ?", "there are two red circles",
         (1, "there is one red circle")),
        ("size", "what size are the red circles ?", "the red circles are small",
         ("large", "are large")),
        ("relation", "where are the red circles ?", "the red circles are above the blue star",
         ("below", "below the blue star")),
    ],
)  # fmt: skip
def test_questions_word_for_word(kind, question, right, wrong):
    spec = Spec((RED, Thing("blue", "star", "small", "solid")), "above", 3)
    fact = next(fact for fact in facts(spec) if fact.kind == kind)
    asked_of = question_about(fact, spec, SOURCE, "picture")
    assert asked_of.text == question
    assert asked_of.answer(fact.value) == right
    assert asked_of.answer(wrong[0]).endswith(wrong[1])


def test_no_question_where_the_group_could_be_mistaken():
    scene = Scene((group(), group("blue", "circle", ((0.7, 0.7),))), level=3)
    spec = Spec((Thing("red", "circle"), Thing("blue", "circle")), None, 3)
    by_kind = {fact.kind: fact for fact in facts(spec) if fact.group == 0}
    assert question_about(by_kind["colour"], spec, scene, "picture") is None
    assert question_about(by_kind["shape"], spec, scene, "picture") is not None


def test_yes_no_only_where_the_two_scenes_differ_in_it():
    spec = Spec((Thing("red", "circle", count=2),))
    count = facts(spec)[0]
    both = Scene((group(spots=PAIR),))
    single = Scene((group(),))
    question = yes_no(count, spec, "picture", both, single)
    assert question.text == "are there two red circles ?"
    assert yes_no(count, spec, "picture", both, both) is None


def test_motion_questions():
    question = Question("motion", "clip", "the red circles", True)
    assert question.text == "which way do the red circles move ?"
    assert question.answer("still") == "the red circles are standing still"
    assert question.answer("up") == "the red circles are moving up"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("number", [1, 2, 4])
def test_every_text_stays_in_the_vocabulary_and_truths_on_their_scales(task, number):
    for item in iter_items(task, 60, 1, candidates=number, size=32):
        record = item.record
        texts = [record.text, *(candidate.text for candidate in record.candidates)]
        assert {word for text in texts for word in text.split()} <= set(VOCABULARY)
        assert len(record.candidates) == number == len(item.truth)
        assert record.label.scores == item.truth
        for scores in item.truth.values():
            assert all(1 <= value <= 5 for value in scores.values())
        assert {span.candidate for span in record.label.spans} <= set(item.truth)


@pytest.mark.parametrize("task", ["image_understanding", "video_understanding"])
def test_one_fact_answers_are_one_right_and_one_wrong_of_one_sentence(task):
    for item in iter_items(task, 150, 4, size=32):
        if item.kind != "one-fact":
            continue
        right = [scores["alignment"] == 5.0 for scores in item.truth.values()]
        assert sorted(right) == [False, True]
        first, second = (candidate.text.split() for candidate in item.record.candidates)
        assert abs(len(first) - len(second)) <= 2


def test_photographs_are_split_and_degraded_only_by_what_is_said():
    assert not set(PHOTOGRAPHS["train"]) & set(PHOTOGRAPHS["eval"])
    for split in ("train", "eval"):
        items = list(iter_items("image_generation", 40, 0, split, track="photographs"))
        names = {photograph.name for item in items for photograph in item.made.values()}
        assert names <= set(PHOTOGRAPHS[split])
        assert len(names) >= 4
        for item in items:
            first, second = item.made.values()
            assert (first.name, first.corner, first.side) == (
                second.name,
                second.corner,
                second.side,
            )
            clean = [made for made in (first, second) if made.quality == CLEAN]
            assert len(clean) == 1
            assert item.truth["a" if clean[0] is first else "b"]["overall"] == 5.0
            assert (first.pixels != second.pixels).any()


def test_digits_of_the_splits_share_no_handwriting():
    used: dict[str, set[bytes]] = {"train": set(), "eval": set()}
    for split, writings in used.items():
        for item in iter_items("image_generation", 150, 0, split, track="digits"):
            for made in item.made.values():
                for shown in made.scene.groups:
                    writings |= {ink(shown.shape, body.turn).tobytes() for body in shown.bodies}
    assert len(used["eval"]) > 100
    assert not used["train"] & used["eval"]


@pytest.mark.parametrize("task", TASKS)
def test_training_items_show_no_held_out_combination(task):
    for item in iter_items(task, 60, 0, "train", size=32):
        for made in item.made.values():
            scene = getattr(made, "scene", None)
            if scene is not None:
                shown = {(g.colour, g.shape) for g in (*scene.groups, *scene.extras)}
                assert not shown & set(HELD_OUT)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"task": "audio"}, "set task to one of image_generation"),
        ({"split": "test"}, "set split to train or eval"),
        ({"level": 7}, "set level to 1, 2, 3 or 4"),
        ({"candidates": 0}, "set it to 1 or more"),
        ({"seed": -1}, "set it to 0 or more"),
        ({"track": "songs"}, "set track to one of photographs, digits"),
        ({"task": "video_generation", "track": "digits"}, "set task to image_generation"),
    ],
)
def test_wrong_arguments_name_the_mend(arguments, message):
    with pytest.raises(InputError, match=message):
        sample_record(**{"task": "image_generation", "seed": 0, **arguments})
