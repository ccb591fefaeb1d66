"""UnifiedReward's training samples as labelled records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.foreign import read_one, read_rows, touch, write_json
from unireward.data import convert
from unireward.files import LineError
from unireward.record import Candidate, Label, Part, Record, Span

PAIR = "Compare the two images.\nText Caption: [a red cat]"
VIDEOS = "Compare the two videos.\nText Caption: [a cat runs]"
QUESTION = (
    "See the image.\nQuestion: [how many?]\nThe first response: [two]\nThe second response: [three]"
)


def row(asked: str, reply: str, **media: Any) -> dict[str, Any]:
    tokens = "<image>\n" * len(media.get("images", [1]))
    talk = [{"from": "human", "value": tokens + asked}, {"from": "gpt", "value": reply}]
    return {"id": "r1", **media, "conversations": talk}


def images(*paths: str) -> list[Candidate]:
    return [
        Candidate(id=name, content=(Part(type="image", path=path),))
        for name, path in zip("abcd", paths)
    ]


def label_of(folder: Path, asked: str, reply: str, **media: Any) -> Label | None:
    return read_one(folder, row(asked, reply, **media), "unifiedreward").label


def test_a_pair_of_images(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    sample = row(PAIR, "Image 2 is better than Image 1.", images=["1.png", "2.png"])
    record = read_one(tmp_path, sample, "unifiedreward")
    assert record == Record(
        id="r1",
        task="image_generation",
        prompt=(Part.of_text("a red cat"),),
        candidates=tuple(images(one, two)),
        label=Label(ranking=(("b",), ("a",))),
        meta={
            "source": "unifiedreward",
            "asked": f"<image>\n<image>\n{PAIR}",
            "reply": "Image 2 is better than Image 1.",
        },
    )


@pytest.mark.parametrize(
    ("reply", "ranking"),
    [
        ("Image 1 is better", (("a",), ("b",))),
        ("Image 2 is better", (("b",), ("a",))),
        ("Image 1 is better than Image 2.", (("a",), ("b",))),
        ("Both images are equally good.", (("a", "b"),)),
    ],
)
def test_verdicts(tmp_path: Path, reply: str, ranking: tuple[tuple[str, ...], ...]) -> None:
    touch(tmp_path, "1.png", "2.png")
    assert label_of(tmp_path, PAIR, reply, images=["1.png", "2.png"]) == Label(ranking=ranking)


def test_a_pair_of_videos_is_its_frames_in_halves(tmp_path: Path) -> None:
    names = [f"{v}/{i}.png" for v in "xy" for i in range(8)]
    paths = touch(tmp_path, *names)
    record = read_one(tmp_path, row(VIDEOS, "Video 1 is better", images=names), "unifiedreward")
    assert record.task == "video_generation"
    assert [c.content[0] for c in record.candidates] == [
        Part(type="video", frames=tuple(paths[:8])),
        Part(type="video", frames=tuple(paths[8:])),
    ]
    assert record.label == Label(ranking=(("a",), ("b",)))


def test_pair_scores(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    blocks = [
        f"{axis} Score:\n Image 1: {one}\n Image 2: {two}"
        for axis, one, two in [
            ("Alignment", 0.7, 0.3),
            ("Coherence", 0.4, 0.6),
            ("Style", 0.2, 0.8),
        ]
    ]
    label = label_of(tmp_path, PAIR, "\n\n".join(blocks), images=["1.png", "2.png"])
    assert label == Label(
        ranking=(("b",), ("a",)),  # 0.7 + 0.4 + 0.2 < 0.3 + 0.6 + 0.8
        scores={
            "a": {"alignment": 0.7, "coherence": 0.4, "style": 0.2},
            "b": {"alignment": 0.3, "coherence": 0.6, "style": 0.8},
        },
        scales=dict.fromkeys(("alignment", "coherence", "style"), (0, 1)),
    )


def test_a_score_on_the_range_that_its_prompt_names(tmp_path: Path) -> None:
    touch(tmp_path, "1.png")
    reply = "cat (object): 1\nred (color): 0\nFinal Score: 4"
    for top in (5, 10):
        asked = (
            f"Grade the image, a score from 1 to {top} after 'Final Score:'.\nText Caption: [a cat]"
        )
        label = label_of(tmp_path, asked, reply, images=["1.png"])
        assert label == Label(
            scores={"a": {"overall": 4}},
            scales={"overall": (1, top)},
            spans=(
                Span(candidate="a", kind="token", dimension="object", value=1, text="cat"),
                Span(candidate="a", kind="token", dimension="color", value=0, text="red"),
            ),
        )
    with pytest.raises(LineError, match="the prompt names no range for the Final Score"):
        label_of(tmp_path, "Grade the image.\nText Caption: [a cat]", reply, images=["1.png"])


def test_three_axes_and_words(tmp_path: Path) -> None:
    touch(tmp_path, "1.png")
    axes = "Alignment Score (1-5): 4.5\nCoherence Score (1-5): 3\nStyle Score (1-5): 2.25"
    scores = {"a": {"alignment": 4.5, "coherence": 3, "style": 2.25}}
    scales = dict.fromkeys(("alignment", "coherence", "style"), (1, 5))
    asked = "Grade the image.\nText Caption: [a cat]"
    assert label_of(tmp_path, asked, axes, images=["1.png"]) == Label(scores=scores, scales=scales)
    words = 'Word-wise Scores: [["cat", 0.5], ["[No_mistakes]", 2]]\n\n' + axes
    label = label_of(tmp_path, asked, words, images=["1.png"])
    assert label is not None
    assert label.scores == scores
    assert [(span.candidate, span.text, span.value) for span in label.spans] == [
        ("a", "cat", 0.5),
        ("a", "[No_mistakes]", 2),
    ]


def test_five_grades_of_a_video(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(8)]
    paths = touch(tmp_path, *names)
    reply = (
        "visual quality: 1\ntemporal consistency: 2\ndynamic degree: 3\n"
        "text-to-video alignment: 4\nfactual consistency: 1\nFinal Score: 7"
    )
    asked = "Grade the video.\nText Prompt: [a cat runs]"
    record = read_one(tmp_path, row(asked, reply, images=names), "unifiedreward")
    assert record.candidates[0].content == (Part(type="video", frames=tuple(paths)),)
    assert record.label is not None
    assert record.label.scores == {
        "a": {
            "visual_quality": 1, "temporal_consistency": 2, "dynamic_degree": 3,
            "text_to_video_alignment": 4, "factual_consistency": 1, "overall": 7,
        }
    }  # fmt: skip
    assert record.label.scales is not None
    assert record.label.scales["dynamic_degree"] == (1, 4)
    assert record.label.scales["overall"] == (1, 10)


@pytest.mark.parametrize(
    ("reply", "winner"),
    [
        ("The second response is better.", "b"),
        ("The first counts wrongly.\nOverall, the second response is better.", "b"),
        ("Answer 1 is better", "a"),
        ("Both count.\nOverall Judgment: Answer 2 is better than Answer 1.", "b"),
    ],
)
def test_answers_about_an_image(tmp_path: Path, reply: str, winner: str) -> None:
    (path,) = touch(tmp_path, "q.jpg")
    record = read_one(tmp_path, row(QUESTION, reply, image="q.jpg"), "unifiedreward")
    assert record.task == "image_understanding"
    assert record.prompt == (Part(type="image", path=path), Part.of_text("how many?"))
    assert [c.text for c in record.candidates] == ["two", "three"]
    assert record.label is not None
    assert record.label.winner() == winner


def test_answers_about_a_video(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "v.mp4")
    asked = "See the video.\nQuestion: who?\nAnswer 1: me\nAnswer 2: you\n"
    reply = "1. Accuracy: the second.\nOverall Judgment: Answer 2 is better than Answer 1."
    record = read_one(tmp_path, row(asked, reply, video="v.mp4"), "unifiedreward")
    assert record.task == "video_understanding"
    assert record.prompt[0] == Part(type="video", path=path)
    assert record.label == Label(ranking=(("b",), ("a",)))
    names = [f"{i}.png" for i in range(8)]
    frames = touch(tmp_path, *names)
    record = read_one(tmp_path, row(asked, reply, images=names), "unifiedreward")
    assert record.prompt[0] == Part(type="video", frames=tuple(frames))


def test_an_answer_is_scored(tmp_path: Path) -> None:
    touch(tmp_path, "q.jpg")
    asked = "See the image. From 0 to 100, how do you rate it?\nQuestion: [who?]\nResponse: [me]\n"
    label = label_of(tmp_path, asked, "It is right.\nFinal Score: 85", image="q.jpg")
    assert label == Label(scores={"a": {"overall": 85}}, scales={"overall": (0, 100)})


@pytest.mark.parametrize(
    ("asked", "reply", "media", "message"),
    [
        (PAIR, "Final Score: 3", ["1.png"], "the prompt names no range"),
        (PAIR, "Image 1 is better than Image 1.", ["1.png", "2.png"], "the target cannot be read"),
        (PAIR, "Image 1 is better", ["1.png"], "1 images for 2 candidates; mend images"),
        (PAIR, "Image 1 is better", ["1.png", "1.png"], "candidates a and b are the same"),
        (PAIR, "Image 1 is better", ["1.png", "no.png"], "no such file"),
        (VIDEOS, "Video 1 is better", ["1.png", "2.png", "3.png"], "3 frames do not make 2 videos"),
        (QUESTION, "No idea.", ["1.png"], "the target cannot be read: no verdict"),
        (QUESTION, "Answer 1 is better", [], "image, images or video is missing"),
        ("What is it?", "A cat.", ["1.png"], "the prompt is none of a judge we know"),
    ],
)  # fmt: skip
def test_refusals(tmp_path: Path, asked: str, reply: str, media: list[str], message: str) -> None:
    touch(tmp_path, "1.png", "2.png", "3.png")
    with pytest.raises(LineError) as caught:
        read_one(tmp_path, row(asked, reply, images=media), "unifiedreward")
    assert "row 1: " in str(caught.value)
    assert message in str(caught.value)


# Copies in the other order -------------------------------------------------------------------


def test_a_reversed_copy_in_the_same_file_keeps_the_names(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    first, copy = read_rows(
        tmp_path,
        [
            row(PAIR, "Image 1 is better", images=["1.png", "2.png"]),
            row(PAIR, "Image 2 is better", images=["2.png", "1.png"]),
        ],
        "unifiedreward",
    )
    assert [c.id for c in first.candidates] == ["a", "b"]
    assert [(c.id, c.content[0].path) for c in copy.candidates] == [("b", two), ("a", one)]
    assert first.label == copy.label == Label(ranking=(("a",), ("b",)))
    assert (first.id, copy.id) == ("r1", "r1-swapped")
    assert "swapped" not in first.meta
    assert copy.meta["swapped"] is True


def test_a_reversed_pair_of_answers_is_a_copy_too(tmp_path: Path) -> None:
    touch(tmp_path, "q.jpg")
    turned = QUESTION.replace("[two]", "[x]").replace("[three]", "[two]").replace("[x]", "[three]")
    first, copy = read_rows(
        tmp_path,
        [
            row(QUESTION, "The first response is better.", image="q.jpg"),
            row(turned, "The second response is better.", image="q.jpg"),
        ],
        "unifiedreward",
    )
    assert copy.meta["swapped"] is True
    assert first.label == copy.label == Label(ranking=(("a",), ("b",)))
    assert [(c.id, c.text) for c in copy.candidates] == [("b", "three"), ("a", "two")]


def test_a_file_of_copies_is_known_by_its_name(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    rows = [row(PAIR, "Both images are equally good.", images=["2.png", "1.png"])]
    path = write_json(tmp_path, rows, "train_data_qwen_rev.json")
    (record,) = convert(path, "unifiedreward")
    assert [(c.id, c.content[0].path) for c in record.candidates] == [("b", two), ("a", one)]
    assert record.label == Label(ranking=(("a", "b"),))
    assert record.meta["swapped"] is True
