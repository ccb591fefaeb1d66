import numpy as np
import pytest
from PIL import Image as PILImage

from unireward.errors import InputError, MediaError, UsageError
from unireward.media import Image, Video
from unireward.record import Part
from unireward.rewards.inputs import record_of


def ids(record):
    return [candidate.id for candidate in record.candidates]


def test_strings_are_paths_and_candidates_are_called_by_them(pictures):
    a, b = (str(path) for path in pictures[:2])
    record = record_of("x", [a, b])
    assert ids(record) == [a, b]
    assert record.task == "image_generation"
    assert [c.content[0].path for c in record.candidates] == [a, b]


def test_a_path_given_twice_gets_a_name_of_its_own(pictures):
    a, b = (str(path) for path in pictures[:2])
    assert ids(record_of("x", [a, b, a, a])) == [a, b, f"{a}#2", f"{a}#3"]


def test_names_made_unique_meet_no_given_name():
    answers = ["@one", "two"]
    assert ids(record_of("q", [*answers[1:], "three"], task="text")) == ["1", "2"]


def test_a_file_called_tie_is_renamed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    PILImage.new("RGB", (2, 2)).save(tmp_path / "tie", format="PNG")
    assert ids(record_of("x", ["tie"])) == ["tie#1"]


def test_pictures_arrays_and_handles(pictures):
    given = [
        PILImage.new("RGB", (3, 2)),
        np.zeros((2, 3, 3), np.uint8),
        Image(pictures[0]),
        pictures[1],
    ]
    record = record_of("x", given)
    assert ids(record) == ["1", "2", str(pictures[0]), str(pictures[1])]
    assert record.task == "image_generation"


def test_a_clip_among_the_candidates_makes_it_video(pictures):
    clip = np.zeros((4, 6, 8, 3), np.uint8)
    assert record_of("x", [clip]).task == "video_generation"
    assert record_of("x", [pictures[0], clip]).task == "video_generation"


def test_media_makes_strings_answers(pictures, tmp_path):
    (tmp_path / "long.txt").write_text("a long answer", encoding="utf-8")
    record = record_of("what?", ["short", f"@{tmp_path}/long.txt"], media=pictures[0])
    assert record.task == "image_understanding"
    assert [c.text for c in record.candidates] == ["short", "a long answer"]
    assert ids(record) == ["1", f"{tmp_path}/long.txt"]
    assert [part.type for part in record.prompt] == ["image", "text"]


def test_several_media_and_a_clip(pictures):
    record = record_of("what?", ["a", "b"], media=[pictures[0], pictures[1]])
    assert [part.type for part in record.prompt] == ["image", "image", "text"]
    clip = Video([pictures[0], pictures[1]])
    assert record_of("what?", ["a", "b"], media=clip).task == "video_understanding"


def test_source_makes_it_an_edit(pictures):
    record = record_of("make it blue", [pictures[1]], source=pictures[0])
    assert record.task == "image_editing"
    assert record.source.path == str(pictures[0])
    assert record.text == "make it blue"


def test_a_prompt_of_parts(pictures):
    record = record_of([Part.of_text("one"), Part.of_text("two")], [pictures[0]])
    assert record.text == "one\ntwo"


def test_what_cannot_be_used(pictures, tmp_path):
    with pytest.raises(UsageError, match="both given"):
        record_of("x", ["a"], media=pictures[0], source=pictures[0])
    with pytest.raises(InputError, match=r"gone\.txt: No such file"):
        record_of("x", [f"@{tmp_path}/gone.txt"], task="text")
    with pytest.raises(InputError, match="an answer is empty"):
        record_of("x", [" "], task="text")
    with pytest.raises(InputError, match="prompt is empty"):
        record_of("", [pictures[0]])
    with pytest.raises(MediaError, match="cannot be made of"):
        record_of("x", [object()])
    (tmp_path / "latin").write_bytes(b"\xe9t\xe9")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        record_of("x", [f"@{tmp_path}/latin"], task="text")
