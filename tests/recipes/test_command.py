"""Command lines of recipes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from recipes.command import run
from recipes.unifiedreward_dpo import guided


def test_an_error_is_one_line_and_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["guided", str(tmp_path), "pictures", "3"])
    with pytest.raises(SystemExit) as left:
        run(guided.main)
    assert left.value.code == 2
    said = capsys.readouterr()
    expected = f"{tmp_path}: holds no finished arm online; reproduce the part first\n"
    assert (said.out, said.err) == ("", expected)


def test_what_is_no_error_of_use_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)
