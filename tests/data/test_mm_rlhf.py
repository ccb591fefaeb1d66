"""MM-RLHF: chosen over rejected, ranks from 1, reasons kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import media, one, ranking, refused, texts, written
from unireward.data import guess_format
from unireward.record import Record

PAIR: dict[str, Any] = {
    "id": "q1",
    "prompt": "<image>\nWhat is on the table?",
    "image": "short/1.png",
    "chosen": "A cup.",
    "rejected": "A cat.",
    "chosen_reason": "Right.",
    "rejected_reason": "There is no cat.",
}
GROUP: dict[str, Any] = {
    "id": "q2",
    "question": "What happens?",
    "video": "video/7",
    "responses": [
        {"response": "A fall.", "rank": 2, "score": 3, "reason": "Too short."},
        {"response": "A man falls.", "rank": 1, "score": 5, "reason": "Good."},
        {"response": "He falls.", "rank": 2, "score": 3, "reason": None},
    ],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media(tmp_path, "short/1.png", "video/7/02.jpg", "video/7/01.jpg", "video/8.mp4")
    (tmp_path / "video/7/notes.txt").write_text("no frame")
    return tmp_path


def test_a_pair_becomes_this_record(folder: Path):
    assert one(folder, "mm-rlhf", PAIR, "jsonl") == Record.model_validate({
        "id": "q1",
        "task": "image_understanding",
        "prompt": [
            {"type": "image", "path": str(folder / "short/1.png")},
            {"type": "text", "text": "What is on the table?"},
        ],
        "candidates": [
            {"id": "a", "content": [{"type": "text", "text": "A cup."}]},
            {"id": "b", "content": [{"type": "text", "text": "A cat."}]},
        ],
        "label": {"ranking": [["a"], ["b"]]},
        "meta": {
            "source": "mm-rlhf", "critiques": {"a": "Right.", "b": "There is no cat."},
        },
    })  # fmt: skip


def test_the_lowest_rank_of_a_group_is_the_best(folder: Path):
    record = one(folder, "mm-rlhf", GROUP, "jsonl")
    assert ranking(record) == [["b"], ["a", "c"]]
    assert texts(record) == {"a": "A fall.", "b": "A man falls.", "c": "He falls."}
    assert record.label is not None
    assert record.label.scores == {
        "a": {"overall": 3.0},
        "b": {"overall": 5.0},
        "c": {"overall": 3.0},
    }
    assert record.meta["critiques"] == {"a": "Too short.", "b": "Good."}


def test_a_folder_of_frames_is_a_video_in_order(folder: Path):
    record = one(folder, "mm-rlhf", GROUP, "jsonl")
    assert record.task == "video_understanding"
    assert record.prompt[0].frames == tuple(
        str(folder / f"video/7/{name}.jpg") for name in ("01", "02")
    )
    row = {**GROUP, "video": "video/8.mp4"}
    assert one(folder, "mm-rlhf", row, "jsonl").prompt[0].path == str(folder / "video/8.mp4")


def test_without_media_the_task_is_text(folder: Path):
    assert one(folder, "mm-rlhf", {**PAIR, "image": None}, "jsonl").task == "text"


def _responses(*rows: Any) -> dict[str, Any]:
    return {**GROUP, "responses": list(rows)}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**PAIR, "rejected": "A cup."}, ("the same",)),
        ({**PAIR, "chosen": ""}, ("chosen is empty",)),
        ({**PAIR, "image": "short/2.png"}, ("short/2.png", "no such file")),
        ({**PAIR, "prompt": "<image>"}, ("prompt is empty",)),
        ({**PAIR, "prompt": None, "question": "q"}, ("prompt",)),
        (_responses({"response": "x", "rank": 1}, {"response": "y"}), ("1 of 2 responses",)),
        (_responses({"response": "x"}, {"response": "y"}), ("0 of 2 responses",)),
        (_responses("x", "y"), ("responses[0]", "rank")),
        (_responses({"reply": "x", "rank": 1}), ("response or text or answer",)),
        ({**GROUP, "video": "short"}, ("short/", "1.png")),
    ],
)
def test_what_is_refused(folder: Path, row: dict[str, Any], words: tuple[str, ...]):
    if row.get("video") == "short":
        (folder / "short/1.png").rename(folder / "short/1.txt")
        words = ("holds no images",)
    refused(folder, "mm-rlhf", row, *words, suffix="jsonl")


def test_the_file_is_recognised(folder: Path):
    assert guess_format(written(folder, [GROUP], "jsonl")) == "mm-rlhf"
