"""HPDv3: path1 is preferred; HPDv2: the lowest rank is the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import media, one, paths, ranking, records, refused, written
from unireward.data import convert, guess_format
from unireward.record import Record

ROW: dict[str, Any] = {
    "prompt": "a lighthouse in fog",
    "choice_dist": [12, 4],
    "confidence": 0.97,
    "path1": "images/better.jpg",
    "path2": "images/worse.jpg",
    "model1": "flux",
    "model2": "sdxl",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media(tmp_path, "images/better.jpg", "images/worse.jpg", "a.jpg", "b.jpg", "c.jpg")
    return tmp_path


def test_the_row_as_published_becomes_this_record(folder: Path):
    assert one(folder, "hpdv3", ROW) == Record.model_validate({
        "id": "hpdv3-000001",
        "task": "image_generation",
        "prompt": [{"type": "text", "text": "a lighthouse in fog"}],
        "candidates": [
            {"id": "a", "content": [{"type": "image", "path": str(folder / "images/better.jpg")}]},
            {"id": "b", "content": [{"type": "image", "path": str(folder / "images/worse.jpg")}]},
        ],
        "label": {"ranking": [["a"], ["b"]], "preference": {"a": 0.75, "b": 0.25}},
        "meta": {"source": "hpdv3", "confidence": 0.97, "model_a": "flux", "model_b": "sdxl"},
    })  # fmt: skip


def test_the_larger_count_is_path1_s_in_whichever_order(folder: Path):
    for votes in ([12, 4], [4, 12]):
        record = one(folder, "hpdv3", {**ROW, "choice_dist": votes})
        assert ranking(record) == [["a"], ["b"]]
        assert record.label is not None
        assert record.label.preference == {"a": 0.75, "b": 0.25}


def test_the_smallest_row_has_no_votes(folder: Path):
    row = {**ROW, "choice_dist": None, "confidence": None, "model1": None, "model2": None}
    record = one(folder, "hpdv3", row)
    assert record.label is not None
    assert record.label.preference is None
    assert ranking(record) == [["a"], ["b"]]
    assert record.meta == {"source": "hpdv3"}


def test_the_lowest_rank_of_hpdv2_is_the_best(folder: Path):
    row = {"prompt": "p", "image_path": ["a.jpg", "b.jpg", "c.jpg"], "rank": [2, 1, 2]}
    record = one(folder, "hpdv3", row)
    assert ranking(record) == [["b"], ["a", "c"]]
    assert paths(record, folder) == {"a": "a.jpg", "b": "b.jpg", "c": "c.jpg"}


@pytest.mark.parametrize(("given", "tiers"), [([1, 0], [["a"], ["b"]]), ([0, 1], [["b"], ["a"]])])
def test_human_preference_marks_the_preferred(folder: Path, given: list[int], tiers: Any):
    row = {"prompt": "p", "image_path": ["a.jpg", "b.jpg"], "human_preference": given}
    assert ranking(one(folder, "hpdv3", row)) == tiers


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"choice_dist": [-3, 9]}, ("choice_dist[0] is -3",)),
        ({"choice_dist": [0, 0]}, ("choice_dist", "votes")),
        ({"choice_dist": [1, 2, 3]}, ("choice_dist", "votes")),
        ({"confidence": 1.2}, ("confidence", "0 to 1")),
        ({"prompt": " "}, ("prompt is empty",)),
        ({"path2": "images/better.jpg"}, ("a and b are the same",)),
        ({"path1": "images/none.jpg"}, ("images/none.jpg", "no such file")),
        ({"path2": None}, ("path2 is null",)),
    ],
)
def test_what_is_refused(folder: Path, change: dict[str, Any], words: tuple[str, ...]):
    refused(folder, "hpdv3", {**ROW, **change}, *words)


def test_ranks_and_images_of_different_number_are_refused(folder: Path):
    row = {"prompt": "p", "image_path": ["a.jpg", "b.jpg"], "rank": [1, 2, 3]}
    refused(folder, "hpdv3", row, "image_path 2, rank 3")


def test_the_other_rows_are_read_when_one_is_skipped(folder: Path):
    bad = {**ROW, "choice_dist": [0, 0]}
    path = written(folder, [ROW, bad, ROW])
    assert [r.id for r in convert(path, "hpdv3", on_error="skip")] == [
        "hpdv3-000001", "hpdv3-000003",
    ]  # fmt: skip


def test_the_file_is_recognised(folder: Path):
    assert guess_format(written(folder, [ROW, ROW])) == "hpdv3"
    assert len(records(folder, "hpdv3", [ROW, ROW])) == 2
