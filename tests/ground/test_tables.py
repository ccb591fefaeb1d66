"""One's own columns: CSV, Parquet, JSON Lines and saved data sets become records."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from unireward.errors import InputError
from unireward.files import LineError, parse_map, read_records, read_table
from unireward.media import Image, Video
from unireward.record import Record

ROWS = [
    {"caption": "two red circles", "img1": "a.png", "img2": "b.png", "best": "img1", "n": 7},
    {"caption": 'a "quoted", long\ncaption', "img1": "c.png", "img2": "d.png", "best": "tie",
     "n": 8},
    {"caption": "три", "img1": "e.png", "img2": "f.png", "best": None, "n": 9},
]  # fmt: skip
MAP = "prompt=caption,a=img1,b=img2,winner=best,id=n"


def as_csv(path: Path, rows: list[dict[str, Any]]) -> Path:
    with path.open("w", newline="", encoding="utf-8-sig") as stream:
        writer = csv.DictWriter(
            stream, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ","
        )
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def as_arrow(path: Path, rows: list[dict[str, Any]]) -> Path:
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    return path


def as_arrow_file(path: Path, rows: list[dict[str, Any]]) -> Path:
    table = pa.Table.from_pylist(rows)
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path


WRITERS: dict[str, Callable[[Path, list[dict[str, Any]]], Path]] = {
    "t.csv": as_csv, "t.tsv": as_csv, "t.jsonl": as_jsonl, "t.parquet": as_parquet,
    "t.arrow": as_arrow, "file.arrow": as_arrow_file,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
def test_every_kind_of_table_gives_the_same_records(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, ROWS)
    records = list(read_table(path, MAP))
    assert [r.id for r in records] == ["7", "8", "9"]
    assert [r.text for r in records] == [row["caption"] for row in ROWS]
    assert {r.task for r in records} == {"image_generation"}
    assert [c.id for c in records[0].candidates] == ["a", "b"]
    assert records[0].candidates[1].content[0].path == str(tmp_path / "b.png")
    assert [r.label and r.label.ranking for r in records] == [(("a",), ("b",)), (("a", "b"),), None]
    assert list(read_records(path, map=MAP)) == records
    # Rows that name no id are numbered.
    assert [r.id for r in read_table(path, "prompt=caption,x=img1")] == ["row-1", "row-2", "row-3"]


def one(tmp_path: Path, mapping: str, task: str | None = None, **row: Any) -> Record:
    (record,) = read_table(as_jsonl(tmp_path / "one.jsonl", [row]), mapping, task)
    return record


def test_tasks_are_told_from_what_is_mapped(tmp_path: Path) -> None:
    pairs = {"p": "x", "i": "i.png", "j": "j.jpg", "v": "v.mp4", "t": "an answer"}
    assert one(tmp_path, "prompt=p,a=v", **pairs).task == "video_generation"
    assert one(tmp_path, "prompt=p,a=t", **pairs).task == "text"
    edit = one(tmp_path, "prompt=p,source=i,a=j", **pairs)
    assert edit.task == "image_editing"
    assert edit.source is not None
    assert edit.source.path == str(tmp_path / "i.png")
    question = one(tmp_path, "prompt=p,media=v,a=t,b=i", **pairs)
    assert question.task == "video_understanding"
    assert [part.type for part in question.prompt] == ["video", "text"]
    # Answers are text even where they look like a file.
    assert [c.text for c in question.candidates] == ["an answer", "i.png"]
    assert one(tmp_path, "prompt=p,a=t", "image_generation", p="x", t="a.png").task
    assert one(tmp_path, "prompt=p,a=t,task=k", "text", p="x", t="y", k="mine").task == "mine"
    mixed = one(tmp_path, "prompt=p,a=t,b=i", "interleaved", **pairs)
    assert [c.content[0].type for c in mixed.candidates] == ["text", "image"]


def test_labels(tmp_path: Path) -> None:
    pair = {"p": "x", "a": "a.png", "b": "b.png", "c": "c.png"}
    for value, ranking in [(1, [["a"], ["b"]]), (0.25, [["b"], ["a"]]), (0.5, [["a", "b"]])]:
        label = one(tmp_path, "prompt=p,a=a,b=b,label=l", l=value, **pair).label
        assert label is not None
        assert [list(tier) for tier in label.ranking or ()] == ranking
        assert label.preference == {"a": value, "b": 1 - value}
    label = one(tmp_path, "prompt=p,a=a,label=l", l="3.5", **pair).label
    assert label is not None
    assert label.scores == {"a": {"overall": 3.5}}
    for given in ("b", "B", "second"):
        row = {"p": "x", "first": "a.png", "second": "b.png", "third": "c.png", "w": given}
        label = one(tmp_path, "prompt=p,a=first,b=second,c=third,winner=w", **row).label
        assert label is not None
        assert label.ranking == (("b",), ("a", "c"))


@pytest.mark.parametrize(
    ("mapping", "row", "message"),
    [
        ("prompt=p,a=a,b=b,winner=w", {"w": 1}, r"w \(winner\): is 1; give a candidate \(a, b\)"),
        ("prompt=p,a=a,b=b,winner=w", {"w": "c"}, "is 'c'; give a candidate"),
        ("prompt=p,a=a,b=b,label=w", {"w": 2}, "is 2 for 2 candidates; give the first of two"),
        ("prompt=p,a=a,b=b,label=w", {"w": "high"}, "is 'high'; give a number"),
        ("prompt=p,a=a", {"p": " "}, r"column p \(prompt\): is empty; give text"),
        ("prompt=p,a=a", {"p": ["x"]}, r"is \['x'\]; give text"),
        ("prompt=p,a=a,b=b", {"b": None}, r"column b \(b\): is empty; give a path or bytes"),
        ("prompt=p,a=a,b=b", {"b": "https://example.org/a.png"}, "addresses are not fetched"),
        ("prompt=p,a=a,id=w", {"w": True}, "is True; give text"),
    ],
)  # fmt: skip
def test_a_bad_cell_names_row_and_column(
    tmp_path: Path, mapping: str, row: dict[str, Any], message: str
) -> None:
    good = {"p": "x", "a": "a.png", "b": "b.png", "w": None}
    path = as_jsonl(tmp_path / "t.jsonl", [good, {**good, **row}, good])
    with pytest.raises(LineError, match=message) as caught:
        list(read_table(path, mapping))
    assert str(caught.value).startswith(f"{path}:2: ")
    if "id=" not in mapping:
        assert [r.id for r in read_table(path, mapping, on_error="skip")] == ["row-1", "row-3"]


@pytest.mark.parametrize("name", WRITERS)
def test_an_unknown_column_lists_those_there_are(tmp_path: Path, name: str) -> None:
    path = WRITERS[name](tmp_path / name, ROWS)
    with pytest.raises(
        InputError, match=r"a=image: no such column; columns are caption, img1, img2"
    ):
        list(read_table(path, "prompt=caption,a=image"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prompt", "'prompt' is no NAME=COLUMN"),
        ("prompt=c,=x", "is no NAME=COLUMN"),
        ("prompt=c,a=x,a=y", "'a' is given twice"),
        ("a=x", "no column for the prompt"),
        ("prompt=c,id=i", "no candidate"),
        ("prompt=c,tie=x", "'tie' is reserved"),
        ("prompt=c,a=x,winner=w,label=l", "winner and label say the same"),
    ],
)
def test_a_map_that_says_nothing(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_map(text)


def test_a_map_reads_as_it_is_written() -> None:
    expected = {"prompt": "a caption", "a": "img=1", "b": "img2"}
    assert parse_map(" prompt = a caption ,a=img=1, b=img2") == expected
    assert parse_map(expected) == expected


def test_nested_columns(tmp_path: Path) -> None:
    row = {"meta": {"caption": "x"}, "out": {"first": "a.png"}}
    for name in ("t.jsonl", "t.parquet"):
        path = WRITERS[name](tmp_path / name, [row])
        (record,) = read_table(path, "prompt=meta.caption,a=out.first")
        assert (record.text, record.candidates[0].content[0].type) == ("x", "image")


def test_ragged_and_broken_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("p,a\nx,a.png\n\ny,b,c.png\nz,d.png\n")
    with pytest.raises(LineError, match=r"t\.csv:4: has 3 cells, the header 2"):
        list(read_table(path, "prompt=p,a=a"))
    assert len(list(read_table(path, "prompt=p,a=a", on_error="skip"))) == 2
    path.write_bytes(b"p,a\nx,\xff.png\n")
    with pytest.raises(InputError, match="not UTF-8"):
        list(read_table(path, "prompt=p,a=a"))
    path.write_text('p,a\n"x,a.png\n')
    with pytest.raises(InputError, match="is no CSV we can read"):
        list(read_table(path, "prompt=p,a=a"))


def test_bytes_and_hugging_face_structs(tmp_path: Path, clip_bytes: bytes) -> None:
    png = Image(np.full((4, 5, 3), 9, np.uint8)).png()
    rows = [
        {"p": "x", "i": {"bytes": png, "path": "gone.png"}, "j": {"bytes": None, "path": "j.png"},
         "raw": png, "v": clip_bytes, "many": [{"bytes": png, "path": None}] * 2},
    ]  # fmt: skip
    path = as_parquet(tmp_path / "t.parquet", rows)
    (record,) = read_table(path, "prompt=p,source=many,a=i,b=j,c=raw,d=v")
    a, b, c, d = (candidate.content[0] for candidate in record.candidates)
    assert a.load().digest == c.load().digest == Image(png).digest
    assert b.path == str(tmp_path / "j.png")
    clip = d.load()
    assert isinstance(clip, Video)
    assert clip.info().frames == 24
    assert [part.role for part in record.prompt] == ["source", "source", None]
    with pytest.raises(InputError, match=r"row 1: column raw \(a\): .*not an image or video"):
        list(read_table(as_parquet(path, [{"p": "x", "raw": b"nothing"}]), "prompt=p,a=raw"))


def test_a_folder_of_shards(tmp_path: Path) -> None:
    for i, row in enumerate(ROWS):
        as_parquet(tmp_path / "data" / f"train-{i:05d}-of-00003.parquet", [row])
    folder = tmp_path / "data"
    assert [r.id for r in read_table(folder, MAP)] == ["7", "8", "9"]
    assert [r.id for r in read_table(tmp_path, "prompt=caption,a=img1")] == [
        "row-1", "row-2", "row-3"
    ]  # fmt: skip
    as_parquet(folder / "test-00000-of-00001.parquet", [{**ROWS[0], "n": 1}])
    with pytest.raises(InputError, match=r"has several splits; give .*data/NAME, of test, train"):
        list(read_table(folder, MAP))
    assert [r.id for r in read_table(folder / "test", MAP)] == ["1"]
    assert len(list(read_table(folder / "train", MAP))) == 3
    with pytest.raises(InputError, match="dev: no such file or split; splits are test, train"):
        list(read_table(folder / "dev", MAP))
    twice = as_parquet(folder / "train-00002-of-00003.parquet", [ROWS[0]])
    with pytest.raises(
        LineError, match=rf"{twice.name}: row 1: id '7' is given on row 1 of train-00000"
    ):
        list(read_table(folder / "train", MAP))


def saved(folder: Path, rows: list[dict[str, Any]], shards: int = 1) -> Path:
    """The layout of a data set saved to disk."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05d}-of-{shards:05d}.arrow" for i in range(shards)]
    for i, name in enumerate(names):
        as_arrow(folder / name, rows[i::shards])
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def test_a_saved_data_set(tmp_path: Path) -> None:
    folder = saved(tmp_path / "one", ROWS, shards=2)
    assert [r.id for r in read_table(folder, MAP)] == ["7", "9", "8"]
    both = tmp_path / "both"
    for split in ("train", "test"):
        saved(both / split, ROWS)
    (both / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    with pytest.raises(InputError, match=r"has several splits.* train, test"):
        list(read_table(both, MAP))
    assert len(list(read_table(both / "train", MAP))) == 3
    (both / "dataset_dict.json").write_text('{"splits": 3}')
    with pytest.raises(InputError, match="lists no splits"):
        list(read_table(both, MAP))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="holds no saved data set"):
        list(read_table(tmp_path / "none", MAP))


def test_what_datasets_itself_saves(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pictures = [Image(np.full((4, 4, 3), i, np.uint8)).load() for i in range(3)]
    features = datasets.Features({"p": datasets.Value("string"), "i": datasets.Image()})
    whole = datasets.Dataset.from_dict({"p": ["x", "y", "z"], "i": pictures}, features=features)
    datasets.DatasetDict({"train": whole.shuffle(seed=1)}).save_to_disk(str(tmp_path / "d"))
    found = list(read_table(tmp_path / "d", "prompt=p,a=i"))
    assert sorted(r.text for r in found) == ["x", "y", "z"]
    for record in found:
        image = record.candidates[0].content[0].load()
        assert isinstance(image, Image)
        assert image.load().getpixel((0, 0)) == ("xyz".index(record.text),) * 3


def test_a_table_of_another_kind(tmp_path: Path) -> None:
    for name, message in [
        ("t.xlsx", r"is no table we read; give \.csv"),
        ("absent.csv", "no such file"),
        ("absent.parquet", "no such file"),
        ("absent.arrow", "no such file"),
        ("broken.arrow", "cannot be read"),
    ]:
        if not name.startswith("absent"):
            (tmp_path / name).write_bytes(b"nothing of the kind")
        with pytest.raises(InputError, match=message) as caught:
            list(read_table(tmp_path / name, MAP))
        assert "\n" not in str(caught.value)
