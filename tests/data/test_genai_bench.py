"""GenAI-Bench: four votes, three tasks, both versions' columns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import JPEG, PNG, media, one, paths, ranking, refused, written
from unireward.data import guess_format
from unireward.record import Record

IMAGE: dict[str, Any] = {
    "prompt": "a fox in snow",
    "left_image": {"bytes": PNG, "path": None},
    "right_image": {"bytes": JPEG, "path": None},
    "left_model": "Pixart",
    "right_model": "SDXL",
    "vote_type": "leftvote",
}
VIDEO: dict[str, Any] = {
    "prompt": "a fox runs",
    "left_video": "https://host.example/videos/left.mp4",
    "right_video": "https://host.example/videos/right.mp4",
    "left_model": "T2VTurbo",
    "right_model": "LaVie",
    "vote_type": "rightvote",
}
EDIT: dict[str, Any] = {
    "source_prompt": "a taxi",
    "target_prompt": "a taxi and sheep",
    "instruct_prompt": "let a herd of sheep block the taxi",
    "source_image": {"bytes": PNG + b"s", "path": None},
    "left_output_image": {"bytes": PNG + b"l", "path": None},
    "right_output_image": {"bytes": PNG + b"r", "path": None},
    "left_model": "MagicBrush",
    "right_model": "Pix2PixZero",
    "vote_type": "tievote",
}


@pytest.mark.parametrize(
    ("vote", "tiers", "tie"),
    [
        ("leftvote", [["a"], ["b"]], None),
        ("rightvote", [["b"], ["a"]], None),
        ("tievote", [["a", "b"]], "good"),
        ("bothbad_vote", [["a", "b"]], "bad"),
    ],
)
def test_each_vote_means_one_thing(tmp_path: Path, vote: str, tiers: Any, tie: str | None):
    record = one(tmp_path, "genai-bench", {**IMAGE, "vote_type": vote}, "parquet")
    assert ranking(record) == tiers
    assert record.label is not None
    assert record.label.tie == tie


def test_images_keep_their_bytes_left_first(tmp_path: Path):
    record = one(tmp_path, "genai-bench", IMAGE, "parquet")
    assert record.task == "image_generation"
    assert [c.content[0].bytes for c in record.candidates] == [PNG, JPEG]
    assert record.meta == {"source": "genai-bench", "model_a": "Pixart", "model_b": "SDXL"}


def test_an_edit_is_asked_by_its_instruction(tmp_path: Path):
    assert one(tmp_path, "genai-bench", EDIT, "parquet") == Record.model_validate({
        "id": "genai-bench-000001",
        "task": "image_editing",
        "prompt": [
            {"type": "image", "bytes": PNG + b"s", "role": "source"},
            {"type": "text", "text": "let a herd of sheep block the taxi"},
        ],
        "candidates": [
            {"id": "a", "content": [{"type": "image", "bytes": PNG + b"l"}]},
            {"id": "b", "content": [{"type": "image", "bytes": PNG + b"r"}]},
        ],
        "label": {"ranking": [["a", "b"]], "tie": "good"},
        "meta": {
            "source": "genai-bench", "model_a": "MagicBrush", "model_b": "Pix2PixZero",
            "source_prompt": "a taxi", "target_prompt": "a taxi and sheep",
        },
    })  # fmt: skip


def test_a_video_by_address_is_the_file_of_that_name_or_stays_an_address(tmp_path: Path):
    media(tmp_path, "clips/left.mp4")
    record = one(tmp_path, "genai-bench", VIDEO, media=tmp_path / "clips")
    assert record.task == "video_generation"
    assert ranking(record) == [["b"], ["a"]]
    left, right = (c.content[0] for c in record.candidates)
    assert left.type == right.type == "video"
    assert left.path == str(tmp_path / "clips/left.mp4")
    assert right.path == "https://host.example/videos/right.mp4"


def test_videos_by_path(tmp_path: Path):
    media(tmp_path, "l.mp4", "r.mp4")
    row = {**VIDEO, "left_video": "l.mp4", "right_video": "r.mp4"}
    assert paths(one(tmp_path, "genai-bench", row), tmp_path) == {"a": "l.mp4", "b": "r.mp4"}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**VIDEO, "vote_type": "left"}, ("vote_type is 'left'", "leftvote", "bothbad_vote")),
        ({**VIDEO, "vote_type": None}, ("vote_type is null",)),
        ({**VIDEO, "right_video": None}, ("right_video",)),
        ({**VIDEO, "right_video": VIDEO["left_video"]}, ("the same",)),
        ({"vote_type": "leftvote", "prompt": "p"}, ("left_image or left_output_image",)),
        ({**VIDEO, "prompt": ""}, ("prompt is empty",)),
    ],
)
def test_what_is_refused(tmp_path: Path, row: dict[str, Any], words: tuple[str, ...]):
    refused(tmp_path, "genai-bench", row, *words)


@pytest.mark.parametrize("row", [IMAGE, EDIT])
def test_the_file_is_recognised(tmp_path: Path, row: dict[str, Any]):
    assert guess_format(written(tmp_path, [row], "parquet")) == "genai-bench"
