"""VL-RewardBench: the lower rank is the better answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import PNG, media, one, ranking, refused, written
from unireward.data import guess_format
from unireward.record import Record

ROW: dict[str, Any] = {
    "id": "RLAIF-V-12",
    "query": "How many dogs are there?",
    "image": {"bytes": PNG, "path": "12.png"},
    "response": ["Two dogs.", "Three dogs."],
    "human_ranking": [1, 0],
    "models": ["m1", "m2"],
    "judge": "gpt-4o",
    "rationale": "",
    "query_source": "RLAIF-V",
    "ground_truth": None,
}


def test_the_row_as_published_becomes_this_record(tmp_path: Path):
    assert one(tmp_path, "vl-rewardbench", ROW, "parquet") == Record.model_validate({
        "id": "RLAIF-V-12",
        "task": "image_understanding",
        "prompt": [
            {"type": "image", "bytes": PNG}, {"type": "text", "text": "How many dogs are there?"},
        ],
        "candidates": [
            {"id": "a", "content": [{"type": "text", "text": "Two dogs."}]},
            {"id": "b", "content": [{"type": "text", "text": "Three dogs."}]},
        ],
        "label": {"ranking": [["b"], ["a"]]},
        "meta": {
            "source": "vl-rewardbench", "models": ["m1", "m2"], "judge": "gpt-4o",
            "query_source": "RLAIF-V",
        },
    })  # fmt: skip


@pytest.mark.parametrize(
    ("ranks", "tiers"),
    [([0, 1], [["a"], ["b"]]), ([1, 0], [["b"], ["a"]]), ([1, 2], [["a"], ["b"]]),
     ([0, 0], [["a", "b"]])],
)  # fmt: skip
def test_ranks_both_ways(tmp_path: Path, ranks: list[int], tiers: Any):
    row = {**ROW, "human_ranking": ranks}
    assert ranking(one(tmp_path, "vl-rewardbench", row, "parquet")) == tiers


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"human_ranking": [1]}, ("response 2, human_ranking 1",)),
        ({"response": ["x", "y", "z"], "human_ranking": [0, 1, 2]}, ("give two",)),
        ({"response": ["x", "x"]}, ("the same",)),
        ({"response": ["x", " "]}, ("response[1] is empty",)),
        ({"image": None}, ("image is null",)),
        ({"image": "none.png"}, ("none.png", "no such file")),
        ({"query": ""}, ("query is empty",)),
        ({"human_ranking": [-1, 0]}, ("human_ranking[0]",)),
    ],
)
def test_what_is_refused(tmp_path: Path, change: dict[str, Any], words: tuple[str, ...]):
    media(tmp_path, "12.png")
    refused(tmp_path, "vl-rewardbench", {**ROW, "image": "12.png", **change}, *words)


def test_the_file_is_recognised(tmp_path: Path):
    assert guess_format(written(tmp_path, [ROW], "parquet")) == "vl-rewardbench"
