"""What is true of an answer: the world's sentences read back, and held to redrawn scenes."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.record import Candidate, Part
from unireward.world.answer_truth import ANOTHER, truth_of
from unireward.world.clips import sample_clip_spec
from unireward.world.facts import caption, facts
from unireward.world.questions import Question, describing
from unireward.world.redraw import Redraw
from unireward.world.sample import iter_items
from unireward.world.scene import sample_spec
from unireward.world.sentences import UnreadError, read_caption, read_statement
from unireward.world.things import Body, Group, Scene
from unireward.world.words import VOCABULARY

TASKS = ("image_understanding", "video_understanding")
RED = Group("red", "circle", "small", "solid", (Body(0.2, 0.2, 0.08), Body(0.3, 0.2, 0.08)))
BLUE = Group("blue", "star", "large", "dotted", (Body(0.8, 0.25, 0.15),))
SCENE = Scene((RED, BLUE), relation="left of", level=3)


@pytest.mark.parametrize("task", TASKS)
def test_every_answer_of_the_world_is_read_as_the_world_has_it(task: str) -> None:
    """2,000 items: each right answer is right, each wrong one wrong, in the very facts. But for
    what is both left of and below: the world has one of them for its answer."""
    drawn = Redraw(seed=31)
    right = wrong = also = 0
    for index in range(2000):
        asked = drawn.asked(f"{task}-{index:06d}")
        for answer in asked.answers:
            found = truth_of(asked.question, answer.text, asked.scene)
            assert found.status == "ok", (asked, answer)
            if asked.question.kind == "relation" and answer.right == (False,):
                also += found.is_right
            else:
                assert found.right == answer.right, (asked, answer)
            right, wrong = right + found.is_right, wrong + (not found.is_right)
    assert min(right, wrong) > 1500
    assert also <= 5


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("candidates", [1, 2])
def test_what_is_redrawn_is_the_item(task: str, candidates: int) -> None:
    drawn = Redraw(seed=6, split="train", candidates=candidates, size=16)
    items = list(iter_items(task, 30, 6, "train", candidates=candidates, size=16))
    for mine, item in zip(drawn.items(task, 30), items):
        asked = drawn.asked(item.record.id)
        assert np.array_equal(mine.prompt_media[0], item.prompt_media[0])
        assert asked.question == item.spec
        assert asked.answers == tuple(item.made.values())
        truths = {name: answer.right for name, answer in item.made.items()}
        assert {name: one.right for name, one in drawn.truths(item.record).items()} == truths


def test_a_checker_gives_shares_and_leaves_out_what_it_cannot_read() -> None:
    drawn = Redraw(seed=6, levels=(1, 2), size=16)
    record = next(i.record for i in drawn.items(TASKS[0], 40) if i.spec.kind == "describe")
    told = {name: drawn.truths(record)[name].share for name in "ab"}
    assert drawn(record) == told
    odd = Candidate(id="c", content=(Part.of_text("two red circle"),))
    more = record.model_copy(update={"candidates": (*record.candidates, odd)})
    assert drawn(more) == told
    assert drawn.truths(more)["c"].reason == "no shapes where 'circle' stands"
    with pytest.raises(InputError, match="image_understanding-000123"):
        drawn.asked("image_generation-000001")


DESCRIBE = describing("picture")
COLOUR = Question("colour", "picture", "the circles", True)
PLACE = Question("place", "picture", "the red circles", True)
COUNT = Question("count", "picture", "red circles", True)
WHERE = Question("relation", "picture", "the red circles", True, "the blue star")


@pytest.mark.parametrize(
    ("question", "text", "right"),
    [
        (DESCRIBE, "two red circles left of one blue star", (True,) * 7),
        (DESCRIBE, "Two  small red circles", (True,) * 4),
        (DESCRIBE, "three large red circles", (False, False, True, True)),
        (DESCRIBE, "two red circles and one green star", (True,) * 4 + (False, True)),
        (DESCRIBE, "exactly two red circles and no blue stars", (True, True, True, False)),
        (DESCRIBE, "two red circles at the top left", (True,) * 4),
        (COLOUR, "the circles are red", (True,)),
        (COLOUR, "the circles are blue", (False,)),
        (PLACE, "the red circles are at the top left", (True,)),
        (PLACE, "the red circles are at the top", (False,)),
        (COUNT, "there are two red circles", (True,)),
        (COUNT, "there is one red circle", (False,)),
        (COUNT, "there are seven red circles", (False,)),
        (WHERE, "the red circles are left of the blue star", (True,)),
        (WHERE, "the red circles are below the blue star", (False,)),
        (Question("yes-no", "picture", "two red circles", True), "yes", (True,)),
        (Question("yes-no", "picture", "two large red circles", True), "yes", (False,)),
        (Question("yes-no", "picture", "two large red circles", True), "no", (True,)),
        (Question("shape", "picture", "the blue thing"), "the blue thing is a star", (True,)),
        (Question("size", "picture", "the blue star"), "the blue star is large", (True,)),
    ],
)
def test_answers_are_held_to_the_scene(
    question: Question, text: str, right: tuple[bool, ...]
) -> None:
    found = truth_of(question, text, SCENE)
    assert (found.status, found.right, found.reason) == ("ok", right, None)
    assert found.is_right == all(right)
    assert found.share == pytest.approx(sum(right) / len(right))


@pytest.mark.parametrize(
    ("question", "text"),
    [
        (PLACE, "the red circles are small"),  # true, and not what was asked
        (PLACE, "the blue star is at the top right"),
        (COUNT, "there is one blue star"),
        (COLOUR, "yes"),
    ],
)
def test_an_answer_to_another_question_is_wrong(question: Question, text: str) -> None:
    found = truth_of(question, text, SCENE)
    assert (found.status, found.right, found.reason) == ("ok", (False,), ANOTHER)


@pytest.mark.parametrize(
    ("question", "text", "reason"),
    [
        (DESCRIBE, "", "no count where 'it ends' stands"),
        (DESCRIBE, "red circles", "no count where 'red circles' stands"),
        (DESCRIBE, "two circles", "no colour where 'circles' stands"),
        (DESCRIBE, "one red circles", "no shape of one where 'circles' stands"),
        (DESCRIBE, "two red circles left of", "no count where 'it ends' stands"),
        (DESCRIBE, "two red circles two", "goes on with 'two' where it should end"),
        (DESCRIBE, "two solid small red circles", "no colour where 'small red' stands"),
        (DESCRIBE, "the circles are red", "no count where 'the circles' stands"),
        (COLOUR, "red", "is no answer in the world's words"),
        (COLOUR, "the circles are", "is no answer in the world's words"),
        (COLOUR, "the circle are red", "is no answer in the world's words"),
        (COLOUR, "two red circles", "is no answer in the world's words"),
        (COUNT, "there are one red circle", "is no answer in the world's words"),
    ],
)
def test_what_is_no_sentence_is_a_state_with_a_reason(
    question: Question, text: str, reason: str
) -> None:
    found = truth_of(question, text, SCENE)
    assert (found.status, found.right, found.share) == ("unparsed", (), None)
    assert found.reason == reason
    assert not found.is_right


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 3, 4]), st.booleans())
@settings(max_examples=200, deadline=None)
def test_captions_are_read_as_what_they_state(seed: int, level: int, moving: bool) -> None:
    rng = np.random.default_rng(seed)
    spec = (sample_clip_spec if moving else sample_spec)(rng, level, "eval")
    assert facts(read_caption(caption(spec))) == facts(spec)


@given(st.lists(st.sampled_from(VOCABULARY), max_size=12).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_any_words_are_read_exactly_or_not_at_all(text: str) -> None:
    with suppress(UnreadError):
        assert caption(read_caption(text)) == text
    with suppress(UnreadError):
        said = read_statement(text, "picture")
        assert said.question.answer(said.value) == text
