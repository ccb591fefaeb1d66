"""JSON arrays, streamed."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unireward.data import arrays
from unireward.data.arrays import read_array
from unireward.files import LineError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
ROWS = st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=6)


def rows(path: Path) -> list[Any]:
    return [row for _, row in read_array(path)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.json"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ROWS,
    st.sampled_from([1, 2, 7, 40]),
    st.sampled_from([None, 0, 2]),
    st.booleans(),
    st.booleans(),
)
def test_any_array_read_in_any_pieces_is_what_json_reads(
    file: Path, value: list[Any], chunk: int, indent: int | None, ascii: bool, listed: bool
) -> None:
    if listed:
        text = json.dumps(value, indent=indent, ensure_ascii=ascii)
    else:
        text = "\n".join(json.dumps(row, indent=indent, ensure_ascii=ascii) for row in value)
    # Half a surrogate pair has no UTF-8.
    file.write_bytes(text.encode("utf-8", "replace"))
    known = json.loads(file.read_text(encoding="utf-8")) if listed else None
    before, arrays.CHUNK = arrays.CHUNK, chunk
    try:
        found = rows(file)
    finally:
        arrays.CHUNK = before
    assert found == (known if listed else rows(file))
    assert len(found) == len(value)


def test_places_count_rows_from_one(file: Path) -> None:
    file.write_text('[{"a": 1},\n {"a": 2}]')
    places = [str(place) for place, _ in read_array(file)]
    assert places == [f"{file}: row 1", f"{file}: row 2"]


def test_a_bad_row_is_told_and_the_next_ones_are_read(file: Path) -> None:
    file.write_text('[{"a": NaN}, {"a": 1e999}, 7, {"a": 1}]')
    nan, large, number, good = rows(file)
    assert str(nan) == f"{file}: row 1: holds NaN, which is no number; write null or leave it out"
    assert "row 2: holds 1e999, which is too large" in str(large)
    assert str(number) == f"{file}: row 3: is no JSON object but 7; give {{...}}"
    assert good == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[{"a": 1}', "row 1: the array is cut short; get the file again"),
        ('[{"a": 1}, {"b', "row 2: is no JSON we can read"),
        ('[{"a": 1},]', "row 1: a comma before the closing ']'; delete it"),
        ('[{"a" 1}, {"b": 2}]', "row 1: is no JSON we can read (Expecting ':' delimiter)"),
        ('[{"a": 1} {"b": 2}]', "row 1: is followed by '{'; put a comma between rows"),
        ('[{"a": 1}] {"b": 2}', "row 1: more follows the array; give one array"),
        ('{"a": 1}]', "row 2: a ']' that opens nowhere; mend it"),
        ("3", "row 1: is no JSON array of objects; give [{...}, ...]"),
    ],
)
def test_broken_json_names_its_row(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(LineError) as caught:
        rows(file)
    assert message in str(caught.value)


def test_marks_and_packing(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbf[]\r\n")
    assert rows(file) == []
    packed = file.with_suffix(".json.gz")
    packed.write_bytes(gzip.compress('[{"é": 1}]'.encode()))
    assert rows(packed) == [{"é": 1}]
    file.write_bytes('[{"é": 1}]'.encode("utf-16"))
    with pytest.raises(ValueError, match="UTF-16; save it as UTF-8"):
        rows(file)
    file.write_bytes(b'[{"a": "\xff"}]')
    with pytest.raises(ValueError, match="byte 8 is not UTF-8"):
        rows(file)


def test_memory_does_not_grow_with_the_file(file: Path) -> None:
    def peak(count: int) -> int:
        row = json.dumps({"id": "x" * 40, "text": "y" * 2_000})
        with file.open("w") as stream:
            stream.write("[" + row + f", {row}" * (count - 1) + "]")
        tracemalloc.start()
        try:
            assert sum(1 for _ in read_array(file)) == count
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    small, large = peak(2_000), peak(10_000)
    assert file.stat().st_size > 20_000_000
    assert large < 1.25 * small
