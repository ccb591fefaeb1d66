"""EditReward: path1 is preferred unless the case is tied; votes go by side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import PNG, media, one, paths, ranking, refused, written
from unireward.data import guess_format
from unireward.record import Record

ROW: dict[str, Any] = {
    "prompt": "Make the donut an apple.",
    "choice_dist": None,
    "confidence": None,
    "path_src": "13/source.png",
    "path1": "13/ovis.png",
    "path2": "13/flux.png",
    "model1": "ovis_u1",
    "model2": "flux_kontext",
    "model1_dim1_score": 4,
    "model1_dim2_score": 3,
    "model1_overall_score": 7,
    "model2_dim1_score": 3,
    "model2_dim2_score": 3,
    "model2_overall_score": 6,
    "tie_case": False,
}
VOTED: dict[str, Any] = {
    "key": "13", "unique_key": "13_0", "pair_index": 0, "instruction": "Make the donut an apple.",
    "source_img": {"bytes": PNG, "path": None},
    "left_output_image": {"bytes": PNG + b"l", "path": None},
    "right_output_image": {"bytes": PNG + b"r", "path": None},
    "left_model": "ovis", "right_model": "flux",
    "left_overall_score": 5.0, "left_instruction_following_score": 2.0,
    "left_quality_aesthetic_score": 3.0, "right_overall_score": 7.5,
    "right_instruction_following_score": 4.0, "right_quality_aesthetic_score": 3.5,
    "vote_type": "rightvote", "metadata_index": 3,
}  # fmt: skip
SCALES = {"instruction_following": (1, 4), "quality": (1, 4), "overall": (2, 8)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media(tmp_path, "13/source.png", "13/ovis.png", "13/flux.png")
    return tmp_path


def test_the_training_row_becomes_this_record(folder: Path):
    def image(name: str, **more: str) -> dict[str, str]:
        return {"type": "image", "path": str(folder / "13" / name), **more}

    assert one(folder, "edit-reward", ROW) == Record.model_validate({
        "id": "edit-reward-000001",
        "task": "image_editing",
        "prompt": [image("source.png", role="source"), {"type": "text", "text": ROW["prompt"]}],
        "candidates": [
            {"id": "a", "content": [image("ovis.png")]},
            {"id": "b", "content": [image("flux.png")]},
        ],
        "label": {
            "ranking": [["a"], ["b"]],
            "scores": {
                "a": {"instruction_following": 4, "quality": 3, "overall": 7},
                "b": {"instruction_following": 3, "quality": 3, "overall": 6},
            },
            "scales": SCALES,
        },
        "meta": {"source": "edit-reward", "model_a": "ovis_u1", "model_b": "flux_kontext"},
    })  # fmt: skip


def test_a_tied_case_has_no_winner(folder: Path):
    assert ranking(one(folder, "edit-reward", {**ROW, "tie_case": True})) == [["a", "b"]]


def test_numbers_of_a_scale_that_is_not_stated_stay_in_meta(folder: Path):
    row = {k: v for k, v in ROW.items() if "dim2" not in k and k != "tie_case"}
    row |= {"model1_overall_score": 0.9, "model2_overall_score": 0.1}
    record = one(folder, "edit-reward", row)
    assert record.label is not None
    assert record.label.scores is None
    assert ranking(record) == [["a"], ["b"]]
    assert record.meta["model1_overall_score"] == 0.9
    assert record.meta["model2_dim1_score"] == 3


@pytest.mark.parametrize(
    ("vote", "tiers"),
    [("leftvote", [["a"], ["b"]]), ("rightvote", [["b"], ["a"]]), ("tie", [["a", "b"]])],
)
def test_votes_both_ways(tmp_path: Path, vote: str, tiers: Any):
    record = one(tmp_path, "edit-reward", {**VOTED, "vote_type": vote}, "parquet")
    assert ranking(record) == tiers
    assert record.label is not None
    assert record.label.scores == {
        "a": {"instruction_following": 2.0, "quality": 3.0, "overall": 5.0},
        "b": {"instruction_following": 4.0, "quality": 3.5, "overall": 7.5},
    }
    assert record.id == "13_0"
    assert record.meta["key"] == "13"
    assert record.source is not None
    assert record.source.bytes == PNG


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"model1_dim1_score": 5}, ("model1_dim1_score is 5", "1 to 4")),
        ({"model2_overall_score": None}, ("model2_overall_score",)),
        ({"tie_case": "yes"}, ("tie_case is 'yes'",)),
        ({"path2": "13/ovis.png"}, ("the same",)),
        ({"path_src": "13/none.png"}, ("none.png", "no such file")),
        ({"prompt": ""}, ("prompt is empty",)),
        ({"output_images": ["x", "y"]}, ("which edit won",)),
    ],
)
def test_what_is_refused(folder: Path, change: dict[str, Any], words: tuple[str, ...]):
    refused(folder, "edit-reward", {**ROW, **change}, *words)


def test_an_unknown_vote_is_refused(tmp_path: Path):
    row = {**VOTED, "vote_type": "bothbad"}
    refused(tmp_path, "edit-reward", row, "vote_type is 'bothbad'", suffix="parquet")


def test_the_file_is_recognised(folder: Path):
    assert guess_format(written(folder, [ROW])) == "edit-reward"
    assert guess_format(written(folder, [VOTED], "parquet")) == "edit-reward"
    assert paths(one(folder, "edit-reward", ROW), folder)["a"] == "13/ovis.png"
