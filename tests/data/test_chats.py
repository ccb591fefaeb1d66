"""LLaMA-Factory, ms-swift and TRL: chats with media, and what was rejected."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.data.foreign import again, read_one, touch, written
from unireward.data import convert, export
from unireward.data.formats.llama_factory import dataset_info
from unireward.errors import InputError
from unireward.files import LineError
from unireward.record import Candidate, Label, Part, Record, Span

FIRST = Label(ranking=(("a",), ("b",)))
USER = {"role": "user", "content": "<image>Who?"}
ME = {"role": "assistant", "content": "me"}
YOU = {"role": "assistant", "content": "you"}


def human(text: str) -> dict[str, str]:
    return {"from": "human", "value": text}


def gpt(text: str) -> dict[str, str]:
    return {"from": "gpt", "value": text}


def answers(*texts: str) -> tuple[Candidate, ...]:
    return tuple(Candidate(id=n, content=(Part.of_text(t),)) for n, t in zip("abc", texts))


def record_of(path: str, source: str, **more: Any) -> Record:
    fields: dict[str, Any] = {
        "id": f"{source}-000001",
        "task": "image_understanding",
        "prompt": (Part(type="image", path=path), Part.of_text("Who?")),
        "candidates": answers("me", "you"),
        "label": FIRST,
        "meta": {"source": source},
    }
    return Record(**{**fields, **more})


DESIRABLE = Label(scores={"a": {"desirable": 1}}, scales={"desirable": (0, 1)})
UNDESIRABLE = Label(scores={"a": {"desirable": 0}}, scales={"desirable": (0, 1)})
PREFERENCES: list[tuple[str, dict[str, Any]]] = [
    (
        "llama-factory",
        {"conversations": [human("<image>Who?")], "chosen": gpt("me"), "rejected": gpt("you")},
    ),
    ("llama-factory", {"messages": [USER], "chosen": ME, "rejected": YOU}),
    ("ms-swift", {"messages": [USER, ME], "rejected_response": "you"}),
    ("ms-swift", {"messages": [USER, ME], "rejected_messages": [USER, YOU]}),
    (
        "ms-swift",
        {"messages": [USER, ME], "rejected_messages": [USER, YOU], "rejected_images": ["i.png"]},
    ),
    ("trl", {"prompt": [USER], "chosen": [ME], "rejected": [YOU]}),
    ("trl", {"chosen": [USER, ME], "rejected": [USER, YOU]}),
    ("trl", {"prompt": "<image>Who?", "chosen": "me", "rejected": "you"}),
    ("trl", {"prompt": "Who?", "chosen": "me", "rejected": "you"}),
    (
        "trl",
        {
            "prompt": [
                {
                    "role": "user",
                    "content": [{"type": "image", "text": None}, {"type": "text", "text": "Who?"}],
                }
            ],
            "chosen": [{"role": "assistant", "content": [{"type": "text", "text": "me"}]}],
            "rejected": [YOU],
        },
    ),
]


@pytest.mark.parametrize(("format", "row"), PREFERENCES)
def test_preferences(tmp_path: Path, format: str, row: dict[str, Any]) -> None:
    (path,) = touch(tmp_path, "i.png")
    assert read_one(tmp_path, {**row, "images": ["i.png"]}, format) == record_of(path, format)


@pytest.mark.parametrize(
    ("format", "row", "label"),
    [
        ("llama-factory", {"conversations": [human("<image>Who?"), gpt("me")]}, None),
        ("llama-factory", {"messages": [USER, ME], "kto_tag": True}, DESIRABLE),
        ("llama-factory", {"messages": [USER, ME], "kto_tag": False}, UNDESIRABLE),
        ("ms-swift", {"messages": [USER, ME]}, None),
        ("ms-swift", {"messages": [USER, ME], "label": True}, DESIRABLE),
        ("ms-swift", {"messages": [USER, ME], "label": False}, UNDESIRABLE),
        ("trl", {"prompt": [USER], "completion": [ME]}, None),
        ("trl", {"prompt": [USER], "completion": [ME], "label": True}, DESIRABLE),
        ("trl", {"prompt": "Who?", "completion": "me", "label": False}, UNDESIRABLE),
    ],
)
def test_single_answers(
    tmp_path: Path, format: str, row: dict[str, Any], label: Label | None
) -> None:
    (path,) = touch(tmp_path, "i.png")
    record = read_one(tmp_path, {**row, "images": ["i.png"]}, format)
    expected = record_of(path, format, candidates=answers("me"), label=label)
    assert record == expected
    assert again(tmp_path, record, format) == expected


@pytest.mark.parametrize(
    ("format", "row", "message"),
    [
        (
            "llama-factory",
            {"conversations": [human("Who?")], "chosen": gpt("me")},
            "rejected is missing",
        ),
        (
            "llama-factory",
            {"conversations": [human("Who?")], "chosen": gpt("me"), "rejected": human("x")},
            "rejected is said by user; the assistant (gpt) must say it",
        ),
        (
            "llama-factory",
            {
                "conversations": [human("Who?"), gpt("x")],
                "chosen": gpt("me"),
                "rejected": gpt("you"),
            },
            "conversations ends with an answer beside chosen",
        ),
        (
            "llama-factory",
            {"messages": [USER], "chosen": ME, "rejected": YOU},
            "more <image> tokens",
        ),
        (
            "llama-factory",
            {"messages": [USER, ME], "images": ["i.png"], "kto_tag": 1},
            "kto_tag must be true or false, not 1",
        ),
        (
            "ms-swift",
            {
                "messages": [USER, ME],
                "images": ["i.png"],
                "rejected_messages": [{"role": "user", "content": "<image>What?"}, YOU],
            },
            "the rejected talk differs",
        ),
        (
            "ms-swift",
            {"messages": [USER, ME], "images": ["i.png"], "rejected_images": ["j.png"]},
            "the rejected talk differs",
        ),
        (
            "ms-swift",
            {"messages": [USER, ME], "images": ["i.png"], "rejected_response": "me"},
            "candidates a and b are the same",
        ),
        (
            "ms-swift",
            {"messages": [USER, ME], "audios": ["a.wav"]},
            "audios is nothing a record can hold",
        ),
        (
            "ms-swift",
            {"messages": [USER, ME], "images": ["i.png"], "label": 0.5},
            "label must be true or false, not 0.5",
        ),
        (
            "trl",
            {"chosen": "It is blue", "rejected": "It is green"},
            "prompt is missing; strings do not",
        ),
        (
            "trl",
            {"chosen": [ME], "rejected": [YOU]},
            "prompt is missing and the talks do not begin alike",
        ),
        ("trl", {"prompt": "p", "chosen": "me"}, "rejected is missing"),
        (
            "trl",
            {"prompt": [USER], "images": [], "chosen": [ME], "rejected": [YOU]},
            "more <image> tokens",
        ),
        (
            "trl",
            {"prompt": [{"role": "user", "content": [{"type": "audio"}]}], "completion": "x"},
            "prompt[0].content[0].type is 'audio'; use text, image or video",
        ),
        (
            "trl",
            {"prompt": "p", "completions": ["a", "b"], "labels": [True]},
            "labels has 1 verdicts for 2",
        ),
        (
            "trl",
            {"prompt": "p", "completions": ["a"], "labels": [1]},
            "labels[0] must be true or false",
        ),
    ],
)
def test_refusals(tmp_path: Path, format: str, row: dict[str, Any], message: str) -> None:
    touch(tmp_path, "i.png", "j.png")
    with pytest.raises(LineError) as caught:
        read_one(tmp_path, row, format)
    assert "row 1: " in str(caught.value)
    assert message in str(caught.value)


def test_steps_become_spans(tmp_path: Path) -> None:
    row = {"prompt": "9.8 or 9.11?", "completions": ["0.8.", "0.11."], "labels": [True, False]}
    record = read_one(tmp_path, row, "trl")
    assert record.candidates[0].text == "0.8.\n0.11."
    assert record.label == Label(
        spans=(
            Span(candidate="a", kind="step", start=0, end=1, value=1, text="0.8."),
            Span(candidate="a", kind="step", start=1, end=2, value=0, text="0.11."),
        )
    )


def test_made_images_are_candidates(tmp_path: Path) -> None:
    one, two = touch(tmp_path, "1.png", "2.png")
    shown = {"role": "assistant", "content": "<image>"}
    asked = {"role": "user", "content": "a cat"}
    rows = {
        "ms-swift": {
            "messages": [asked, shown], "images": ["1.png"],
            "rejected_messages": [asked, shown], "rejected_images": ["2.png"],
        },
        "llama-factory": {
            "messages": [asked], "chosen": shown, "rejected": shown, "images": ["1.png", "2.png"]
        },
    }  # fmt: skip
    pictures = tuple(
        Candidate(id=n, content=(Part(type="image", path=p),)) for n, p in zip("ab", (one, two))
    )
    for format, row in rows.items():
        record = read_one(tmp_path, row, format)
        assert record == record_of(
            one,
            format,
            task="image_generation",
            prompt=(Part.of_text("a cat"),),
            candidates=pictures,
        )
    record = read_one(tmp_path, rows["ms-swift"], "ms-swift")
    assert again(tmp_path, record, "ms-swift") == record
    assert written(tmp_path, [record], "ms-swift")[0]["rejected_images"] == ["2.png"]
    for format in ("llama-factory", "trl"):
        with pytest.raises(InputError, match="candidate a holds media, this format only text"):
            written(tmp_path, [record], format)


def test_an_edit_shows_its_source(tmp_path: Path) -> None:
    source, one, two = touch(tmp_path, "s.png", "1.png", "2.png")
    shown = {"role": "assistant", "content": "<image>"}
    asked = {"role": "user", "content": "<image>make it red"}
    row = {
        "messages": [asked, shown], "images": ["s.png", "1.png"],
        "rejected_messages": [asked, shown], "rejected_images": ["s.png", "2.png"],
    }  # fmt: skip
    assert read_one(tmp_path, row, "ms-swift").task == "interleaved"
    record = read_one(tmp_path, row, "ms-swift", task="image_editing")
    assert record.source is not None
    assert record.source.path == source
    assert [c.content[0].path for c in record.candidates] == [one, two]


def test_a_system_field_stands_first(tmp_path: Path) -> None:
    for format in ("llama-factory", "ms-swift"):
        row = {"system": "Be brief.", "messages": [{"role": "user", "content": "Who?"}, ME]}
        record = read_one(tmp_path, row, format)
        assert record.prompt == (Part.of_text("Be brief.", role="system"), Part.of_text("Who?"))
        assert again(tmp_path, record, format) == record


WORDS = st.text(min_size=1).filter(
    lambda t: t.strip() and "<image>" not in t and "<video>" not in t
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["llama-factory", "ms-swift", "trl"]),
    st.lists(WORDS, min_size=3, max_size=3, unique=True),
    st.integers(0, 2),
    st.booleans(),
    st.booleans(),
)
def test_what_was_written_is_read_back(
    tmp_path: Path, format: str, words: list[str], pictures: int, second: bool, clip: bool
) -> None:
    paths = touch(tmp_path, "1.png", "2.png")[:pictures]
    shown = [Part(type="image", path=path) for path in paths]
    if clip and not pictures and format != "trl":
        frames = touch(tmp_path, "f/0.png", "f/1.png")
        shown = [Part(type="video", frames=tuple(frames))]
    task = f"{shown[0].type}_understanding" if shown else "text"
    record = Record(
        id="r",
        task=task,
        prompt=(*shown, Part.of_text(words[0])),
        candidates=answers(words[1], words[2]),
        label=Label(ranking=(("b",), ("a",))) if second else FIRST,
    )
    back = again(tmp_path, record, format)
    assert back.prompt == record.prompt
    assert (back.id, back.task, back.label) == ("r", task, FIRST)
    chosen, rejected = (words[2], words[1]) if second else (words[1], words[2])
    assert [c.text for c in back.candidates] == [chosen, rejected]


def test_trl_rows_in_parquet(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "i.png")
    Path(path).write_bytes(b"\x89PNG\r\n\x1a\n")
    export(tmp_path / "t.parquet", [record_of(path, "trl")], "trl", media="bytes")
    (back,) = convert(tmp_path / "t.parquet", "trl")
    shown = Part(type="image", bytes=b"\x89PNG\r\n\x1a\n")
    assert back == record_of(path, "trl", prompt=(shown, Part.of_text("Who?")))


def test_trl_rows_as_its_page_has_them(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "i.png")
    assert written(tmp_path, [record_of(path, "trl", id="r")], "trl") == [
        {
            "id": "r",
            "prompt": [{"role": "user", "content": [
                {"type": "image", "text": None}, {"type": "text", "text": "Who?"}]}],
            "chosen": [ME],
            "rejected": [YOU],
            "images": ["i.png"],
        }
    ]  # fmt: skip
    clip = Part(type="video", path=touch(tmp_path, "v.mp4")[0])
    with pytest.raises(InputError, match="shows a video, which TRL's rows have no place for"):
        written(tmp_path, [record_of(path, "trl", prompt=(clip, Part.of_text("Who?")))], "trl")


def test_llama_factorys_rows_and_their_entry(tmp_path: Path) -> None:
    (path,) = touch(tmp_path, "i.png")
    (row,) = written(tmp_path, [record_of(path, "x", id="r")], "llama-factory")
    assert row == {
        "id": "r",
        "conversations": [human("<image>\nWho?")],
        "chosen": gpt("me"),
        "rejected": gpt("you"),
        "images": ["i.png"],
    }
    assert dataset_info("mine", "out.json", row) == {
        "mine": {
            "file_name": "out.json",
            "formatting": "sharegpt",
            "columns": {
                "messages": "conversations", "chosen": "chosen", "rejected": "rejected",
                "images": "images",
            },
            "ranking": True,
        }
    }  # fmt: skip
