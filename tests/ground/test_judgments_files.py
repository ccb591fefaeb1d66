"""Judgments through both formats and back: equal, every float exact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.files import LineError, read_judgments, write_judgments
from unireward.judgment import STATUSES, Judgment

words = st.text('ab \n"\\é日🦊', max_size=6)
finite = st.floats(allow_nan=False, allow_infinity=False)
by_id = st.dictionaries(words, finite, max_size=2)
asks = st.fixed_dictionaries(
    {
        "candidates": st.lists(words, max_size=2),
        "status": st.sampled_from(STATUSES),
        "preference": by_id,
        "dimensions": st.dictionaries(words, by_id, max_size=1),
        "reply": st.none() | words,
        "form": st.none() | words,
    }
)
judgments = st.fixed_dictionaries(
    dict.fromkeys(("record", "judge", "family", "prompt", "task", "mode"), words)
    | {"status": st.sampled_from(STATUSES)},
    optional={
        "reason": st.none() | words,
        "scores": by_id,
        "dimensions": st.dictionaries(words, by_id, max_size=2),
        "winner": st.none() | words,
        "ranking": st.none() | st.lists(st.lists(words, max_size=2), max_size=2),
        "confidence": st.none() | finite,
        "agreement": st.none() | st.booleans() | finite,
        "spans": st.just([{"candidate": "a", "kind": "time", "start": 0.1, "end": 0.3}]),
        "notes": st.lists(words, max_size=2),
        "asks": st.lists(asks, max_size=2),
        "calls": st.integers(0, 2**62),
        "seconds": finite,
        "media": st.just({"a": {"frames": [0, 7], "rule": "uniform:2", "size": None}}),
    },
).map(Judgment.model_validate)


@pytest.mark.parametrize("name", ["j.jsonl", "j.jsonl.gz", "j.parquet"])
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(many=st.lists(judgments, max_size=3))
def test_judgments_come_back_equal(tmp_path: Path, name: str, many: list[Judgment]) -> None:
    assert write_judgments(tmp_path / name, many) == len(many)
    found = list(read_judgments(tmp_path / name))
    # As text: true and 1.0 are equal in Python and not in a file, -0.0 and 0.0 likewise.
    assert [json.dumps(j.to_dict()) for j in found] == [json.dumps(j.to_dict()) for j in many]


def judgment(**changes: Any) -> dict[str, Any]:
    row = {"record": "r", "judge": "j", "family": "f", "prompt": "own:0", "task": "text",
           "mode": "rank", "status": "ok"}  # fmt: skip
    return {"schema": 1, **row, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"status": "fine"}, "status: is 'fine'; use 'ok', 'unparsed'"),
        ({"scores": {"a": "0.5x"}}, r"scores\.a: must be a number, not '0\.5x'"),
        ({"asks": [{"candidates": []}]}, r"asks\[0\]\.status: is missing; add it"),
        ({"score": 1}, "score: is no field of the format"),
    ],
)
def test_a_bad_judgment_names_its_line(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text("\n".join(json.dumps(j) for j in (judgment(), judgment(**changes))) + "\n")
    with pytest.raises(LineError, match=message) as caught:
        list(read_judgments(path))
    assert str(caught.value).startswith(f"{path}:2: ")


@pytest.mark.parametrize("name", ["j.jsonl", "j.parquet"])
def test_no_nan_is_written(tmp_path: Path, name: str) -> None:
    """Free values are the one place where one could hide; it becomes null."""
    media = {"a": {"x": float("nan"), "y": [float("inf"), 0.5]}}
    write_judgments(tmp_path / name, [Judgment.model_validate(judgment(media=media))])
    (found,) = read_judgments(tmp_path / name)
    assert found.media == {"a": {"x": None, "y": [None, 0.5]}}


def test_a_torn_judgment_can_be_dropped(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    write_judgments(path, [Judgment.model_validate(judgment(record=str(i))) for i in range(3)])
    path.write_bytes(path.read_bytes()[:-5])
    assert [j.record for j in read_judgments(path, torn="drop")] == ["0", "1"]
    with pytest.raises(LineError, match=r":3: the last line is cut short"):
        list(read_judgments(path))


def test_records_given_as_judgments(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"id": ["r"], "candidates": [[]]}), tmp_path / "r.parquet")
    with pytest.raises(InputError, match="is no file of judgments; its columns are id, cand"):
        list(read_judgments(tmp_path / "r.parquet"))
