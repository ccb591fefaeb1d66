"""LLaVA-Critic: four forms of question and answer, and nothing guessed from others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.published import PNG, media, one, ranking, refused, texts
from unireward.data import get_format
from unireward.data.converter import RowError, Source
from unireward.record import Record

FIRST = "The first response: [A red bus.]\nThe second response: [A blue [old] bus.]\n"
BRACKETS = f"<image>\nBe a judge.\nQuestion: [What is it?]\n{FIRST}ASSISTANT:\n"
ARENA = (
    "<image>\nJudge.\n<|User Prompt|>\nWhat is it?\n\n<|The Start of Assistant A's Answer|>\n"
    "A red bus.\n<|The End of Assistant A's Answer|>\n\n<|The Start of Assistant B's Answer|>\n"
    "A blue bus.\n<|The End of Assistant B's Answer|>"
)
SCORED = (
    "<image>\n[Question]\nWhat is it?\n\n[Assistant 1]\nA red bus.\n\n[End of Assistant 1]\n\n"
    "[Assistant 2]\nA blue bus.\n\n[End of Assistant 2]\n\n[System]\nRate them from 1 to 10."
)
CAPTION = "<image>\nText Caption: A red bus on a road.\nFrom 0 to 100, how well does it tell?\n"


def named(first: str, second: str) -> str:
    """The question in brackets with its answers under other names."""
    return BRACKETS.replace("The first response", first).replace("The second response", second)


def row(asked: str, reply: str, **more: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "source": "vlfeedback",
        "image": "1.png",
        "conversations": [{"from": "human", "value": asked}, {"from": "gpt", "value": reply}],
        **more,
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    media(tmp_path, "1.png")
    return tmp_path


def test_a_pair_in_brackets_becomes_this_record(folder: Path):
    reply = "The bus is red, so the first is right. The better response: [first]"
    assert one(folder, "llava-critic", row(BRACKETS, reply)) == Record.model_validate({
        "id": "c1",
        "task": "image_understanding",
        "prompt": [
            {"type": "image", "path": str(folder / "1.png")},
            {"type": "text", "text": "What is it?"},
        ],
        "candidates": [
            {"id": "a", "content": [{"type": "text", "text": "A red bus."}]},
            {"id": "b", "content": [{"type": "text", "text": "A blue [old] bus."}]},
        ],
        "label": {"ranking": [["a"], ["b"]]},
        "meta": {
            "source": "llava-critic", "asked": BRACKETS, "reply": reply, "origin": "vlfeedback",
        },
    })  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "reply", "tiers", "strength"),
    [
        (BRACKETS, "The better response: [second]", [["b"], ["a"]], None),
        (BRACKETS, "Two responses are equally good.", [["a", "b"]], None),
        (named("Response 1", "Response 2"), "The better response: [2].", [["b"], ["a"]], None),
        (named("Response A", "Response B"), "The better response: [A]", [["a"], ["b"]], None),
        (ARENA, "So the verdict is [[A>>B]]", [["a"], ["b"]], 1.0),
        (ARENA, "[[A>B]]", [["a"], ["b"]], 0.5),
        (ARENA, "[[A=B]]", [["a", "b"]], 0.0),
        (ARENA, "[[B>A]]", [["b"], ["a"]], 0.5),
        (ARENA, "[[B>>A]]", [["b"], ["a"]], 1.0),
        (SCORED, "8 6\nThe first is right.", [["a"], ["b"]], None),
        (SCORED, "6 8.5\nThe second is.", [["b"], ["a"]], None),
        (SCORED, "7 7", [["a", "b"]], None),
    ],
)  # fmt: skip
def test_every_verdict_both_ways(
    folder: Path, asked: str, reply: str, tiers: Any, strength: float | None
):
    record = one(folder, "llava-critic", row(asked, reply))
    assert ranking(record) == tiers
    assert record.label is not None
    assert record.label.strength == strength
    assert record.text == "What is it?"
    assert texts(record)["a"] == "A red bus."


def test_two_numbers_are_scores_too(folder: Path):
    record = one(folder, "llava-critic", row(SCORED, "8 6.5\nThe first."))
    assert record.label is not None
    assert record.label.scores == {"a": {"overall": 8.0}, "b": {"overall": 6.5}}
    assert record.label.scales == {"overall": (1.0, 10.0)}


def test_a_caption_is_scored_from_0_to_100(tmp_path: Path):
    more = {"image": {"bytes": PNG, "path": None}}
    record = one(tmp_path, "llava-critic", row(CAPTION, "Good. Final Score: 85", **more), "parquet")
    assert texts(record) == {"a": "A red bus on a road."}
    assert record.label is not None
    assert record.label.scores == {"a": {"overall": 85.0}}
    assert record.label.scales == {"overall": (0.0, 100.0)}
    assert record.prompt[0].bytes == PNG


@pytest.mark.parametrize(
    ("asked", "reply", "words"),
    [
        (BRACKETS, "The first one is nicer.", ("no verdict",)),
        (BRACKETS, "The better response: [third]", ("no verdict", "third")),
        (BRACKETS, "The better response: [first] or The better response: [second]", ("two verd",)),
        (BRACKETS, "The better response: [first]. Two responses are equally good.", ("two verd",)),
        (ARENA, "[[A>B]] and then [[B>A]]", ("two verdicts",)),
        (ARENA, "A wins", ("no verdict",)),
        (SCORED, "I give 8 and 6", ("begin with two numbers",)),
        (SCORED, "8 11\n", ("1 to 10",)),
        (CAPTION, "It is good: 85", ("no Final Score",)),
        (CAPTION, "Final Score: 850", ("0 to 100",)),
        (CAPTION, "Final Score: nan", ("finite",)),
        (CAPTION, "Final Score: 10. Final Score: 20", ("two final scores",)),
        ("<image>\nRate this from 1 to 5: a bus", "4", ("of no form",)),
        (BRACKETS.replace("A blue [old] bus.", "A red bus."), "The better response: [first]",
         ("the same",)),
        (BRACKETS.replace("A red bus.", " "), "The better response: [first]", ("empty",)),
    ],
)  # fmt: skip
def test_what_is_refused(folder: Path, asked: str, reply: str, words: tuple[str, ...]):
    refused(folder, "llava-critic", row(asked, reply), *words)


def test_a_missing_image_or_turn_is_refused(folder: Path):
    good = row(BRACKETS, "The better response: [first]")
    refused(folder, "llava-critic", {**good, "image": "2.png"}, "2.png", "no such file")
    refused(folder, "llava-critic", {**good, "image": None}, "image is null")
    refused(folder, "llava-critic", {**good, "conversations": good["conversations"][:1]}, "1 turns")


@given(st.sampled_from([BRACKETS, ARENA, SCORED, CAPTION]), st.text(max_size=60))
def test_any_answer_is_read_or_refused(asked: str, reply: str):
    read = get_format("llava-critic").read
    assert read is not None
    try:
        record = read(row(asked, reply), Source(Path("x.json"), Path("/")))
    except RowError as error:
        record = error
    if isinstance(record, RowError):
        assert "\n" not in str(record)
        return
    assert isinstance(record, Record)
    assert record.label is not None
    assert record.meta["reply"] == reply


def test_the_shape_fits_and_others_do_not():
    fits = get_format("llava-critic").fits
    assert fits is not None
    assert fits(row(BRACKETS, ""))
    assert fits(row(CAPTION, ""))
    assert not fits(row("What is it?", "A bus."))
    assert not fits(row(BRACKETS, "", conversations=[]))
