"""Captions, questions and answers read back from the prompts they stand in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.data.asked import Asked, recover
from unireward.data.converter import RowError
from unireward.families import Form, list_families

CAPTION = "a [red] cat: 3 dogs? Text Caption: none"
FILLED = {"P": CAPTION, "Q": "how many\ndogs?", "I": CAPTION, "A1": "three", "A2": "two.\nNo: one",
          "R": "three"}  # fmt: skip
FORMS = {
    f"{family.id} {form.address}": form
    for family in list_families()
    for form in family.spec.forms
    if family.name.startswith("unifiedreward")
}


def fill(form: Form, words: dict[str, str]) -> str:
    text = form.template
    for name, value in words.items():
        text = text.replace("{" + name + "}", value)
    return text


@pytest.mark.parametrize("name", [n for n, form in FORMS.items() if "{" in form.template])
def test_every_prompt_of_ours_gives_back_what_was_filled_in(name: str) -> None:
    form = FORMS[name]
    if not any("{" + key + "}" in form.template for key in FILLED):
        pytest.skip("nothing is filled in")
    found = recover(fill(form, FILLED))
    assert found.task == form.task
    keys = [key for key in ("P", "Q", "I") if "{" + key + "}" in form.template]
    assert found.words == FILLED[keys[0]]
    assert found.answers == tuple(
        FILLED[key] for key in ("A1", "A2", "R") if "{" + key + "}" in form.template
    )
    if form.reader == "score_final":
        scale = form.scales["overall"]
        assert found.scale == (scale.low, scale.high)


# The ends of the published prompts (the words before are ours) --------------------------------

INTRO = "Here are two videos. Decide which of them is better."


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        (
            f"{INTRO}\nText Caption: [a cat]",
            ("caption", "a cat", (), "video_generation"),
        ),
        (
            "Grade the picture.\nText Caption: [a [b] c]\n",
            ("caption", "a [b] c", (), "image_generation"),
        ),
        ("Grade the video. Text Prompt: [a cat]", ("caption", "a cat", (), "video_generation")),
        (
            "On the image.\nQuestion: [who?] Response: [me]",
            ("question", "who?", ("me",), "image_understanding"),
        ),
        (
            "On the image.\nQuestion: [who?]\nThe first response: [me]\n"
            "The second response: [you]\nASSISTANT:\n",
            ("question", "who?", ("me", "you"), "image_understanding"),
        ),
        (
            "On the video.\nQuestion: [who?]\nResponse 1: [me]\nResponse 2: [you]",
            ("question", "who?", ("me", "you"), "video_understanding"),
        ),
        (
            "Show the sums like this:\nAnswer 1: 1+2=3\nAnswer 2: 2+2=4\nThe image is the task's.\n"
            "Question: who?\nAnswer 1: me\nand you\nAnswer 2: you\n",
            ("question", "who?", ("me\nand you", "you"), "image_understanding"),
        ),
        (
            "On the video:\nQuestion: who?\nAnswer 1: me\nAnswer 2: you\n"
            "Please evaluate both answers based on the following criteria:\n1. Accuracy",
            ("question", "who?", ("me", "you"), "video_understanding"),
        ),
        (
            "Images, <think> first: 「a cat」 <answer>",
            ("caption", "a cat", (), "image_generation"),
        ),
        (
            "## Input Data\n**Prompt:** [a cat]\n\n[Video 1] \n[Video 2] \n",
            ("caption", "a cat", (), "video_generation"),
        ),
        (
            "Both edits.\nText instruction - make it red\n",
            ("instruction", "make it red", (), "image_editing"),
        ),
    ],
)
def test_published_ends(prompt: str, expected: tuple[object, ...]) -> None:
    found = recover(prompt)
    assert (found.kind, found.words, found.answers, found.task) == expected


@pytest.mark.parametrize(
    ("words", "scale"),
    [
        ("and a score from 1 to 10 after 'Final Score:'", (1, 10)),
        ("Final Score: n, a number from 0 to 100", (0, 100)),
        ("From 0 to 100, how do you rate it? Then say it after Final Score:", (0, 100)),
        ("from 1 to 5 after 'Final Score:'. Final Score is from 1 to 10", None),
        ("a Final Score", None),
    ],
)
def test_the_range_of_the_final_score(words: str, scale: tuple[float, float] | None) -> None:
    assert recover(f"Grade the image {words}.\nText Caption: [x]").scale == scale


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("What is on the picture?", "the prompt is none of a judge we know"),
        ("The image.\nText Caption: [ ]", "the caption in the prompt is empty"),
        ("The image.\nQuestion: [who?] Response: []", "answer 1 in the prompt is empty"),
        (
            "The image.\nQuestion: who?\nAnswer 1: me\nAnswer 2: a list:\nAnswer 2: you",
            "can be cut in two ways ('Answer 2:' stands there twice)",
        ),
        (
            "The image.\nQuestion: [a]\nThe first response: [b]\nThe first response: [c]\n"
            "The second response: [d]",
            "can be cut in two ways",
        ),
        ("Images <think>: 「a」 and 「b」", "has 2 texts in corner brackets"),
    ],
)
def test_what_cannot_be_told_is_refused(prompt: str, message: str) -> None:
    with pytest.raises(RowError) as caught:
        recover(prompt)
    assert message in str(caught.value)


TEXT = st.text(min_size=1).filter(lambda t: t.strip())


@settings(max_examples=200, deadline=None)
@given(TEXT, TEXT, TEXT)
def test_any_text_comes_back_as_it_was_or_is_refused(q: str, one: str, two: str) -> None:
    prompt = (
        f"The image.\nQuestion: [{q}]\nThe first response: [{one}]\nThe second response: [{two}]"
    )
    try:
        found = recover(prompt)
    except RowError:
        return
    assert found == Asked("question", q, (one, two), "image_understanding", None, "the image.\n")


@settings(max_examples=200, deadline=None)
@given(TEXT)
def test_any_caption_comes_back(caption: str) -> None:
    found = recover(f"Two videos are shown.\nText Caption: [{caption}]")
    assert (found.words, found.task) == (caption, "video_generation")
