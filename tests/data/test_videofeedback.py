"""VideoFeedback: five ratings, by column or in the words of a conversation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import media, one, refused, written
from unireward.data import guess_format
from unireward.record import Record

RATINGS = {
    "visual quality": 2, "temporal consistency": 1, "dynamic degree": 4,
    "text-to-video alignment": 3, "factual consistency": 1,
}  # fmt: skip
SCORES = {
    "visual_quality": 2.0, "temporal_consistency": 1.0, "dynamic_degree": 4.0,
    "text_to_video_alignment": 3.0, "factual_consistency": 1.0,
}  # fmt: skip
ROW: dict[str, Any] = {"id": "6004049", "text prompt": "a fox runs", **RATINGS}
ASKED = (
    'Rate it.\n\nFor this video, the text prompt is "a "quoted" fox runs",\n'
    "all the frames of video are as follows:\n<image>"
)
CHAT: dict[str, Any] = {
    "id": "6004049",
    "images": ["6004049_00.jpg", "6004049_01.jpg"],
    "conversations": [
        {"from": "human", "value": ASKED},
        {"from": "gpt", "value": "\n".join(f"{name}: {n}" for name, n in RATINGS.items())},
    ],
}


def test_the_row_as_published_becomes_this_record(tmp_path: Path):
    media(tmp_path, "6004049.mp4")
    row = {**ROW, "video link": "https://host.example/6004049.mp4"}
    assert one(tmp_path, "videofeedback", row) == Record.model_validate({
        "id": "6004049",
        "task": "video_generation",
        "prompt": [{"type": "text", "text": "a fox runs"}],
        "candidates": [
            {"id": "a", "content": [{"type": "video", "path": str(tmp_path / "6004049.mp4")}]}
        ],
        "label": {"scores": {"a": SCORES}, "scales": dict.fromkeys(SCORES, (1, 4))},
        "meta": {"source": "videofeedback", "video_link": "https://host.example/6004049.mp4"},
    })  # fmt: skip


def test_a_conversation_says_the_same(tmp_path: Path):
    media(tmp_path, "6004049_00.jpg", "6004049_01.jpg")
    record = one(tmp_path, "videofeedback", CHAT)
    assert record.label is not None
    assert record.label.scores == {"a": SCORES}
    assert record.text == 'a "quoted" fox runs'
    (part,) = record.candidates[0].content
    assert part.frames == tuple(str(tmp_path / f"6004049_0{i}.jpg") for i in range(2))
    assert part.fps == 8.0
    assert record.meta["asked"] == ASKED
    assert record.meta["reply"].startswith("visual quality: 2\n")


def test_the_whole_video_is_taken_before_its_frames(tmp_path: Path):
    media(tmp_path, "6004049.mp4", "6004049_00.jpg", "6004049_01.jpg")
    (part,) = one(tmp_path, "videofeedback", CHAT).candidates[0].content
    assert part.path == str(tmp_path / "6004049.mp4")
    assert part.frames is None


def _answer(old: str, new: str) -> list[dict[str, str]]:
    human, gpt = CHAT["conversations"]
    return [human, {**gpt, "value": gpt["value"].replace(old, new)}]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({**ROW, "visual quality": 5}, ("visual quality is 5", "1 to 4")),
        ({**ROW, "visual quality": 0}, ("visual quality is 0",)),
        ({**ROW, "dynamic degree": None}, ("dynamic degree is missing",)),
        ({**ROW, "text prompt": None}, ("text prompt is missing",)),
        ({**ROW, "text prompt": " "}, ("text prompt is empty",)),
        (ROW, ("6004049.mp4", "no such file")),
        (CHAT, ("6004049_00.jpg", "no such file")),
        ({**CHAT, "visual quality": 4}, ("visual quality is 4", "says 2")),
        ({**CHAT, "conversations": _answer("visual quality: 2", "visual quality: two")},
         ("visual quality is 'two'",)),
        ({**CHAT, "conversations": _answer("visual quality: 2\n", "")}, ("visual quality is mis",)),
        ({**CHAT, "conversations": _answer("factual", "visual quality: 3\nfactual")}, ("twice",)),
        ({**CHAT, "conversations": CHAT["conversations"][:1]}, ("one question and one answer",)),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, row: dict[str, Any], words: tuple[str, ...]):
    refused(tmp_path, "videofeedback", row, *words)


def test_the_file_is_recognised(tmp_path: Path):
    assert guess_format(written(tmp_path, [ROW])) == "videofeedback"
