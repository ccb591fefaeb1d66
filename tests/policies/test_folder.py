"""Finished candidates on disk: which are found, in what order, and what is said of the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from tests.ground.conftest import make_clip
from unireward.errors import InputError, UsageError
from unireward.files import LineError, write_records
from unireward.policies import FolderPolicy
from unireward.policies.finished import Files
from unireward.prompt import Prompt
from unireward.record import Candidate, Part
from unireward.sampled import Sampled


def prompt(name: str, task: str = "image_generation", words: str = "two red circles") -> Prompt:
    return Prompt(id=name, task=task, prompt=(Part.of_text(words),))


def draw(path: Path, value: int = 90) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.new("RGB", (8, 8), (value, 20, 20)).save(path)
    return path


def sample(policy: FolderPolicy, name: str, n: int, task: str = "image_generation") -> Sampled:
    (found,) = policy.sample([prompt(name, task)], n, seed=0)
    return found


def names(sampled: Sampled) -> dict[str, str]:
    return {c.id: Path(c.content[0].path or "").name for c in sampled.candidates}


# Which files --------------------------------------------------------------------------------


def test_a_folder_of_the_prompts_own_in_natural_order(tmp_path: Path) -> None:
    for name in ("x10.png", "x2.jpg", "x1.webp", "deep/x0.png", ".hidden.png"):
        draw(tmp_path / "p" / name)
    (tmp_path / "p" / "notes.txt").write_text("drawn on Monday")
    (tmp_path / "p" / "run.json").write_text("{}")
    found = sample(FolderPolicy(tmp_path), "p", 4)
    assert names(found) == {"a": "x1.webp", "b": "x2.jpg", "c": "x10.png"}
    assert found.left_out == {"d": "missing"}
    assert (found.seeds, found.settings) == ({}, {})
    assert found.candidates[0].content[0].path == str(tmp_path / "p" / "x1.webp")
    assert found.candidates[0].content[0].type == "image"


def test_files_beside_one_another(tmp_path: Path) -> None:
    """An id may end as an index does: the last number is the index."""
    for name in ("p_0", "p_10", "p_9", "p_1_0", "p_1_3", "q_0", "p", "p_x", "other_p_0"):
        draw(tmp_path / f"{name}.png")
    policy = FolderPolicy(tmp_path)
    assert names(sample(policy, "p", 3)) == {"a": "p_0.png", "b": "p_9.png", "c": "p_10.png"}
    assert names(sample(policy, "p_1", 3)) == {"a": "p_1_0.png", "b": "p_1_3.png"}
    assert names(sample(policy, "p", 2)) == {"a": "p_0.png", "b": "p_9.png"}
    assert sample(policy, "none", 2).left_out == {"a": "missing", "b": "missing"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(numbers=st.sets(st.integers(0, 3000), min_size=1, max_size=8), n=st.integers(1, 9))
def test_the_first_n_by_number(numbers: set[int], n: int, tmp_path: Path) -> None:
    folder = tmp_path / "_".join(map(str, sorted(numbers)))
    for number in numbers:
        path = folder / f"p_{number}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"answer {number}")
    found = sample(FolderPolicy(folder), "p", n, "text")
    wanted = [f"answer {number}" for number in sorted(numbers)][:n]
    assert [c.text for c in found.candidates] == wanted
    assert list(found.left_out.values()) == ["missing"] * (n - len(wanted))


def test_each_task_has_candidates_of_its_kind(tmp_path: Path) -> None:
    draw(tmp_path / "p" / "a.png")
    make_clip(tmp_path / "p" / "b.mp4")
    frames = [PILImage.new("RGB", (8, 8), (k, k, 90)) for k in (0, 90)]
    frames[0].save(tmp_path / "p" / "c.gif", save_all=True, append_images=frames[1:])
    (tmp_path / "p" / "d.txt").write_text("\n two circles \n")
    parts = [{"type": "text", "text": "see"}, {"type": "image", "path": "a.png"}]
    (tmp_path / "p" / "e.json").write_text(json.dumps({"id": "z", "content": parts}))
    policy = FolderPolicy(tmp_path)

    def kinds(task: str) -> list[Any]:
        found = sample(policy, "p", 5, task)
        reasons = {why.partition(", and ")[0] for why in found.left_out.values()} - {"missing"}
        return [[p.type for c in found.candidates for p in c.content], reasons]

    assert kinds("image_generation") == [["image"], {"is video"}]
    assert kinds("image_editing") == [["image"], {"is video"}]
    assert kinds("video_generation") == [["video", "video"], set()]
    assert kinds("text") == [["text", "text", "image"], set()]
    assert kinds("interleaved") == [["image", "video", "video", "text", "text", "image"], set()]
    whole = sample(policy, "p", 5, "interleaved").candidates
    assert whole[3].text == "two circles"
    assert whole[4].content[1].path == str(tmp_path / "p" / "a.png")


# What cannot be used ------------------------------------------------------------------------


def test_what_cannot_be_read_leaves_a_gap(tmp_path: Path) -> None:
    own = tmp_path / "p"
    draw(own / "1.png")
    (own / "2.png").write_bytes(b"")
    (own / "3.png").write_bytes(b"no picture at all")
    (own / "4.png").write_bytes(draw(tmp_path / "x.png").read_bytes()[:20])
    (own / "5.png").symlink_to(tmp_path / "nowhere.png")
    draw(own / "6.png")
    found = sample(FolderPolicy(tmp_path), "p", 6)
    assert names(found) == {"a": "1.png", "e": "6.png"}
    assert f"{own}/2.png: is empty; make or download it again" == found.left_out["b"]
    assert "3.png: holds text, not an image" in found.left_out["c"]
    assert "4.png: " in found.left_out["d"]
    assert found.left_out["f"] == "missing"


def test_clips_are_checked_by_their_boxes(tmp_path: Path) -> None:
    whole = make_clip(tmp_path / "whole.mp4").read_bytes()
    own = tmp_path / "p"
    own.mkdir()
    (own / "1.mp4").write_bytes(whole)
    (own / "2.mp4").write_bytes(whole[: len(whole) // 2])
    (own / "3.mp4").write_bytes(b"\x89PNG\r\n\x1a\n" + whole)
    found = sample(FolderPolicy(tmp_path), "p", 3, "video_generation")
    assert names(found) == {"a": "1.mp4"}
    assert found.left_out["b"].endswith("is cut short (its end is missing); get the whole file")
    assert "is of no known format, not a video" in found.left_out["c"]


@pytest.mark.parametrize(
    ("name", "body", "reason"),
    [
        ("a.txt", b" \n", "empty"),
        ("a.txt", b"caf\xe9", "a.txt: is not UTF-8; save it as UTF-8"),
        ("a.json", b"{", "a.json: is no JSON we can read"),
        ("a.json", b"3", "a.json: content: must be a list [...], not 3"),
        ("a.json", b"[]", "a.json: content: must hold at least one"),
        ("a.json", b'[{"type": "image"}]', "a.json: content[0]: a part of type 'image' needs"),
        ("a.json", b'[{"type": "image", "path": "no.png"}]', "no.png: no such file"),
    ],
)
def test_answers_that_are_none(name: str, body: bytes, reason: str, tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / name).write_bytes(body)
    assert reason in sample(FolderPolicy(tmp_path), "p", 1, "text").left_out["a"]


@pytest.mark.parametrize(
    "name", ["../secret", "a/../../secret", "/etc", "..", ".", "p/..", "\0", "//x", "../p/x"]
)
def test_no_id_leads_out_of_the_folder(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    draw(inside / "p" / "1.png")
    draw(tmp_path / "secret" / "1.png")
    draw(inside / "1.png")
    found = sample(FolderPolicy(inside), name, 2)
    assert found.left_out == dict.fromkeys("ab", "the prompt's id leads out of the folder")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(name=st.text("./\\a\0é_0~", min_size=1, max_size=8) | st.just("x" * 5000))
def test_whatever_the_id_only_files_inside_are_taken(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    if not inside.exists():
        for path in ("a/1.png", "a/a/1.png", "a_0.png", "0.png"):
            draw(inside / path)
        draw(tmp_path / "a" / "1.png")
        draw(tmp_path / "1.png")
    for candidate in sample(FolderPolicy(inside), name, 3).candidates:
        path = os.path.normpath(candidate.content[0].path or "")
        assert path.startswith(f"{inside}{os.sep}")
        # Never the folder itself: that holds what is every prompt's.
        assert path != str(inside / "0.png")


def test_ids_with_folders_in_them(tmp_path: Path) -> None:
    draw(tmp_path / "train" / "0007" / "1.png")
    assert names(sample(FolderPolicy(tmp_path), "train/0007", 1)) == {"a": "1.png"}


# A file of records --------------------------------------------------------------------------


def stored(path: Path, tmp_path: Path) -> FolderPolicy:
    answers = [Candidate(id=f"x{k}", content=(Part.of_text(f"answer {k}"),)) for k in range(3)]
    good, lost = str(draw(tmp_path / "g.png")), str(tmp_path / "lost.png")
    drawn = [
        Candidate(id=k, content=(Part(type="image", path=p),)) for k, p in enumerate_of(good, lost)
    ]
    records = [
        prompt("p", "text").with_candidates(answers),
        prompt("q").with_candidates(drawn),
    ]
    write_records(path, records)
    return FolderPolicy(path)


def enumerate_of(*paths: str) -> list[tuple[str, str]]:
    return [(f"y{k}", path) for k, path in enumerate(paths)]


@pytest.mark.parametrize("name", ["made.jsonl", "made.parquet"])
def test_the_candidates_of_records(name: str, tmp_path: Path) -> None:
    policy = stored(tmp_path / name, tmp_path)
    first = sample(policy, "p", 4, "text")
    assert {c.id: c.text for c in first.candidates} == {
        "a": "answer 0", "b": "answer 1", "c": "answer 2",
    }  # fmt: skip
    assert first.left_out == {"d": "missing"}
    second = sample(policy, "q", 2)
    assert names(second) == {"a": "g.png"}
    assert "lost.png: no such file" in second.left_out["b"]
    assert sample(policy, "r", 1).left_out == {"a": "missing"}


def test_a_record_of_another_prompt_is_not_taken(tmp_path: Path) -> None:
    policy = stored(tmp_path / "made.jsonl", tmp_path)
    other = prompt("p", "text", "three blue stars")
    (found,) = policy.sample([other], 2, 0)
    assert found.left_out == dict.fromkeys("ab", "made.jsonl has another prompt of this id")


def test_a_file_of_records_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "made.jsonl"
    path.write_text('{"id": "p"}\n')
    with pytest.raises(LineError, match=r"made\.jsonl:1: task: is missing"):
        sample(FolderPolicy(path), "p", 1)


# The policy itself --------------------------------------------------------------------------


def test_the_identity_is_of_what_lies_there(tmp_path: Path) -> None:
    draw(tmp_path / "f" / "p_0.png")
    before = FolderPolicy(tmp_path / "f").identity
    assert before == FolderPolicy(tmp_path / "f").identity
    assert before.startswith(f"folder:{tmp_path}/f:")
    (tmp_path / "f" / ".cache").write_text("of a file browser")
    assert FolderPolicy(tmp_path / "f").identity == before
    (tmp_path / "f" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    assert FolderPolicy(tmp_path / "f").identity != before
    (tmp_path / "f" / "gone.png").unlink()
    draw(tmp_path / "f" / "p_1.png")
    assert FolderPolicy(tmp_path / "f").identity != before
    first = stored(tmp_path / "made.jsonl", tmp_path).identity
    assert first == FolderPolicy(tmp_path / "made.jsonl").identity
    with (tmp_path / "made.jsonl").open("a") as stream:
        stream.write("\n")
    assert FolderPolicy(tmp_path / "made.jsonl").identity != first


def test_the_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for k in range(3):
        draw(tmp_path / f"p{k}_0.png")
    scans: list[Any] = []
    scandir = os.scandir

    def counted(path: Any) -> Any:
        scans.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", counted)
    found = FolderPolicy(tmp_path).sample([prompt(f"p{k}") for k in range(3)], 1, 0)
    assert [len(one.candidates) for one in found] == [1, 1, 1]
    assert scans == [Files(tmp_path).folder]


def test_a_seed_changes_nothing(tmp_path: Path) -> None:
    draw(tmp_path / "p_0.png")
    policy = FolderPolicy(tmp_path, name="mine")
    assert policy.sample([prompt("p")], 2, 0) == policy.sample([prompt("p")], 2, 1)
    assert sample(policy, "p", 1).policy == "mine"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none", "none: no such folder or file of records; check the path"),
        ("a.png", r"a\.png: is of no known format; name it \.jsonl"),
    ],
)
def test_a_folder_that_is_none(name: str, message: str, tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    with pytest.raises(InputError, match=message):
        FolderPolicy(tmp_path / name)
    with pytest.raises(UsageError, match="n is 0"):
        FolderPolicy(tmp_path).sample([prompt("p")], 0, 0)
