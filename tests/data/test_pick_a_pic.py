"""Pick-a-Pic: label_0 is image 0's share; half each is a tie."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.data.published import JPEG, PNG, media, one, paths, ranking, refused, written
from unireward.data import guess_format
from unireward.record import Record

ROW: dict[str, Any] = {
    "are_different": True,
    "best_image_uid": "uid-1",
    "caption": "a cat in a hat",
    "has_label": True,
    "image_0_uid": "uid-0",
    "image_1_uid": "uid-1",
    "jpg_0": PNG,
    "jpg_1": JPEG,
    "label_0": 0.0,
    "label_1": 1.0,
    "model_0": "sdxl",
    "model_1": "dreamlike",
    "ranking_id": 7,
    "user_id": 42,
}


def test_the_row_as_published_becomes_this_record(tmp_path: Path):
    assert one(tmp_path, "pick-a-pic", ROW, "parquet") == Record.model_validate({
        "id": "pick-a-pic-000001",
        "task": "image_generation",
        "prompt": [{"type": "text", "text": "a cat in a hat"}],
        "candidates": [
            {"id": "a", "content": [{"type": "image", "bytes": PNG}]},
            {"id": "b", "content": [{"type": "image", "bytes": JPEG}]},
        ],
        "label": {"ranking": [["b"], ["a"]], "preference": {"a": 0.0, "b": 1.0}},
        "context": {"user": {"id": "42"}},
        "meta": {
            "source": "pick-a-pic", "ranking_id": 7, "are_different": True,
            "image_0_uid": "uid-0", "image_1_uid": "uid-1", "model_a": "sdxl",
            "model_b": "dreamlike",
        },
    })  # fmt: skip


@pytest.mark.parametrize(
    ("labels", "best", "tiers"),
    [
        ((1.0, 0.0), "uid-0", [["a"], ["b"]]),
        ((0.0, 1.0), "uid-1", [["b"], ["a"]]),
        ((0.5, 0.5), "uid-1", [["a", "b"]]),
        ((0.0, 1.0), "another", [["b"], ["a"]]),
        ((0.75, 0.25), "", [["a"], ["b"]]),
    ],
)
def test_labels_both_ways(tmp_path: Path, labels: tuple[float, float], best: str, tiers: Any):
    row = {**ROW, "label_0": labels[0], "label_1": labels[1], "best_image_uid": best}
    record = one(tmp_path, "pick-a-pic", row, "parquet")
    assert ranking(record) == tiers
    assert record.label is not None
    assert record.label.preference == dict(zip("ab", labels, strict=True))


def test_a_row_without_a_label_is_a_record_without_one(tmp_path: Path):
    row = {**ROW, "has_label": False, "label_0": math.nan, "label_1": math.nan}
    assert one(tmp_path, "pick-a-pic", row, "parquet").label is None


def test_without_bytes_the_file_of_the_image_s_name(tmp_path: Path):
    media(tmp_path, "uid-0.jpg", "uid-1.jpg")
    row = {**ROW, "jpg_0": None, "jpg_1": None}
    assert paths(one(tmp_path, "pick-a-pic", row), tmp_path) == {"a": "uid-0.jpg", "b": "uid-1.jpg"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"label_0": 1.0}, ("label_0 1 and label_1 1", "add to 1")),
        ({"label_0": math.nan}, ("label_0", "finite")),
        ({"label_0": 2.0, "label_1": -1.0}, ("label_0 is 2",)),
        ({"best_image_uid": "uid-0"}, ("best_image_uid", "names candidate a")),
        ({"jpg_1": PNG}, ("the same",)),
        ({"caption": ""}, ("caption is empty",)),
        ({"jpg_0": None}, ("uid-0.jpg", "no such file")),
    ],
)
def test_what_is_refused(tmp_path: Path, change: dict[str, Any], words: tuple[str, ...]):
    refused(tmp_path, "pick-a-pic", {**ROW, **change}, *words, suffix="parquet")


def test_the_file_is_recognised(tmp_path: Path):
    assert guess_format(written(tmp_path, [ROW], "parquet")) == "pick-a-pic"
