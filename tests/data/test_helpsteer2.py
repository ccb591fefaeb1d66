"""HelpSteer2 and 3: a negative strength means that the first response is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.data.published import one, ranking, refused, texts, written
from unireward.data import guess_format
from unireward.record import Record

RATED: dict[str, Any] = {
    "prompt": "c#", "response": "C# is a language.", "helpfulness": 3, "correctness": 4,
    "coherence": 4, "complexity": 2, "verbosity": 1,
}  # fmt: skip
PAIR: dict[str, Any] = {
    "split": "train", "prompt": "Name a bird.", "response_1": "A wren.", "response_2": "A dog.",
    "preference_strength": -2, "preference_statement": "@Response 1 is better",
    "preference_elaboration": "A dog is no bird.",
}  # fmt: skip
THIRD: dict[str, Any] = {
    "domain": "general", "language": "english",
    "context": [
        {"role": "user", "content": "Name a bird."},
        {"role": "assistant", "content": "A wren."},
        {"role": "user", "content": "Another."},
    ],
    "response1": "A robin.", "response2": "A swift.", "overall_preference": 1,
}  # fmt: skip


def test_ratings_become_scores_with_their_scale(tmp_path: Path):
    names = ("helpfulness", "correctness", "coherence", "complexity", "verbosity")
    assert one(tmp_path, "helpsteer2", RATED, "jsonl") == Record.model_validate({
        "id": "helpsteer2-000001",
        "task": "text",
        "prompt": [{"type": "text", "text": "c#"}],
        "candidates": [{"id": "a", "content": [{"type": "text", "text": "C# is a language."}]}],
        "label": {
            "scores": {"a": {name: RATED[name] for name in names}},
            "scales": dict.fromkeys(names, (0, 4)),
        },
        "meta": {"source": "helpsteer2"},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("strength", "tiers", "share"),
    [
        (-3, [["a"], ["b"]], 1.0),
        (-2, [["a"], ["b"]], 2 / 3),
        (-1, [["a"], ["b"]], 1 / 3),
        (0, [["a", "b"]], 0.0),
        (1, [["b"], ["a"]], 1 / 3),
        (2, [["b"], ["a"]], 2 / 3),
        (3, [["b"], ["a"]], 1.0),
    ],
)
def test_the_sign_says_who_and_the_size_how_much(
    tmp_path: Path, strength: int, tiers: Any, share: float
):
    for name, row, field in (
        ("helpsteer2", PAIR, "preference_strength"),
        ("helpsteer3", THIRD, "overall_preference"),
    ):
        record = one(tmp_path, name, {**row, field: strength}, "jsonl")
        assert ranking(record) == tiers
        assert record.label is not None
        assert record.label.strength == pytest.approx(share)


def test_a_preference_keeps_its_reasons(tmp_path: Path):
    record = one(tmp_path, "helpsteer2", PAIR, "jsonl")
    assert texts(record) == {"a": "A wren.", "b": "A dog."}
    assert record.meta == {
        "source": "helpsteer2", "split": "train",
        "preference_statement": "@Response 1 is better",
        "preference_elaboration": "A dog is no bird.",
    }  # fmt: skip


def test_turns_of_a_conversation_become_parts(tmp_path: Path):
    prompt = "Name a bird.\n<extra_id_1>Assistant\nA wren.\n<extra_id_1>User\nAnother."
    for record in (
        one(tmp_path, "helpsteer2", {**PAIR, "prompt": prompt}, "jsonl"),
        one(tmp_path, "helpsteer3", THIRD, "jsonl"),
    ):
        assert [(p.turn, p.role, p.text) for p in record.prompt] == [
            (0, "user", "Name a bird."), (1, "assistant", "A wren."), (2, "user", "Another."),
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "row", "words"),
    [
        ("helpsteer2", {**PAIR, "preference_strength": 4}, ("preference_strength is 4", "-3 to 3")),
        ("helpsteer2", {**PAIR, "preference_strength": 0.5}, ("whole number",)),
        ("helpsteer2", {**PAIR, "preference_strength": None}, ("preference_strength is null",)),
        ("helpsteer2", {**PAIR, "response_2": "A wren."}, ("the same",)),
        ("helpsteer2", {**PAIR, "prompt": ""}, ("prompt is empty",)),
        ("helpsteer2", {**RATED, "coherence": 5}, ("coherence is 5", "0 to 4")),
        ("helpsteer2", {**RATED, "coherence": [4, 3]}, ("each annotator", "train.jsonl")),
        ("helpsteer2", {**RATED, "verbosity": None}, ("verbosity is null",)),
        ("helpsteer3", {**THIRD, "overall_preference": None}, ("overall_preference is null",)),
        ("helpsteer3", {**THIRD, "context": [{"role": "tool", "content": "x"}]}, ("role",)),
        ("helpsteer3", {**THIRD, "context": []}, ("context",)),
    ],
)
def test_what_is_refused(tmp_path: Path, name: str, row: dict[str, Any], words: tuple[str, ...]):
    refused(tmp_path, name, row, *words, suffix="jsonl")


@pytest.mark.parametrize(
    ("row", "name"), [(RATED, "helpsteer2"), (PAIR, "helpsteer2"), (THIRD, "helpsteer3")]
)
def test_the_file_is_recognised(tmp_path: Path, row: dict[str, Any], name: str):
    assert guess_format(written(tmp_path, [row], "jsonl")) == name
