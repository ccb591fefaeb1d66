"""Files of prompts: in every format and back, each prompt once, faults named by file and line."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ground.test_records_files import contexts, json_values, parts, records_of
from unireward.errors import InputError, UsageError
from unireward.files import LineError, read_prompts, write_prompts, write_records
from unireward.files.prompts import digest_of, without_repeats
from unireward.media import Image
from unireward.prompt import Prompt
from unireward.record import Candidate, Context, Part, Record, User

FORMATS = ["prompts.jsonl", "prompts.jsonl.gz", "prompts.parquet"]
TASK = "image_generation"

prompts = st.builds(
    Prompt,
    id=st.text("ab é\n", min_size=1, max_size=4),
    task=st.sampled_from(["text", TASK, "mine"]),
    prompt=st.lists(parts, min_size=1, max_size=2).map(tuple),
    context=st.none() | contexts,
    meta=st.dictionaries(st.text("ab", max_size=2), json_values, max_size=1),
)


def caption(text: str, name: str, task: str = TASK, **more: Any) -> Prompt:
    return Prompt(id=name, task=task, prompt=(Part.of_text(text),), **more)


def row(name: str, text: str = "two red circles", **more: Any) -> str:
    return json.dumps(
        {"id": name, "task": TASK, "prompt": [{"type": "text", "text": text}], **more}
    )


def written(folder: Path, *lines: str | bytes, name: str = "p.jsonl") -> Path:
    path = folder / name
    raw = [line.encode() if isinstance(line, str) else line for line in lines]
    path.write_bytes(b"\n".join(raw) + b"\n")
    return path


# There and back ------------------------------------------------------------------------------


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(found=st.lists(prompts, max_size=4, unique_by=(lambda p: p.id, digest_of)))
@pytest.mark.parametrize("name", FORMATS)
def test_what_is_written_is_read(name: str, found: list[Prompt], tmp_path: Path) -> None:
    path = tmp_path / name
    assert write_prompts(path, found) == len(found)
    counts: Counter[str] = Counter()
    assert [plain(p) for p in read_prompts(path, left_out=counts)] == [plain(p) for p in found]
    assert counts == {}


def plain(prompt: Prompt) -> dict[str, Any]:
    """As it is in a file: a context whose keys are all absent is none in Parquet."""
    body = prompt.model_dump(exclude_none=True)
    context = {key: value for key, value in (body.get("context") or {}).items() if value != ()}
    return {**body, "context": _without_empty(context)}


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_empty(v) for k, v in value.items() if v not in ((), [], None)}
    return value


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(found=st.lists(records_of(2), max_size=3, unique_by=lambda r: r.id))
@pytest.mark.parametrize("name", ["records.jsonl", "records.parquet"])
def test_whole_records_are_read_as_their_prompts(
    name: str, found: list[Record], tmp_path: Path
) -> None:
    askable = [record for record in found if record.prompt]
    write_records(tmp_path / name, askable)
    once = list(without_repeats((Prompt.of(record) for record in askable), Counter()))
    read = list(read_prompts(tmp_path / name))
    assert [plain(p) for p in read] == [plain(p) for p in once]


def test_pictures_of_memory_are_saved_and_paths_made_absolute(tmp_path: Path) -> None:
    drawn = Part(type="image", media=Image(np.zeros((4, 4, 3), np.uint8)))
    prompt = Prompt(id="q", task="image_understanding", prompt=(drawn, Part.of_text("what")))
    write_prompts(tmp_path / "q.jsonl", [prompt])
    (read,) = read_prompts(tmp_path / "q.jsonl")
    assert read.prompt[0].path == str(tmp_path / "media" / f"{drawn.load().digest}.png")
    (moved,) = read_prompts(
        written(tmp_path, row("m", prompt=[{"type": "image", "path": "pics/a.png"},
                                           {"type": "text", "text": "x"}]))
    )  # fmt: skip
    assert moved.prompt[0].path == str(tmp_path / "pics/a.png")


def test_a_row_without_a_task_has_the_callers(tmp_path: Path) -> None:
    bare = json.dumps({"id": "a", "prompt": [{"type": "text", "text": "one"}]})
    path = written(tmp_path, bare, row("b"))
    assert [p.task for p in read_prompts(path, task="text")] == ["text", TASK]
    with pytest.raises(LineError, match=r"p\.jsonl:1: task: is missing; add it"):
        list(read_prompts(path))


# Plain text ----------------------------------------------------------------------------------

lines = st.lists(st.text("ab é🦊\t.", max_size=5), max_size=8)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(before=lines, after=lines, more=st.text("cd", min_size=1, max_size=3), end=st.sampled_from(
    ["\n", "\r\n"]))  # fmt: skip
def test_a_line_put_in_moves_no_other(
    before: list[str], after: list[str], more: str, end: str, tmp_path: Path
) -> None:
    """Each line's words once, in order, under an id that only its own words decide."""

    def read(texts: list[str]) -> dict[str, str]:
        path = tmp_path / "p.txt"
        path.write_bytes(end.join(texts).encode())
        counts: Counter[str] = Counter()
        found = list(read_prompts(path, task=TASK, left_out=counts))
        words = [text.strip() for text in texts if text.strip()]
        assert [p.text for p in found] == list(dict.fromkeys(words))
        assert counts["duplicate"] == len(words) - len(found)
        assert len({p.id for p in found}) == len(found)
        return {p.text: p.id for p in found}

    first, second = read([*before, *after]), read([*before, more, *after])
    assert {text: second[text] for text in first} == first
    assert set(second) - set(first) == {more}


def test_plain_text_with_a_mark_or_packed(tmp_path: Path) -> None:
    body = "\ufefftwo red circles\r\n\r\n  three blue stars \n".encode()
    (tmp_path / "p.txt").write_bytes(body)
    (tmp_path / "p.txt.gz").write_bytes(gzip.compress(body))
    for name in ("p.txt", "p.txt.gz"):
        found = list(read_prompts(tmp_path / name, task=TASK))
        assert [p.text for p in found] == ["two red circles", "three blue stars"]
        assert [p.id for p in found] == ["0f30aaf8e7cdac42", "725d657385538716"]
        assert {p.task for p in found} == {TASK}


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (None, r"plain text says no task; give task=, such as image_generation"),
        ("image_editing", r"no place for what image_editing is about; write JSON Lines"),
        ("video_understanding", r"no place for what video_understanding is about"),
    ],
)
def test_plain_text_needs_a_task_it_has_room_for(
    task: str | None, message: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "two red circles", name="p.txt")
    with pytest.raises(UsageError, match=message):
        read_prompts(path, task=task)


# Once ----------------------------------------------------------------------------------------


def test_repeated_prompts_are_counted_and_left_out(tmp_path: Path) -> None:
    """The same words with another task, picture or user are another prompt."""
    shown = {"type": "image", "path": "a.png"}
    words = {"type": "text", "text": "two red circles"}
    path = written(
        tmp_path,
        row("a"),
        row("b"),
        row("a"),
        row("c", task="video_generation"),
        row("d", prompt=[shown, words]),
        row("e", prompt=[shown, words]),
        row("f", prompt=[{**shown, "role": "source"}, words]),
        row("g", context={"user": {"id": "u1"}}),
        row("h", meta={"other": 1}),
        row("i", candidates=[{"id": "x", "content": [shown]}]),
    )
    counts: Counter[str] = Counter()
    found = list(read_prompts(path, left_out=counts))
    assert [p.id for p in found] == ["a", "c", "d", "f", "g"]
    assert counts == {"duplicate": 5}


def test_an_id_of_two_prompts_names_both_lines(tmp_path: Path) -> None:
    path = written(tmp_path, row("a"), "", row("b", "one"), row("a", "other words"))
    found = read_prompts(path)
    assert [p.id for p in islice(found, 2)] == ["a", "b"]
    with pytest.raises(LineError) as caught:
        next(found)
    assert str(caught.value) == (f"{path}:4: id 'a' is given on line 1 already; make ids unique")


def test_prompts_of_several_sources_each_once() -> None:
    counts: Counter[str] = Counter()
    asked = [caption("one", "a"), caption("two", "b"), caption("one", "z"), caption("one", "a")]
    assert [p.id for p in without_repeats(asked, counts)] == ["a", "b"]
    assert counts == {"duplicate": 2}
    with pytest.raises(InputError, match="id 'a' is given to two prompts; make ids unique"):
        list(without_repeats([caption("one", "a"), caption("two", "a")], Counter()))


@given(one=prompts, other=prompts)
def test_a_digest_is_of_what_is_asked_alone(one: Prompt, other: Prompt) -> None:
    same = (one.task, one.prompt, plain(one)["context"]) == (
        other.task, other.prompt, plain(other)["context"],
    )  # fmt: skip
    if digest_of(one) == digest_of(other):
        assert same
    renamed = one.model_copy(update={"id": "other", "meta": {"more": 1}})
    assert digest_of(renamed) == digest_of(one)


def test_pictures_in_memory_count_by_what_they_show() -> None:
    def shown(value: int) -> Prompt:
        pixels = np.full((4, 4, 3), value, np.uint8)
        media = (Part(type="image", media=Image(pixels)), Part.of_text("what"))
        return Prompt(id=f"p{value}", task="image_understanding", prompt=media)

    assert digest_of(shown(1)) == digest_of(shown(1))
    assert digest_of(shown(1)) != digest_of(shown(2))
    user = Context(user=User(id="u"))
    assert digest_of(caption("x", "a")) != digest_of(caption("x", "a", context=user))


# Faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", r":2: is no JSON we can read"),
        (b'{"id": "\xff"}', r":2: byte 9 is not UTF-8; save it as UTF-8"),
        ("[1]", r":2: is no JSON object but \[1\]"),
        (row("x", label={}), r":2: label: is no field of the format"),
        (row("x", prompt=[]), r":2: prompt: must hold at least one"),
        (row("x", prompt="two circles"), r":2: prompt: must be a list \[...\], not 'two circles'"),
        (row("x", candidates=[]), r":2: candidates: must hold at least one"),
        (row("", "other"), r":2: id: must not be empty"),
        (
            row("x", candidates=[{"id": "a", "content": [{"type": "text", "text": "t"}]}],
                prompt=[]),
            r":2: prompt: must hold at least one",
        ),
        (row("x", prompt=[{"type": "image", "bytes": "aGk="}]), r":2: prompt\[0\].bytes: bytes"),
        (row("x", meta={"n": 1}).replace("1}", "NaN}"), r":2: holds NaN"),
    ],
)  # fmt: skip
def test_a_bad_line_names_file_and_line(line: str | bytes, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, row("a"), line, row("b", "one star"))
    found = read_prompts(path)
    assert next(found).id == "a"
    with pytest.raises(LineError, match=r"p\.jsonl" + message):
        next(found)
    # Told to go on, what is good is still there.
    faults: list[LineError] = []
    assert [p.id for p in read_prompts(path, on_error=faults.append)] == ["a", "b"]
    assert [fault.line for fault in faults] == [2]
    assert [p.id for p in read_prompts(path, on_error="skip")] == ["a", "b"]


def test_a_bad_line_of_plain_text(tmp_path: Path) -> None:
    path = written(tmp_path, "one", "caf\xe9".encode("latin-1"), "two", name="p.txt")
    with pytest.raises(LineError, match=r"p\.txt:2: byte 4 is not UTF-8; save it as UTF-8"):
        list(read_prompts(path, task="text"))
    left = read_prompts(path, task="text", on_error="skip")
    assert [p.text for p in left] == ["one", "two"]
    wide = tmp_path / "wide.txt"
    wide.write_bytes("two".encode("utf-16"))
    with pytest.raises(LineError, match=r"wide\.txt:1: the file is UTF-16"):
        list(read_prompts(wide, task="text"))


def test_a_torn_last_line(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(row("a") + "\n" + row("b", "one")[:20])
    with pytest.raises(LineError, match=r":2: the last line is cut short"):
        list(read_prompts(path))
    assert [p.id for p in read_prompts(path, torn="drop")] == ["a"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("no.jsonl", r"no\.jsonl: no such file; check the path"),
        ("no.txt", r"no\.txt: no such file"),
        ("no.parquet", r"no\.parquet: no such file"),
        ("no.csv", r"no\.csv: is of no known format; .*plain text \.txt"),
    ],
)
def test_a_file_that_is_none(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message):
        list(read_prompts(tmp_path / name, task="text"))


def test_a_table_of_others_names_its_columns(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"caption": ["one"]}), tmp_path / "p.parquet")
    with pytest.raises(InputError, match="is no file of prompts; its columns are caption"):
        list(read_prompts(tmp_path / "p.parquet"))
    pq.write_table(pa.table({"id": ["a"], "prompt": ["one"]}), tmp_path / "q.parquet")
    with pytest.raises(LineError, match=r"q\.parquet: row 1: prompt: must be a list"):
        list(read_prompts(tmp_path / "q.parquet", task="text"))


def test_what_cannot_be_written_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    write_prompts(path, [caption("one", "a")])
    before = path.read_bytes()
    odd = caption("two", "b").model_copy(update={"meta": {"x": object()}})
    with pytest.raises(InputError, match="prompt b: cannot be written as JSON"):
        write_prompts(path, [caption("new", "n"), odd])
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["p.jsonl"]


# Streaming -----------------------------------------------------------------------------------


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    """The fault of line 500 is met when line 500 is, in a file of any length."""
    good = [row(f"p{k}", f"caption {k}") for k in range(499)]
    found = read_prompts(written(tmp_path, *good, "{", name="long.jsonl"))
    assert len(list(islice(found, 499))) == 499
    with pytest.raises(LineError, match=r":500:"):
        next(found)


def test_prompts_are_written_as_they_come(tmp_path: Path) -> None:
    def made() -> Iterator[Prompt]:
        for k in range(3):
            yield caption(f"caption {k}", f"p{k}")
            assert not (tmp_path / "p.jsonl").exists()

    assert write_prompts(tmp_path / "p.jsonl", made()) == 3


def test_a_prompt_becomes_a_record(tmp_path: Path) -> None:
    write_prompts(tmp_path / "p.jsonl", [caption("one", "a", meta={"source": "mine"})])
    (prompt,) = read_prompts(tmp_path / "p.jsonl")
    drawn = Candidate(id="a", content=(Part.of_text("x"),))
    record = prompt.with_candidates([drawn], meta={"more": 1})
    assert (record.id, record.text, record.meta) == ("a", "one", {"source": "mine", "more": 1})
