"""Frame rules against their formulas."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.media import FrameRule


@pytest.mark.parametrize(
    ("rule", "n", "expected"),
    [
        ("uniform:8", 16, (0, 2, 4, 6, 8, 10, 12, 14)),
        ("uniform:8", 21, (0, 2, 5, 7, 10, 13, 15, 18)),
        ("linspace:8", 16, (0, 2, 4, 6, 8, 10, 12, 15)),
        ("linspace:8", 8, (0, 1, 2, 3, 4, 5, 6, 7)),
        ("linspace:8", 3, (0, 0, 0, 0, 1, 1, 1, 2)),
        ("uniform:8", 3, (0, 0, 0, 1, 1, 1, 2, 2)),
        ("linspace:1", 9, (0,)),
        ("uniform:4", 1, (0, 0, 0, 0)),
        ("all", 3, (0, 1, 2)),
    ],
)
def test_indices(rule: str, n: int, expected: tuple[int, ...]) -> None:
    assert FrameRule.parse(rule).indices(n) == expected


@given(st.integers(1, 64), st.integers(1, 5000))
def test_counts_and_bounds(count: int, n: int) -> None:
    linspace = FrameRule("linspace", count).indices(n)
    assert linspace == tuple(np.linspace(0, n - 1, count).astype(int))
    for found in (linspace, FrameRule("uniform", count).indices(n)):
        assert len(found) == count
        assert list(found) == sorted(found)
        assert found[0] >= 0
        assert found[-1] < n


def test_fps_takes_the_frame_on_screen() -> None:
    thirty = [i / 30 for i in range(90)]
    assert FrameRule.parse("fps:2").indices(thirty) == (0, 15, 30, 45, 60, 75)
    assert FrameRule.parse("fps:1").indices(thirty) == (0, 30, 60)
    assert FrameRule.parse("fps:30").indices(thirty) == tuple(range(90))
    # A variable rate: a frame stays on screen until the next one comes.
    assert FrameRule.parse("fps:1").indices([0.0, 0.4, 2.5, 3.0]) == (0, 1, 1, 3)
    assert FrameRule.parse("fps:0.1").indices([0.0, 1.0]) == (0,)
    # More than the bound become a linspace of as many.
    assert FrameRule.parse("fps:30").indices(thirty, limit=4) == (0, 29, 59, 89)


@pytest.mark.parametrize("text", ["uniform:8", "linspace:16", "fps:2", "fps:0.5", "all"])
def test_a_rule_reads_as_it_is_written(text: str) -> None:
    assert str(FrameRule.parse(text)) == text
    assert FrameRule.parse(FrameRule.parse(text)) == FrameRule.parse(text)


@pytest.mark.parametrize(
    "text",
    ["", "uniform", "uniform:", "uniform:0", "uniform:-1", "uniform:2.5", "linspace:nan", "fps:inf",
     "fps:x", "every:3", "all:3x"],
)  # fmt: skip
def test_no_rule_is_an_error_with_the_mend(text: str) -> None:
    with pytest.raises(InputError, match=r"use uniform:N|give a whole number"):
        FrameRule.parse(text)


def test_fps_needs_times() -> None:
    with pytest.raises(InputError, match="fps="):
        FrameRule.parse("fps:2").indices(9)
