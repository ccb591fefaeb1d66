"""Process labels: a part for each step, a span for each that was judged, and higher is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.published import media, one, records, refused
from unireward.data import get_format
from unireward.data.converter import RowError, Source
from unireward.record import Record

TREE: dict[str, Any] = {
    "labeler": "340d",
    "timestamp": "2023-01-22T04:34:27",
    "generation": 9,
    "is_quality_control_question": False,
    "question": {
        "problem": "What is 2 + 3 * 4?",
        "ground_truth_answer": "14",
        "pre_generated_steps": ["Look at it.", "2 + 3 is 5.", "5 * 4 is 20."],
    },
    "label": {
        "steps": [
            {"completions": [{"text": "Look at it.", "rating": 0, "flagged": None}],
             "human_completion": None, "chosen_completion": 0},
            {"completions": [{"text": "2 + 3 is 5.", "rating": -1, "flagged": None},
                             {"text": "3 * 4 is 12.", "rating": 1, "flagged": False},
                             {"text": "Hm.", "rating": None, "flagged": True}],
             "human_completion": None, "chosen_completion": None},
        ],
        "total_time": 278270,
        "finish_reason": "found_error",
    },
}  # fmt: skip


def steps(record: Record) -> list[str | None]:
    return [part.text for part in record.candidates[0].content]


def values(record: Record) -> dict[float | None, float | None]:
    assert record.label is not None
    assert all(s.kind == "step" and s.dimension == "correctness" for s in record.label.spans)
    assert all(s.end == (s.start or 0) + 1 for s in record.label.spans)
    return {span.start: span.value for span in record.label.spans}


def scale(record: Record) -> Any:
    assert record.label is not None
    assert record.label.scales is not None
    return record.label.scales["correctness"]


def test_prm800k_gives_its_path_and_each_other_step(tmp_path: Path):
    path, other = records(tmp_path, "prm-steps", [TREE], "jsonl")
    assert path == Record.model_validate({
        "id": "prm-steps-000001-1",
        "task": "text",
        "prompt": [{"type": "text", "text": "What is 2 + 3 * 4?"}],
        "candidates": [{"id": "a", "content": [
            {"type": "text", "text": "Look at it."}, {"type": "text", "text": "2 + 3 is 5."},
        ]}],
        "label": {
            "spans": [
                {"candidate": "a", "kind": "step", "start": 0, "end": 1,
                 "dimension": "correctness", "value": 0},
                {"candidate": "a", "kind": "step", "start": 1, "end": 2,
                 "dimension": "correctness", "value": -1},
            ],
            "scales": {"correctness": [-1, 1]},
        },
        "meta": {
            "source": "prm-steps", "origin": "prm800k", "labeler": "340d", "generation": 9,
            "finish_reason": "found_error", "answer": "14",
        },
    })  # fmt: skip
    assert steps(other) == ["Look at it.", "3 * 4 is 12."]
    assert values(other) == {1.0: 1.0}, "the step before was counted with the path"
    assert other.meta["alternative"] is True


def _tree(*rows: dict[str, Any], finish: str = "solution") -> dict[str, Any]:
    return {**TREE, "label": {"steps": list(rows), "finish_reason": finish}}


def _step(*rated: tuple[str, int | None], chosen: int | None = None, human: Any = None) -> Any:
    completions = [{"text": words, "rating": rating} for words, rating in rated]
    return {
        "completions": completions, "chosen_completion": chosen, "human_completion": human,
    }  # fmt: skip


def test_a_step_a_person_wrote_is_right(tmp_path: Path):
    human = {"text": "So 14.", "rating": None, "source": "human", "flagged": False}
    row = _tree(_step(("bad", -1), ("worse", -1), human=human), _step(("# Answer 14", 1), chosen=0))
    first, *others = records(tmp_path, "prm-steps", [row], "jsonl")
    assert steps(first) == ["So 14.", "# Answer 14"]
    assert values(first) == {0.0: 1.0, 1.0: 1.0}
    assert [(steps(o), values(o)) for o in others] == [
        (["bad"], {0.0: -1.0}), (["worse"], {0.0: -1.0}),
    ]  # fmt: skip


def test_a_path_that_ends_without_a_choice_keeps_its_labels(tmp_path: Path):
    row = _tree(_step(("x", 1), chosen=0), _step(("p", -1), ("q", -1)), finish="give_up")
    made = records(tmp_path, "prm-steps", [row], "jsonl")
    assert [(steps(r), values(r)) for r in made] == [
        (["x"], {0.0: 1.0}), (["x", "p"], {1.0: -1.0}), (["x", "q"], {1.0: -1.0}),
    ]  # fmt: skip


def test_one_path_a_row(tmp_path: Path):
    row = {
        "labeler": "e90", "problem": "How many?",
        "steps": [{"step": "Count.", "rating": 1}, {"step": "12", "rating": -1}],
    }  # fmt: skip
    record = one(tmp_path, "prm-steps", row, "jsonl")
    assert steps(record) == ["Count.", "12"]
    assert values(record) == {0.0: 1.0, 1.0: -1.0}
    assert scale(record) == (-1.0, 1.0)


SOFT: dict[str, Any] = {
    "image": "g/1.png", "question": "<image>\nFind x.", "answer": "52", "response": "...",
    "steps_with_score": [
        {"step": "By the figure, x + 8 = 60.", "score": 1.0, "num_mc_correct": 16},
        {"step": "So x = 68.", "score": 0.125, "num_mc_correct": 2},
        {"step": "Done.", "score": 0.0},
    ],
}  # fmt: skip


def test_soft_values_stay_soft(tmp_path: Path):
    media(tmp_path, "g/1.png")
    record = one(tmp_path, "prm-steps", SOFT, "jsonl")
    assert values(record) == {0.0: 1.0, 1.0: 0.125, 2.0: 0.0}
    assert scale(record) == (0.0, 1.0)
    assert record.task == "image_understanding"
    assert record.text == "Find x."
    assert record.prompt[0].path == str(tmp_path / "g/1.png")
    assert record.meta["answer"] == "52"
    assert record.meta["origin"] == "visualprm"


def test_signs_in_a_conversation(tmp_path: Path):
    media(tmp_path, "1.png")
    row = {
        "image": "1.png",
        "conversations": [
            {"from": "system", "value": "You judge steps."},
            {"from": "human",
             "value": "<image>\n### Question:\nFind x.\n\n### Solution Process:\nx + 8 = 60."},
            {"from": "gpt", "value": "+"},
            {"from": "human", "value": "x = 68."},
            {"from": "gpt", "value": "-"},
        ],
    }  # fmt: skip
    record = one(tmp_path, "prm-steps", row, "jsonl")
    assert record.text == "Find x."
    assert steps(record) == ["x + 8 = 60.", "x = 68."]
    assert values(record) == {0.0: 1.0, 1.0: 0.0}
    assert scale(record) == (0.0, 1.0)


def test_the_benchmark_has_three_values(tmp_path: Path):
    media(tmp_path, "1.png", "2.png")
    row = {
        "image": ["1.png", "2.png"], "question": "Find x.", "answer": "52",
        "response": {"steps": ["a", "b", "c"], "process_correctness": [1, 0, -1]},
        "policy_model": "GPT-4o", "data_source": "MathVerse",
    }  # fmt: skip
    record = one(tmp_path, "prm-steps", row, "jsonl")
    assert values(record) == {0.0: 1.0, 1.0: 0.0, 2.0: -1.0}
    assert scale(record) == (-1.0, 1.0)
    assert len(record.prompt) == 3
    assert record.meta["policy_model"] == "GPT-4o"


PROCESS = "First, x = 2.<prm>Then, y = 3.<prm>"


@pytest.mark.parametrize(
    "row",
    [
        {"id": 4, "image_path": "1.png", "question": "Find y.", "process": PROCESS,
         "labels": [0.9, 0.25]},
        {"id": 4, "image": "1.png", "conversations": [
            {"from": "human", "value": f"Question: Find y.\nProcess: {PROCESS}"},
            {"from": "gpt", "value": [0.9, 0.25]}]},
    ],
)  # fmt: skip
def test_mm_prm_before_and_after_its_formatting(tmp_path: Path, row: dict[str, Any]):
    media(tmp_path, "1.png")
    record = one(tmp_path, "prm-steps", row, "jsonl")
    assert record.id == "4"
    assert record.text == "Find y."
    assert steps(record) == ["First, x = 2.", "Then, y = 3."]
    assert values(record) == {0.0: 0.9, 1.0: 0.25}
    assert scale(record) == (0.0, 1.0)


SHEPHERD = "Janet has 3 ducks. How many eggs? Step 1: 3 * 2 = 6 ки\nStep 2: The answer is: 7 ки"


def test_math_shepherd_marks_each_step(tmp_path: Path):
    label = "Janet has 3 ducks. How many eggs? Step 1: 3 * 2 = 6 +\nStep 2: The answer is: 7 -"
    record = one(tmp_path, "prm-steps", {"input": SHEPHERD, "label": label, "task": "GSM8K"})
    assert record.text == "Janet has 3 ducks. How many eggs?"
    assert steps(record) == ["Step 1: 3 * 2 = 6", "Step 2: The answer is: 7"]
    assert values(record) == {0.0: 1.0, 1.0: 0.0}


def _soft(**change: Any) -> dict[str, Any]:
    return {**SOFT, "image": None, **change}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (_soft(steps_with_score=[{"step": "a", "score": 1.5}]), ("[0].score is 1.5", "0 to 1")),
        (_soft(steps_with_score=[{"step": " ", "score": 1}]), ("[0].step is empty",)),
        (_soft(steps_with_score=[{"step": "a", "score": None}]), ("no step has a label",)),
        (_soft(steps_with_score=[]), ("steps_with_score",)),
        (_soft(question="<image>"), ("question is empty",)),
        (SOFT, ("g/1.png", "no such file")),
        (_tree(_step(("x", 2), chosen=0)), ("completions[0].rating is 2",)),
        (_tree(_step(("x", 1), chosen=1)), ("chosen_completion is 1 of 1",)),
        (_tree(_step(("x", None), chosen=0)), ("no rating",)),
        (_tree(_step(("x", 1), chosen=0), finish="bad_problem"), ("bad_problem",)),
        ({"question": "q", "response": {"steps": ["a"], "process_correctness": [1, 1]}},
         ("response.steps 1, response.process_correctness 2",)),
        ({"question": "q", "process": "a<prm>b", "labels": [1]}, ("does not end in <prm>",)),
        ({"question": "q", "process": "a<prm>b<prm>", "labels": [1]}, ("process 2, labels 1",)),
        ({"input": SHEPHERD, "label": SHEPHERD.replace("ки", "*")}, ("step 0", "+ or -")),
        ({"input": SHEPHERD, "label": "other"}, ("step 0",)),
        ({"conversations": [{"from": "human", "value": "hello"}, {"from": "gpt", "value": "+"}]},
         ("### Question:",)),
        ({"conversations": [
            {"from": "human", "value": "### Question:\nq\n\n### Solution Process:\na"},
            {"from": "gpt", "value": "maybe"}]}, ("value is 'maybe'", "'+'")),
        ({"conversations": [{"from": "human", "value": "x"}]}, ("needs its answer",)),
        ({"text": "hello"}, ("no form of process labels",)),
    ],
)  # fmt: skip
def test_what_is_refused(tmp_path: Path, row: dict[str, Any], words: tuple[str, ...]):
    refused(tmp_path, "prm-steps", row, *words)


_STEP = st.text(st.characters(exclude_characters="<", codec="utf-8"), min_size=1)


@given(st.lists(st.tuples(_STEP, st.floats(0, 1)), min_size=1, max_size=5))
def test_steps_and_labels_keep_their_order(told: list[tuple[str, float]]):
    read = get_format("prm-steps").read
    assert read is not None
    process = "".join(f"{words}<prm>" for words, _ in told)
    row = {"question": "q", "process": process, "labels": [value for _, value in told]}
    try:
        record = read(row, Source(Path("x.json"), Path("/")))
    except RowError:
        assert any(not words.strip() for words, _ in told)
        return
    assert isinstance(record, Record)
    assert steps(record) == [words.strip() for words, _ in told]
    assert values(record) == {float(i): value for i, (_, value) in enumerate(told)}


def test_each_shape_fits_and_others_do_not():
    fits = get_format("prm-steps").fits
    assert fits is not None
    assert fits(TREE)
    assert fits(SOFT)
    assert fits({"input": SHEPHERD, "label": "x"})
    assert not fits({"conversations": [{"from": "gpt", "value": "A bus."}, {}]})
    assert not fits({"prompt": "p", "chosen": "c", "rejected": "r"})
