"""Think's training samples: written thoughts and bare verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.foreign import read_one, read_rows, touch, written
from unireward.files import LineError
from unireward.record import Label, Part

ASKED = "Two images, step by step between <think> and </think>.\nText Caption: [a cat]"
THOUGHT = """<think>
1. Semantic consistency: Image 1 (9/10) - a cat; Image 2 (4/10) - a dog
2. Aesthetics: Image 2 (7/10) - soft; Image 1 (6/10) - flat
3. Authenticity: Image 1 (8/10) - real; Image 2 (8/10) - real
Total score:
Image 1: 9+6+8=23
Image 2: 4+7+8=19
</think>
<answer>Image 1 is better</answer>"""
RANKED = (("a",), ("b",))


def sample(reply: str) -> dict[str, Any]:
    talk = [{"from": "human", "value": ASKED}, {"from": "gpt", "value": reply}]
    return {"images": ["1.png", "2.png"], "conversations": talk}


def test_thoughts_become_scores_and_the_verdict_the_ranking(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    record = read_one(tmp_path, sample(THOUGHT), "think")
    assert record.task == "image_generation"
    assert record.text == "a cat"
    assert [c.content[0].path for c in record.candidates] == [one, two]
    assert record.label is not None
    assert record.label.ranking == RANKED
    # The second line names Image 2 first: numbers go by the label.
    scores = {"semantic_consistency": (9, 4), "aesthetics": (6, 7), "authenticity": (8, 8)}
    assert record.label.scores is not None
    for name, (first, second) in scores.items():
        assert record.label.scores["a"][name] == first
        assert record.label.scores["b"][name] == second
        assert record.label.scales is not None
        assert record.label.scales[name] == (0, 10)
    assert record.meta == {"source": "think", "asked": ASKED, "reply": THOUGHT}
    (row,) = written(tmp_path, [record], "llava")
    assert row == {"id": "think-000001", **sample(THOUGHT)}


def test_problems_have_a_solution_and_no_reply(tmp_path: Path) -> None:
    names = [f"{v}/{i}.png" for v in "ab" for i in range(4)]
    paths = touch(tmp_path, *names)
    row = {
        "problem": "Two videos.\nText Caption: [a cat]",
        "solution": "Video 2 is better",
        "images": names,
    }
    record = read_one(tmp_path, row, "think")
    assert record.task == "video_generation"
    assert record.candidates[1].content == (Part(type="video", frames=tuple(paths[4:])),)
    assert record.label == Label(ranking=(("b",), ("a",)))
    assert record.meta == {
        "source": "think", "asked": row["problem"], "solution": "Video 2 is better"
    }  # fmt: skip


def test_problems_about_an_image(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "q.png")
    asked = "See the image <think>.\nQuestion: [who?]\nAnswer 1: [me]\nAnswer 2: [you]"
    row = {"problem": asked, "solution": "Answer 2 is better", "image": "q.png"}
    record = read_one(tmp_path, row, "think")
    assert record.prompt == (Part(type="image", path=path), Part.of_text("who?"))
    assert record.label == Label(ranking=(("b",), ("a",)))


def test_the_reversed_copy_is_recognised(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    problem = {"problem": ASKED, "solution": "Image 1 is better", "images": ["1.png", "2.png"]}
    turned = {"problem": ASKED, "solution": "Image 2 is better", "images": ["2.png", "1.png"]}
    first, copy = read_rows(tmp_path, [problem, turned], "think")
    assert first.label == copy.label == Label(ranking=RANKED)
    assert (copy.id, copy.meta["swapped"]) == ("think-000002-swapped", True)


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ("Image 1 is better", "the answer has no <think>; read the file with --from unifiedreward"),
        (THOUGHT.replace("<answer>Image 1", "<answer>Image 3"), "the target cannot be read"),
        (THOUGHT.replace("</answer>", ""), "<answer> is opened and never closed"),
        (
            "<think>so</think><answer>Both images are equally good</answer>",
            "the target cannot be read",
        ),
    ],
)
def test_targets_that_cannot_be_read(tmp_path: Path, reply: str, message: str) -> None:
    touch(tmp_path, "1.png", "2.png")
    with pytest.raises(LineError) as caught:
        read_one(tmp_path, sample(reply), "think")
    assert "row 1: " in str(caught.value)
    assert message in str(caught.value)


def test_an_empty_solution(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    row = {"problem": ASKED, "solution": "", "images": ["1.png", "2.png"]}
    with pytest.raises(LineError, match="row 1: solution is empty"):
        read_one(tmp_path, row, "think")
