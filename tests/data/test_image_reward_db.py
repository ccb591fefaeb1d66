"""ImageRewardDB: the lowest rank is the best; single images gather into groups."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import PNG, media, one, paths, ranking, records, refused, written
from unireward.data import convert, guess_format
from unireward.files import LineError
from unireward.record import Record

GROUP: dict[str, Any] = {
    "prompt_id": "000864-0061",
    "prompt": "a painting of an ocean",
    "classification": "People",
    "image": ["a.webp", "b.webp", "c.webp"],
    "rank": [2, 1, 2],
    "overall_rating": [4, 7, 3],
    "image_text_alignment_rating": [5, 7, 2],
    "fidelity_rating": [6, 6, 1],
}


def alone(name: str, rank: int, total: int = 3, prompt: str = "p1", **more: Any) -> dict[str, Any]:
    return {
        "prompt_id": prompt,
        "prompt": f"the words of {prompt}",
        "classification": "Arts",
        "image_path": f"images/train/train_1/{name}.webp",
        "image_amount_in_total": total,
        "rank": rank,
        "overall_rating": 8 - rank,
        "image_text_alignment_rating": 4,
        "fidelity_rating": 5,
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media(tmp_path, *(f"{n}.webp" for n in "abc"))
    media(tmp_path, *(f"images/train/train_1/{n}.webp" for n in "uvwxyz"))
    return tmp_path


def test_a_group_becomes_this_record(folder: Path):
    def image(name: str) -> list[dict[str, str]]:
        return [{"type": "image", "path": str(folder / f"{name}.webp")}]

    assert one(folder, "image-reward-db", GROUP) == Record.model_validate({
        "id": "000864-0061",
        "task": "image_generation",
        "prompt": [{"type": "text", "text": "a painting of an ocean"}],
        "candidates": [{"id": name, "content": image(name)} for name in "abc"],
        "label": {
            "ranking": [["b"], ["a", "c"]],
            "scores": {
                "a": {"overall": 4, "alignment": 5, "fidelity": 6},
                "b": {"overall": 7, "alignment": 7, "fidelity": 6},
                "c": {"overall": 3, "alignment": 2, "fidelity": 1},
            },
            "scales": dict.fromkeys(("overall", "alignment", "fidelity"), (1, 7)),
        },
        "meta": {"source": "image-reward-db", "classification": "People"},
    })  # fmt: skip


def test_single_images_that_follow_one_another_are_a_group(folder: Path):
    rows = [alone("u", 3), alone("v", 1), alone("w", 2),
            alone("x", 1, 2, "p2"), alone("y", 2, 2, "p2")]  # fmt: skip
    first, second = records(folder, "image-reward-db", rows)
    assert (first.id, second.id) == ("p1", "p2")
    assert ranking(first) == [["b"], ["c"], ["a"]]
    assert ranking(second) == [["a"], ["b"]]
    assert paths(second, folder) == {
        "a": "images/train/train_1/x.webp", "b": "images/train/train_1/y.webp",
    }  # fmt: skip
    assert first.label is not None
    assert first.label.scores is not None
    assert first.label.scores["b"] == {"overall": 7.0, "alignment": 4.0, "fidelity": 5.0}


def test_a_group_cut_short_is_refused_and_the_next_is_read(folder: Path):
    rows = [alone("u", 1), alone("v", 2), alone("x", 1, 2, "p2"), alone("y", 2, 2, "p2")]
    path = written(folder, rows)
    with pytest.raises(LineError, match="row 1: prompt_id p1 has 2 of 3 images"):
        list(convert(path, "image-reward-db"))
    assert [r.id for r in convert(path, "image-reward-db", on_error="skip")] == ["p2"]
    cut = written(folder, [*rows[:2], alone("w", 3), rows[2]])
    with pytest.raises(LineError, match="row 4: prompt_id p2 has 1 of 2"):
        list(convert(cut, "image-reward-db"))


def test_one_image_of_one_is_rated_and_not_ranked(folder: Path):
    (record,) = records(folder, "image-reward-db", [alone("u", 1, 1)])
    assert record.label is not None
    assert record.label.ranking is None
    assert record.label.scores == {"a": {"overall": 7.0, "alignment": 4.0, "fidelity": 5.0}}


def test_the_project_s_json_has_ranks_alone(folder: Path):
    row = {"prompt_id": "7", "prompt": "p", "generations": ["a.webp", "b.webp"], "ranking": [2, 1]}
    record = one(folder, "image-reward-db", row)
    assert ranking(record) == [["b"], ["a"]]
    assert record.label is not None
    assert record.label.scores is None


def test_a_pair_says_the_better_one(folder: Path):
    row = {
        "prompt_id": "7", "prompt": "p", "classification": "Arts",
        "img_better": {"bytes": PNG, "path": None}, "img_worse": {"bytes": PNG + b"w", "path": ""},
    }  # fmt: skip
    record = one(folder, "image-reward-db", row, "parquet")
    assert [c.content[0].bytes for c in record.candidates] == [PNG, PNG + b"w"]
    assert ranking(record) == [["a"], ["b"]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rank": [1, 2]}, ("image 3", "rank 2")),
        ({"rank": None}, ("rank is null",)),
        ({"overall_rating": [4, 8, 3]}, ("overall_rating[1] is 8", "1 to 7")),
        ({"rank": [1, "x", 2]}, ("rank[1]", "finite number")),
        ({"image": ["a.webp", "b.webp", "none.webp"]}, ("none.webp", "no such file")),
        ({"prompt": ""}, ("prompt is empty",)),
        ({"image": None}, ("generations or image or image_path is missing",)),
    ],
)
def test_what_is_refused(folder: Path, change: dict[str, Any], words: tuple[str, ...]):
    refused(folder, "image-reward-db", {**GROUP, **change}, *words)


def test_a_group_with_two_prompts_is_refused(folder: Path):
    rows = [alone("u", 1, 2), alone("v", 2, 2)]
    rows[1]["prompt"] = "other words"
    with pytest.raises(LineError, match="two prompts"):
        records(folder, "image-reward-db", rows)


@pytest.mark.parametrize("row", [GROUP, alone("u", 1)])
def test_the_file_is_recognised(folder: Path, row: dict[str, Any]):
    assert guess_format(written(folder, [row])) == "image-reward-db"
