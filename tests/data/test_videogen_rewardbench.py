"""VideoGen-RewardBench: A, B and same, overall and in three dimensions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import media, one, ranking, refused, written
from unireward.data import guess_format
from unireward.record import Record

ROW: dict[str, Any] = {
    "path_A": "videos/kling/1.mp4",
    "path_B": "videos/minimax/1.mp4",
    "A_model": "kling1.5",
    "B_model": "minimax",
    "prompt": "Static camera, a metal ball rolls on a smooth tabletop.",
    "VQ": "A",
    "MQ": "B",
    "TA": "same",
    "Overall": "B",
    "fps_A": "30.0",
    "num_frames_A": "153",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media(tmp_path, "videos/kling/1.mp4", "videos/minimax/1.mp4")
    return tmp_path


def test_the_row_as_published_becomes_this_record(folder: Path):
    assert one(folder, "videogen-rewardbench", ROW, "csv") == Record.model_validate({
        "id": "videogen-rewardbench-000001",
        "task": "video_generation",
        "prompt": [{"type": "text", "text": ROW["prompt"]}],
        "candidates": [
            {"id": "a", "content": [{"type": "video", "path": str(folder / ROW["path_A"])}]},
            {"id": "b", "content": [{"type": "video", "path": str(folder / ROW["path_B"])}]},
        ],
        "label": {
            "ranking": [["b"], ["a"]],
            "scores": {
                "a": {"visual_quality": 1, "motion_quality": 0, "text_alignment": 0.5},
                "b": {"visual_quality": 0, "motion_quality": 1, "text_alignment": 0.5},
            },
            "scales": dict.fromkeys(("visual_quality", "motion_quality", "text_alignment"), (0, 1)),
        },
        "meta": {"source": "videogen-rewardbench", "model_a": "kling1.5", "model_b": "minimax"},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("overall", "tiers"), [("A", [["a"], ["b"]]), ("B", [["b"], ["a"]]), ("same", [["a", "b"]])]
)
def test_overall_both_ways(folder: Path, overall: str, tiers: Any):
    row = {**ROW, "Overall": overall}
    assert ranking(one(folder, "videogen-rewardbench", row, "csv")) == tiers


def test_without_overall_the_dimensions_stay(folder: Path):
    record = one(folder, "videogen-rewardbench", {**ROW, "Overall": "", "MQ": ""}, "csv")
    assert record.label is not None
    assert record.label.ranking is None
    assert record.label.scores == {
        "a": {"visual_quality": 1.0, "text_alignment": 0.5},
        "b": {"visual_quality": 0.0, "text_alignment": 0.5},
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Overall": "tie"}, ("Overall is 'tie'", "'same'")),
        ({"VQ": "C"}, ("VQ is 'C'",)),
        ({"Overall": "", "VQ": "", "MQ": "", "TA": ""}, ("all missing",)),
        ({"path_B": "videos/kling/1.mp4"}, ("the same",)),
        ({"path_B": "none.mp4"}, ("none.mp4", "no such file")),
        ({"prompt": ""}, ("prompt",)),
    ],
)
def test_what_is_refused(folder: Path, change: dict[str, Any], words: tuple[str, ...]):
    refused(folder, "videogen-rewardbench", {**ROW, **change}, *words, suffix="csv")


def test_the_file_is_recognised(folder: Path):
    assert guess_format(written(folder, [ROW], "csv")) == "videogen-rewardbench"
