"""Records through JSON Lines and Parquet and back: equal; bad files: one line with the mend."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from unireward.errors import InputError
from unireward.files import LineError, read_records, write_records
from unireward.files import records as records_module
from unireward.media import Image, Video
from unireward.record import Candidate, Context, Label, Part, Record

GOOD: dict[str, Any] = {
    "schema": 1,
    "id": "r1",
    "task": "image_generation",
    "prompt": [{"type": "text", "text": "two red circles"}],
    "candidates": [
        {"id": "a", "content": [{"type": "image", "path": "a.png"}]},
        {"id": "b", "content": [{"type": "image", "path": "b.png"}]},
    ],
}
FORMATS = ["records.jsonl", "records.jsonl.gz", "records.parquet"]

# Characters that files trip over; half surrogate pairs are refused at the border, so not here.
ALPHABET = "ab0 \t\n\r\"\\'\u0085\u2028\ufeffé日🦊\0"
IDS = ("a", "é b", '"1"')
words = st.text(ALPHABET, max_size=6)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
places = st.text("ab é日\n\\", min_size=1, max_size=5).map("/data/set/{}".format)
roles = st.none() | st.sampled_from(["user", "assistant", "system", "source", "reference"])
turns = st.none() | st.integers(-(2**63), 2**63 - 1)
parts = st.one_of(
    st.builds(Part, type=st.just("text"), text=words, role=roles, turn=turns),
    st.builds(Part, type=st.just("image"), path=places, role=roles, turn=turns),
    st.builds(
        Part,
        type=st.just("video"),
        path=places,
        start=st.none() | st.floats(0, 10),
        end=st.none() | st.floats(11, 1e9),
        fps=st.none() | st.floats(1, 60),
    ),
    st.builds(
        Part,
        type=st.just("video"),
        frames=st.lists(places, min_size=1, max_size=3).map(tuple),
        fps=st.just(2.0),
    ),
)
contexts = st.fixed_dictionaries(
    {},
    optional={
        "principle": st.none() | words,
        "rubric": st.lists(
            st.fixed_dictionaries({"criterion": words}, optional={"weight": finite}), max_size=2
        ),
        "user": st.fixed_dictionaries(
            {"id": words},
            optional={"examples": st.lists(st.dictionaries(words, json_values, max_size=1))},
        ),
    },
).map(Context.model_validate)


def labels(ids: tuple[str, ...]) -> st.SearchStrategy[Label]:
    one = st.sampled_from(ids)
    span = st.fixed_dictionaries(
        {"candidate": one, "kind": st.sampled_from(["step", "token", "text", "box", "time"])},
        optional={
            "start": finite, "box": st.tuples(finite, finite, finite, finite),
            "frame": st.integers(0, 2**40), "value": finite, "text": words,
        },
    )  # fmt: skip
    return st.fixed_dictionaries(
        {},
        optional={
            "ranking": st.none() | st.lists(st.lists(one, max_size=3), max_size=3),
            "preference": st.none() | st.dictionaries(one, finite, max_size=3),
            "strength": st.none() | st.floats(0, 1),
            "tie": st.sampled_from([None, "good", "bad"]),
            "scores": st.dictionaries(one, st.dictionaries(words, finite, max_size=2), max_size=2),
            "scales": st.dictionaries(words, st.tuples(finite, finite), max_size=2),
            "spans": st.lists(span, max_size=1),
        },
    ).map(Label.model_validate)


def records_of(count: int) -> st.SearchStrategy[Record]:
    ids = IDS[:count]
    content = st.lists(parts, min_size=1, max_size=2).map(tuple)
    return st.builds(
        Record,
        id=st.text(ALPHABET, min_size=1, max_size=6),
        task=words,
        prompt=st.lists(parts, max_size=2).map(tuple),
        candidates=st.tuples(*(st.builds(Candidate, id=st.just(i), content=content) for i in ids)),
        label=st.none() | labels(ids),
        context=st.none() | contexts,
        meta=st.dictionaries(words, json_values, max_size=2),
    )


records = st.one_of(*(records_of(count) for count in (1, 2, 3)))


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(many=st.lists(records, max_size=2, unique_by=lambda r: r.id))
def test_records_come_back_equal(tmp_path: Path, name: str, many: list[Record]) -> None:
    path = tmp_path / "deep" / name
    assert write_records(path, many) == len(many)
    found = list(read_records(path))
    assert found == many
    assert [json.dumps(r.meta) for r in found] == [json.dumps(r.meta) for r in many]


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_records_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    record = Record.model_validate(GOOD)
    write_records(tmp_path / "one" / name, [record])
    write_records(tmp_path / "two" / name, [record])
    one, two = ((tmp_path / folder / name).read_bytes() for folder in ("one", "two"))
    if name.endswith(".parquet"):
        return
    assert one == two.replace(b"/two/", b"/one/")


def write_lines(path: Path, *rows: Any, end: str = "\n") -> Path:
    text = end.join(row if isinstance(row, str) else json.dumps(row) for row in rows)
    path.write_bytes((text + end).encode("utf-8"))
    return path


def changed(where: str, value: Any) -> dict[str, Any]:
    """GOOD with one place changed: ``candidates.0.id``; a value of ``...`` deletes it."""
    row = json.loads(json.dumps(GOOD))
    *steps, last = [int(s) if s.isdigit() else s for s in where.split(".")]
    home: Any = row
    for step in steps:
        home = home[step]
    if value is ...:
        del home[last]
    else:
        home[last] = value
    return row


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", r"is no JSON we can read \(.*column 1\); mend it"),
        ("[1]", r"is no JSON object but \[1\]"),
        ('{"id": NaN}', "holds NaN, which is no number"),
        ('{"meta": {"x": -Infinity}}', "holds -Infinity"),
        ('{"meta": {"x": 1e999}}', "holds 1e999, which is too large; write null"),
        ('{"a":' * 100_000, "is no JSON we can read"),
        ('{"a": ' + "9" * 5000 + "}", "is no JSON we can read"),
        (changed("id", ...), "id: is missing; add it"),
        (changed("id", ""), "id: must not be empty"),
        (changed("id", 3), "id: must be a string, not 3"),
        (changed("schema", 2), "schema: is 2; this version reads schema 1"),
        (changed("labels", {}), "labels: is no field of the format; check its spelling"),
        (changed("candidates", []), "candidates: must hold at least one"),
        (changed("candidates.1.content.0.path", 3), r"candidates\[1\]\.content\[0\]\.path: must"),
        (changed("candidates.1.id", "a"), "candidate id 'a' is given twice; make ids unique"),
        (changed("candidates.1.id", "tie"), r"candidates\[1\]\.id: the candidate id 'tie'"),
        (changed("candidates.0.content.0.type", "sound"), r"\.type: is 'sound'; use 'text', 'im"),
        (changed("candidates.0.content.0.text", "x"), r"content\[0\]: a part of type 'image'"),
        (changed("candidates.0.content.0", {"type": "image", "bytes": "aGk="}),
         r"candidates\[0\]\.content\[0\]\.bytes: bytes belong in Parquet; save"),
        (changed("label", {"ranking": [["c"]]}), "label names 'c', which is no candidate"),
        (changed("label", {"strength": 2}), r"label\.strength: .*less than or equal to 1"),
        (changed("label", {"preference": {"a": "high"}}), r"label\.preference\.a: must be a num"),
        (changed("prompt", "two red circles"), r"prompt: must be a list \[\.\.\.\], not 'two red"),
        (changed("meta", 3), "meta: must be an object"),
    ],
)  # fmt: skip
def test_a_bad_line_names_line_field_and_mend(tmp_path: Path, row: Any, message: str) -> None:
    path = write_lines(tmp_path / "records.jsonl", {**GOOD, "id": "r0"}, row, {**GOOD, "id": "r2"})
    with pytest.raises(LineError, match=message) as caught:
        list(read_records(path))
    assert str(caught.value).startswith(f"{path}:2: ")
    assert "\n" not in str(caught.value)
    assert caught.value.line == 2
    # The others are not lost.
    told: list[LineError] = []
    assert [r.id for r in read_records(path, on_error=told.append)] == ["r0", "r2"]
    assert [error.line for error in told] == [2]
    assert [r.id for r in read_records(path, on_error="skip")] == ["r0", "r2"]


def test_marks_blank_lines_and_line_ends_change_nothing(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": f"é{i}"} for i in range(3)]
    plain = list(read_records(write_lines(tmp_path / "plain.jsonl", *rows)))
    text = "\r\n\r\n  \r\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    path = tmp_path / "odd.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert list(read_records(path)) == plain
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(InputError, match=r"odd\.jsonl:1: the file is UTF-16; save it as UTF-8"):
        list(read_records(path))
    path.write_bytes(b'\n{"id": "\xff"}\n')
    with pytest.raises(InputError, match=r"odd\.jsonl:2: byte 9 is not UTF-8"):
        list(read_records(path))


def test_an_id_given_twice_names_both_lines(tmp_path: Path) -> None:
    rows = [{**GOOD, "id": name} for name in ("x", "y", "z", "y")]
    path = write_lines(tmp_path / "records.jsonl", *rows)
    with pytest.raises(LineError, match=r"records\.jsonl:4: id 'y' is given on line 2 already"):
        list(read_records(path))
    assert [r.id for r in read_records(path, on_error="skip")] == ["x", "y", "z"]


def test_ids_of_one_hash_are_two_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records_module, "hash", lambda name: 1, raising=False)
    rows = [{**GOOD, "id": name} for name in ("x", "y", "z")]
    path = write_lines(tmp_path / "records.jsonl", *rows)
    assert [r.id for r in read_records(path)] == ["x", "y", "z"]
    with path.open("a") as stream:
        stream.write(json.dumps({**GOOD, "id": "y"}) + "\n")
    with pytest.raises(LineError, match=r":4: id 'y' is given on line 2 already"):
        list(read_records(path))


def test_a_torn_last_line(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    rows = [json.dumps({**GOOD, "id": f"r{i}"}) for i in range(3)]
    whole = "\n".join(rows)
    path.write_text(whole)  # no newline at the end, and yet whole
    assert len(list(read_records(path))) == 3
    for cut in (whole[:-1], whole[: -len(rows[2]) // 2], whole[: -len(rows[2]) + 1]):
        path.write_text(cut)
        with pytest.raises(LineError, match=r":3: the last line is cut short"):
            list(read_records(path))
        assert len(list(read_records(path, torn="drop"))) == 2
    # A bad line with its newline was written like that: never dropped.
    path.write_text(whole[:-1] + "\n")
    with pytest.raises(LineError, match=r":3: is no JSON"):
        list(read_records(path, torn="drop"))


def test_a_file_that_is_not_there_or_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "folder.jsonl").mkdir()
    (tmp_path / "bad.jsonl.gz").write_bytes(gzip.compress(b"{}\n" * 1000)[:-20])
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 no more")
    (tmp_path / "empty.parquet").touch()
    for name, message in [
        ("absent.jsonl", "no such file; check the path"),
        ("absent.parquet", "no such file; check the path"),
        ("folder.jsonl", "is a folder"),
        ("bad.jsonl.gz", "cannot be read|is missing"),
        ("bad.parquet", "cannot be read"),
        ("empty.parquet", "cannot be read"),
        ("a.csv", r"no known format; name it \.jsonl, \.jsonl\.gz or \.parquet"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            list(read_records(tmp_path / name))
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_foreign_parquet_file_names_its_columns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"caption": ["x"], "img1": ["a.png"]}), tmp_path / "t.parquet")
    with pytest.raises(InputError, match=r"columns are caption, img1; give --map prompt=COLUMN"):
        list(read_records(tmp_path / "t.parquet"))


def test_paths_are_relative_in_the_file_and_absolute_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "set" / "records.jsonl"
    parts = [Part(type="image", path=p) for p in (
        str(tmp_path / "set" / "in" / "a.png"), str(tmp_path / "beside" / "b.png"),
        "https://example.org/c.png",
    )]  # fmt: skip
    record = Record(
        id="r", task="x", prompt=(), candidates=(Candidate(id="a", content=tuple(parts)),)
    )
    write_records(path, [record])
    written = json.loads(path.read_text())["candidates"][0]["content"]
    assert [p["path"] for p in written] == [
        "in/a.png", "../beside/b.png", "https://example.org/c.png"
    ]  # fmt: skip
    assert list(read_records(path)) == [record]


def test_a_linked_folder_leads_back_to_the_same_files(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er" / "set").mkdir(parents=True)
    (tmp_path / "images").mkdir()
    PILImage.new("RGB", (2, 2)).save(tmp_path / "images" / "a.png")
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "deep" / "er" / "set")
    part = Part(type="image", path=str(tmp_path / "images" / "a.png"))
    record = Record(id="r", task="x", prompt=(), candidates=(Candidate(id="a", content=(part,)),))
    write_records(link / "records.jsonl", [record])
    for place in (link, tmp_path / "deep" / "er" / "set"):
        (found,) = read_records(place / "records.jsonl")
        image = found.candidates[0].content[0].load()
        assert isinstance(image, Image)
        assert image.size == (2, 2)


def test_paths_of_the_process_keep_their_meaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    part = Part(type="image", path="a.png")
    record = Record(id="r", task="x", prompt=(), candidates=(Candidate(id="a", content=(part,)),))
    write_records("../out/records.jsonl", [record])
    (found,) = read_records("../out/records.jsonl")
    assert found.candidates[0].content[0].path == str(tmp_path / "work" / "a.png")


@pytest.mark.parametrize("name", FORMATS)
def test_media_in_memory_are_kept(tmp_path: Path, name: str, clip_bytes: bytes) -> None:
    array = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    jpeg = Image(array).jpeg()
    media = [
        Part.of_media(array),
        Part(type="image", bytes=jpeg, role="source"),
        Part.of_media(clip_bytes),
        Part.of_media(Video(clip_bytes, start=0.5, end=1.5)),
        Part.of_media(Video(np.stack([array, array[::-1]]), fps=4)),
    ]
    record = Record(
        id="r", task="x", prompt=tuple(media), candidates=(Candidate(id="a", content=(media[0],)),)
    )
    path = tmp_path / name
    write_records(path, [record])
    write_records(path, [record])
    (found,) = read_records(path)
    picture, source, clip, cut, frames = (part.load() for part in found.prompt)
    assert isinstance(picture, Image)
    assert isinstance(frames, Video)
    assert np.array_equal(np.asarray(picture.load()), array)
    assert source.digest == Image(jpeg).digest
    assert found.prompt[1].role == "source"
    assert clip.digest == Image(clip_bytes).digest
    assert cut == Video(clip_bytes, start=0.5, end=1.5)
    assert frames.info().seconds == 0.5
    assert np.array_equal(np.asarray(frames.frames("all").images[1].load()), array[::-1])
    # One file for each content, its own kind kept; Parquet needs them for lists of frames only.
    saved = sorted(p.suffix for p in (tmp_path / "media").iterdir())
    assert saved == ([".png", ".png"] if name.endswith(".parquet") else [
        ".jpg", ".mp4", ".png", ".png"
    ])  # fmt: skip


def test_cut_clips_of_a_file_are_written_as_path_and_cut(tmp_path: Path) -> None:
    part = Part.of_media(Video(tmp_path / "a.mp4", start=1, end=2.5, fps=8))
    record = Record(id="r", task="x", prompt=(), candidates=(Candidate(id="a", content=(part,)),))
    write_records(tmp_path / "records.jsonl", [record])
    row = json.loads((tmp_path / "records.jsonl").read_text())
    assert row["candidates"][0]["content"] == [
        {"type": "video", "start": 1.0, "end": 2.5, "fps": 8.0, "path": "a.mp4"}
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    record = Record.model_validate(GOOD)
    write_records(path, [record])
    before = path.read_bytes()

    def failing() -> Any:
        yield record
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_records(path, failing())
    assert path.read_bytes() == before
    for meta in ({"x": float("nan")}, {"x": object()}):
        bad = record.model_copy(update={"meta": meta, "id": "bad"})
        with pytest.raises(InputError, match=r"record bad: .*cannot be written as JSON"):
            write_records(path, [bad])
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]
    # Reading and writing one file at a time is safe.
    assert write_records(path, read_records(path)) == 1


def test_a_killed_writer_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    write_lines(path, GOOD)
    before = path.read_bytes()
    script = (
        "import os, signal, sys\n"
        "from unireward.files import read_records, write_records\n"
        "def records():\n"
        "    for i in range(5000):\n"
        "        yield one.model_copy(update={'id': str(i)})\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "one, = read_records(sys.argv[1])\n"
        "write_records(sys.argv[1], records())\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    assert done.returncode == -9
    assert path.read_bytes() == before


def test_a_number_too_large_for_parquet_names_its_record(tmp_path: Path) -> None:
    part = Part(type="text", text="x", turn=2**70)
    bad = Record(
        id="bad", task="x", prompt=(part,), candidates=(Candidate(id="a", content=(part,)),)
    )
    with pytest.raises(InputError, match="record bad: has no place in Parquet"):
        write_records(tmp_path / "r.parquet", [Record.model_validate(GOOD), bad])


def test_parquet_of_another_writer_with_structs_for_maps(tmp_path: Path) -> None:
    """As pandas or datasets write it: every id a key of one struct, absent ones null."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = []
    for i, ids in enumerate([("a", "b"), ("a", "c")]):
        content = [{"type": "text", "text": "x"}]
        preference = dict.fromkeys("abc") | {ids[0]: 0.75, ids[1]: 0.25}
        rows.append(
            {
                "id": f"r{i}", "task": "text", "prompt": content,
                "candidates": [{"id": name, "content": content} for name in ids],
                "label": {"preference": preference}, "meta": '{"k": 1}',
            }
        )  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    found = list(read_records(tmp_path / "t.parquet"))
    assert [r.label and r.label.preference for r in found] == [
        {"a": 0.75, "b": 0.25}, {"a": 0.75, "c": 0.25}
    ]  # fmt: skip
    assert found[0].meta == {"k": 1}


def test_a_bad_parquet_row_is_named(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    part = [{"type": "text", "text": "x"}]
    rows = [
        {"id": name, "task": "text", "prompt": part, "meta": meta,
         "candidates": [{"id": "a", "content": part}]}
        for name, meta in [("r0", "{}"), ("r1", "{nope"), ("r0", None)]
    ]  # fmt: skip
    path = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    told: list[LineError] = []
    assert [r.id for r in read_records(path, on_error=told.append)] == ["r0"]
    assert str(told[0]).startswith(f"{path}: row 2: meta: is no JSON we can read")
    assert str(told[1]) == (f"{path}: row 3: id 'r0' is given on row 1 already; make ids unique")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=80), st.integers(0, 10**6), st.sampled_from([".jsonl", ".parquet"]))
def test_any_bytes_give_records_or_an_input_error(
    tmp_path: Path, noise: bytes, at: int, suffix: str
) -> None:
    good = tmp_path / f"good{suffix}"
    if not good.exists():
        write_records(good, [Record.model_validate({**GOOD, "id": str(i)}) for i in range(3)])
    real = good.read_bytes()
    at %= len(real)
    path = tmp_path / f"bad{suffix}"
    for data in (noise, real[:at] + noise + real[at + len(noise) :], real[:at]):
        path.write_bytes(data)
        try:
            found = list(read_records(path))
        except InputError:
            continue
        assert all(isinstance(record, Record) for record in found)
