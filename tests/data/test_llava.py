"""LLaVA's talks and the manifests that join files of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.foreign import again, read_one, touch, write_json, written
from unireward.data import convert
from unireward.errors import InputError
from unireward.files import LineError
from unireward.record import Candidate, Part, Record


def talk(*said: str) -> list[dict[str, str]]:
    return [{"from": "gpt" if i % 2 else "human", "value": value} for i, value in enumerate(said)]


def test_one_image_and_one_answer(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "i.jpg")
    row = {"id": 7, "image": "i.jpg", "conversations": talk("<image>\nWhat is it?", "A cat.")}
    assert read_one(tmp_path, row, "llava") == Record(
        id="7",
        task="image_understanding",
        prompt=(Part(type="image", path=path), Part.of_text("What is it?")),
        candidates=(Candidate(id="a", content=(Part.of_text("A cat."),)),),
        meta={"source": "llava"},
    )


def test_media_stand_where_their_tokens_do(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    row = {
        "images": ["1.png", "2.png"],
        "conversations": talk("Is <image>\nlike\n<image>?", "Yes."),
    }
    assert read_one(tmp_path, row, "llava").prompt == (
        Part.of_text("Is "),
        Part(type="image", path=one),
        Part.of_text("like"),
        Part(type="image", path=two),
        Part.of_text("?"),
    )
    row["conversations"] = talk("Alike?", "Yes.")
    assert [p.type for p in read_one(tmp_path, row, "llava").prompt] == ["image", "image", "text"]


def test_a_video_by_file_or_by_frames_under_one_token(tmp_path: Path) -> None:
    names = [f"{i}.png" for i in range(8)]
    frames = touch(tmp_path, *names)
    (path,) = touch(tmp_path, "v.mp4")
    row = {"video": "v.mp4", "conversations": talk("<image>\nWho?", "Me.")}
    record = read_one(tmp_path, row, "llava")
    assert (record.task, record.prompt[0]) == ("video_understanding", Part(type="video", path=path))
    assert (
        read_one(tmp_path, {**row, "conversations": talk("<video>\nWho?", "Me.")}, "llava").prompt
        == record.prompt
    )
    row = {"images": names, "conversations": talk("<image>\nWho?", "Me.")}
    assert read_one(tmp_path, row, "llava").prompt[0] == Part(type="video", frames=tuple(frames))
    row["conversations"] = talk("<image>\n" * 8 + "Who?", "Me.")
    assert [p.path for p in read_one(tmp_path, row, "llava").prompt[:8]] == frames


def test_a_longer_talk_keeps_who_spoke_and_when(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "i.png")
    said = [
        {"from": "system", "value": "Be brief."},
        *talk("<image>\nWho?", "A cat.", "Sure?", "Yes."),
    ]
    record = read_one(tmp_path, {"image": ["i.png"], "conversations": said}, "llava")
    assert record.prompt == (
        Part.of_text("Be brief.", role="system"),
        Part(type="image", path=path, role="user", turn=0),
        Part(type="text", text="Who?", role="user", turn=0),
        Part(type="text", text="A cat.", role="assistant", turn=1),
        Part(type="text", text="Sure?", role="user", turn=2),
    )
    assert record.candidates[0].text == "Yes."
    assert again(tmp_path, record, "llava") == record


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conversations": talk("Who?")}, "conversations ends with the user"),
        ({"conversations": []}, "conversations must be a list of messages"),
        (
            {"conversations": talk("<image><image>Who?", "Me.")},
            "more <image> tokens than the row has",
        ),
        ({"image": ["i.png"] * 2, "conversations": talk("<image>Who?", "Me.")}, "fewer <image>"),
        ({"images": ["i.png"]}, "image and images are both given"),
        (
            {"conversations": [*talk("Who?"), *talk("Who?", "Me.")]},
            "a turn of user stands where assistant",
        ),
        ({"conversations": [{"from": "robot", "value": "x"}]}, "conversations[0].from is 'robot'"),
        ({"conversations": talk("Who?", " ")}, "conversations[1].value is empty"),
        ({"image": "gone.png"}, "gone.png: no such file"),
    ],
)
def test_refusals(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    touch(tmp_path, "i.png")
    row = {"image": "i.png", "conversations": talk("<image>\nWho?", "Me."), **change}
    with pytest.raises(LineError) as caught:
        read_one(tmp_path, row, "llava")
    assert "row 1: " in str(caught.value)
    assert message in str(caught.value)


WORDS = st.text(min_size=1).filter(
    lambda t: t.strip() and "<image>" not in t and "<video>" not in t
)


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(WORDS, min_size=2, max_size=4).filter(lambda t: len(t) % 2 == 0), st.booleans())
def test_what_was_written_is_read_back(tmp_path: Path, said: list[str], shown: bool) -> None:
    (path,) = touch(tmp_path, "i.png")
    long = len(said) > 2
    prompt = (
        [Part(type="image", path=path, **({"role": "user", "turn": 0} if long else {}))]
        if shown
        else []
    )
    for i, words in enumerate(said[:-1]):
        marks: Any = {"role": "assistant" if i % 2 else "user", "turn": i} if long else {}
        prompt.append(Part(type="text", text=words, **marks))
    record = Record(
        id="r",
        task="image_understanding" if shown else "text",
        prompt=tuple(prompt),
        candidates=(Candidate(id="a", content=(Part.of_text(said[-1]),)),),
    )
    assert again(tmp_path, record, "llava") == record


def test_a_judges_sample_is_written_as_it_was(tmp_path: Path) -> None:
    touch(tmp_path, "1.png", "2.png")
    asked, reply = "<image>\n <image>\nTwo images.\nText Caption: [x]", "Image 1 is better"
    row = {"id": "j", "images": ["1.png", "2.png"], "conversations": talk(asked, reply)}
    record = read_one(tmp_path, row, "unifiedreward")
    assert written(tmp_path, [record], "llava") == [row]
    assert written(tmp_path, [record], "llama-factory") == [row]


def test_what_a_talk_cannot_hold_is_refused(tmp_path: Path) -> None:
    record = Record(
        id="r",
        task="text",
        prompt=(Part.of_text("q"),),
        candidates=tuple(Candidate(id=n, content=(Part.of_text(n),)) for n in "ab"),
    )
    with pytest.raises(InputError, match="record r: has 2 candidates, a talk one answer"):
        written(tmp_path, [record], "llava")
    single = record.model_copy(update={"candidates": record.candidates[:1]})
    odd = single.model_copy(update={"prompt": (Part.of_text("an <image> tag"),)})
    with pytest.raises(InputError, match="holds a media token"):
        written(tmp_path, [odd], "llava")


# Manifests ----------------------------------------------------------------------------------


def manifest(folder: Path, *entries: dict[str, str]) -> Path:
    import yaml

    path = folder / "mix.yaml"
    path.write_text(yaml.safe_dump({"datasets": list(entries)}))
    return path


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    for name, count in (("one", 10), ("two", 7)):
        touch(tmp_path, f"{name}/pics/i.png")
        rows = [
            {"id": f"{name}-{i}", "image": "i.png", "conversations": talk("<image>Who?", f"{i}")}
            for i in range(count)
        ]
        write_json(tmp_path / name, rows)
    return tmp_path


def entry(name: str, strategy: str) -> dict[str, str]:
    return {
        "json_path": f"{name}/rows.json",
        "image_folder": f"{name}/pics",
        "sampling_strategy": strategy,
    }


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        ("all", list(range(10))),
        ("first:3", [0, 1, 2]),
        ("first:99", list(range(10))),
        ("first:0", []),
        ("end:3", [7, 8, 9]),
        ("end:99", list(range(10))),
        ("first:25%", [0, 1, 2]),  # 2.5, rounded up
        ("end:11%", [8, 9]),
    ],
)
def test_strategies(sets: Path, strategy: str, expected: list[int]) -> None:
    records = list(convert(manifest(sets, entry("one", strategy)), "llava"))
    assert [r.id for r in records] == [f"one-{i}" for i in expected]


@pytest.mark.parametrize("amount", ["4", "40%", "31%"])
def test_random_draws_without_repeats_and_the_same_each_time(sets: Path, amount: str) -> None:
    path = manifest(sets, entry("one", f"random:{amount}"))
    ids = [r.id for r in convert(path, "llava")]
    assert len(set(ids)) == len(ids) == (math.ceil(3.1) if amount == "31%" else 4)
    assert ids == sorted(ids)
    assert ids == [r.id for r in convert(path, "llava")]
    assert ids != [f"one-{i}" for i in range(4)]


def test_each_file_has_its_own_media_folder_and_errors_name_it(sets: Path) -> None:
    path = manifest(sets, entry("one", "first:1"), entry("two", "all"))
    records = list(convert(path, "llava"))
    assert len(records) == 8
    assert {Path(str(r.prompt[0].path)).parent for r in records} == {
        sets / "one" / "pics",
        sets / "two" / "pics",
    }
    (sets / "two" / "pics" / "i.png").unlink()
    with pytest.raises(LineError, match=r"two/rows.json: row 1: image .*two/pics/i.png: no such"):
        list(convert(path, "llava"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"json_path": "no.json"}, "datasets[0].json_path: no.json: not beside the manifest"),
        ({}, "datasets[0].json_path is None; give a path"),
        (
            {"json_path": "one/rows.json", "sampling_strategy": "some:3"},
            "datasets[0].sampling_strategy is 'some:3'; use all, first:N",
        ),
        (
            {"json_path": "one/rows.json", "sampling_strategy": "random"},
            "sampling_strategy is 'random'",
        ),
    ],
)
def test_manifests_that_say_nothing_usable(sets: Path, entry: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        list(convert(manifest(sets, entry), "llava"))
    assert message in str(caught.value)


def test_what_is_no_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("a: [")
    with pytest.raises(InputError, match="is no YAML we can read"):
        list(convert(path, "llava"))
    path.write_text("a: 1")
    with pytest.raises(InputError, match="has no list of datasets"):
        list(convert(path, "llava"))
