"""The frame of all formats: reading, ids, refusals, writing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.data.foreign import read_one, touch, write_json, written
from unireward.data import (
    Format,
    Source,
    convert,
    export,
    get_format,
    guess_format,
    list_formats,
)
from unireward.errors import InputError, UsageError
from unireward.files import LineError
from unireward.record import Candidate, Label, Part, Record


def pair(id: str = "r", a: str = "yes", b: str = "no", **more: Any) -> Record:
    fields: dict[str, Any] = {
        "id": id,
        "task": "text",
        "prompt": [Part.of_text("really?")],
        "candidates": [
            Candidate(id=name, content=(Part.of_text(text),)) for name, text in (("a", a), ("b", b))
        ],
        "label": Label(ranking=(("a",), ("b",))),
    }
    return Record(**{**fields, **more})


ROW = {"question": "q?", "chosen": "x", "rejected": "y"}


def test_every_format_has_a_line_and_a_direction() -> None:
    names = [format.name for format in list_formats()]
    assert names == sorted(names)
    assert {"llava", "unifiedreward", "llama-factory", "ms-swift", "trl", "dpo"} <= set(names)
    for format in list_formats():
        assert format.summary
        assert format.read or format.write
        assert get_format(format.name) is format
    with pytest.raises(UsageError, match="no data format 'lava'; use one of "):
        get_format("lava")


def test_ids_are_the_rows_own_or_told_by_the_row_and_unique(tmp_path: Path) -> None:
    rows = [ROW, {**ROW, "id": "k"}, {"question": "?"}, {**ROW, "id": "k"}, {**ROW, "id": 7}, ROW]
    path = write_json(tmp_path, rows)
    told: list[str] = []
    records = list(convert(path, "dpo", on_error=lambda error: told.append(str(error))))
    assert [r.id for r in records] == ["dpo-000001", "k", "k-2", "7", "dpo-000006"]
    assert told == [f"{path}: row 3: chosen is missing; fields are question"]
    assert [r.id for r in convert(path, "dpo", on_error="skip")] == [r.id for r in records]
    with pytest.raises(LineError, match="row 3: chosen is missing"):
        list(convert(path, "dpo"))


def test_one_row_may_give_several_records(tmp_path: Path) -> None:
    def read(row: dict[str, Any], source: Source) -> list[Record]:
        return [pair("?"), pair("?", b="never")]

    two = Format("two", "a row of two", read=read)
    records = list(convert(write_json(tmp_path, [ROW, ROW]), two))
    expected = [f"two-00000{row}-{part}" for row in (1, 2) for part in (1, 2)]
    assert [r.id for r in records] == expected


def test_formats_that_lack_a_direction_say_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="format only can be written but not read"):
        convert(tmp_path / "x.json", Format("only", "", write=lambda record: {}))
    with pytest.raises(UsageError, match="format unifiedreward can be read but not written"):
        export(tmp_path / "x.json", [], "unifiedreward")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({**ROW, "rejected": "x"}, "candidates a and b are the same; a pair needs two"),
        ({**ROW, "question": " "}, "question is empty; give its text"),
        ({**ROW, "chosen": 3}, "chosen must be a string, not 3"),
        ({**ROW, "chosen": None}, "chosen is null; fields are question, chosen, rejected"),
        (
            {**ROW, "image": "no.png"},
            "no.png: no such file; give the folder it is named from as media",
        ),
        ({**ROW, "image": {"path": None}}, "image is empty; give a path or bytes"),
        ({**ROW, "id": 1.5}, "id is 1.5; give text or a whole number"),
    ],
)  # fmt: skip
def test_rows_that_teach_nothing_are_refused(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    with pytest.raises(LineError) as caught:
        read_one(tmp_path, row, "dpo")
    assert str(caught.value).startswith(f"{tmp_path / 'rows.json'}: row 1: ")
    assert message in str(caught.value)


def test_media_lie_in_the_files_folder_or_the_one_given(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "there/i.png")
    row = {**ROW, "image": "i.png"}
    record = read_one(tmp_path, row, "dpo", media=tmp_path / "there")
    assert record.prompt[0] == Part(type="image", path=path)
    unchecked = read_one(tmp_path, row, "dpo", check_media=False)
    assert unchecked.prompt[0].path == str(tmp_path / "i.png")
    web = read_one(tmp_path, {**ROW, "image": "https://x.org/i.png"}, "dpo")
    assert web.prompt[0].path == "https://x.org/i.png"


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl", "rows.csv", "rows.parquet"])
def test_the_same_rows_in_every_container(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows = [{**ROW, "id": "1"}, {**ROW, "id": "2", "question": 'a, "b"\nc'}]
    if name.endswith("json"):
        path.write_text(json.dumps(rows))
    elif name.endswith("jsonl"):
        path.write_text("\n".join(map(json.dumps, rows)))
    elif name.endswith("csv"):
        path.write_text('id,question,chosen,rejected\n1,q?,x,y\n2,"a, ""b""\nc",x,y\n')
    else:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
    assert [(r.id, r.text) for r in convert(path, "dpo")] == [("1", "q?"), ("2", 'a, "b"\nc')]


def test_a_missing_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file; check the path"):
        list(convert(tmp_path / "none.json", "dpo"))


# Guessing -----------------------------------------------------------------------------------

HUMAN = {"from": "human", "value": "hi"}
GPT = {"from": "gpt", "value": "ho"}
USER = {"role": "user", "content": "hi"}
SAID = {"role": "assistant", "content": "ho"}


@pytest.mark.parametrize(
    ("row", "name"),
    [
        ({"image": "i.png", "conversations": [HUMAN, GPT]}, "llava"),
        ({"images": ["i.png"], "conversations": [HUMAN, GPT]}, None),
        ({"conversations": [HUMAN], "chosen": GPT, "rejected": GPT}, "llama-factory"),
        ({"messages": [USER, SAID], "rejected_response": "x"}, "ms-swift"),
        ({"prompt": [USER], "chosen": [SAID], "rejected": [SAID]}, "trl"),
        ({"prompt": "p", "chosen": "x", "rejected": "y"}, "trl"),
        ({"image": "i.png", "prompt": "p", "chosen": "x", "rejected": "y"}, "dpo"),
        ({"caption": "c", "jpg_0": "a", "jpg_1": "b", "label_0": 1}, "diffusion-dpo"),
        ({"caption": "c", "chosen": "a.mp4", "rejected": "b.mp4"}, "video-dpo"),
        ({"problem": "p", "solution": "s", "images": []}, "think"),
        (
            {
                "images": ["a", "b"],
                "conversations": [
                    {"from": "human", "value": "Which image?\nText Caption: [c]"},
                    {"from": "gpt", "value": "Image 1 is better"},
                ],
            },
            "unifiedreward",
        ),
        ({"a": 1}, None),
    ],
)
def test_guesses_by_the_first_rows_keys(
    tmp_path: Path, row: dict[str, Any], name: str | None
) -> None:
    assert guess_format(write_json(tmp_path, [row, row])) == name


def test_guess_wants_every_row_to_fit(tmp_path: Path) -> None:
    assert guess_format(write_json(tmp_path, [ROW, {"a": 1}])) is None
    assert guess_format(write_json(tmp_path, [])) is None


# Writing ------------------------------------------------------------------------------------


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_text("before")
    bad = pair("bad", label=None)
    with pytest.raises(InputError, match="record bad: has no ranking"):
        export(path, [pair(), bad], "dpo")
    assert path.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.json"]
    told: list[LineError] = []
    assert export(path, [pair(), bad], "dpo", on_error=told.append) == 1
    assert [str(error) for error in told] == [
        f"{path}: row 2: record bad: has no ranking, so no chosen and rejected answer; label it"
    ]
    assert len(json.loads(path.read_text())) == 1


def test_no_records_make_an_empty_file(tmp_path: Path) -> None:
    for name in ("a.json", "a.jsonl", "a.csv", "a.parquet"):
        assert export(tmp_path / name, [], "dpo") == 0
        assert list(convert(tmp_path / name, "dpo")) == []


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.csv", "a.parquet"])
def test_containers_go_by_suffix(tmp_path: Path, name: str) -> None:
    records = [pair(str(i), a=f"yes, {i}\n!") for i in range(600)]
    assert export(tmp_path / name, records, "dpo") == 600
    back = list(convert(tmp_path / name, "dpo"))
    assert [r.model_copy(update={"meta": {}}) for r in back] == records


def test_how_media_are_named(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "pics/i.png")
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n1")
    record = pair(
        task="image_understanding",
        prompt=[Part(type="image", path=path), Part.of_text("what?")],
    )
    out = tmp_path / "there" / "out.json"
    export(out, [record], "dpo")
    assert json.loads(out.read_text())[0]["image"] == "../pics/i.png"
    export(out, [record], "dpo", media="absolute")
    assert json.loads(out.read_text())[0]["image"] == path
    with pytest.raises(UsageError, match=r"media as bytes need Parquet; name the file .parquet"):
        export(out, [record], "dpo", media="bytes")
    table = tmp_path / "there" / "out.parquet"
    export(table, [record], "dpo", media="bytes")
    (back,) = convert(table, "dpo")
    assert back.prompt[0].bytes == Path(path).read_bytes()


def test_media_of_memory_are_saved_beside_the_file(tmp_path: Path) -> None:
    from PIL import Image

    picture = Part.of_media(Image.new("RGB", (4, 3), "red"))
    record = pair(task="image_understanding", prompt=[picture, Part.of_text("what?")])
    (row,) = written(tmp_path, [record], "dpo")
    assert row["image"].startswith("media/")
    assert Image.open(tmp_path / row["image"]).size == (4, 3)


def test_a_group_is_written_as_its_ranked_pairs(tmp_path: Path) -> None:
    three = [Candidate(id=n, content=(Part.of_text(n * 3),)) for n in "abc"]
    label = Label(ranking=(("b",), ("a", "c")))
    rows = written(tmp_path, [pair(candidates=three, label=label)], "dpo")
    assert [(r["id"], r["chosen"], r["rejected"]) for r in rows] == [
        ("r-1", "bbb", "aaa"),
        ("r-2", "bbb", "ccc"),
    ]
    with pytest.raises(InputError, match="record r: is a tie"):
        written(tmp_path, [pair(label=Label(ranking=(("a", "b"),)))], "dpo")
