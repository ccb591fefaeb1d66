"""What the reproductions share: comparisons over seeds, and how they are written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from recipes import findings
from recipes.comparisons import check_seeds, compared, is_above, is_below, pooled
from recipes.tables import listed, points, row, share, spread
from unireward.errors import InputError


def ratio(sums: np.ndarray) -> float:
    above, below = sums
    return float(above / below) if below else float("nan")


def test_a_comparison_is_above_zero_where_every_seed_agrees() -> None:
    rng = np.random.default_rng(0)
    before = rng.random((3, 200))
    found = compared(before + 0.2, before)
    assert found["value"] == pytest.approx(0.2)
    assert found["by_seed"] == [0.2, 0.2, 0.2]
    assert is_above(found)
    assert not is_below(found)
    assert is_below(compared(before, before + 0.2))
    # A seed that disagrees is enough, whatever the interval says.
    assert not is_above({"low": 0.01, "high": 0.3, "by_seed": [0.3, 0.3, -0.01]})
    assert not is_above({"low": -0.01, "high": 0.3, "by_seed": [0.1, 0.1, 0.1]})
    check_seeds(2)
    with pytest.raises(InputError, match="seeds is 1; give two or more"):
        check_seeds(1)


def test_seeds_with_records_of_their_own_are_pooled() -> None:
    rng = np.random.default_rng(0)
    rows = [np.stack([rng.random(n) < 0.8, np.ones(n)], axis=1).astype(float) for n in (150, 250)]
    found = pooled(rows, ratio)
    assert found["value"] == pytest.approx(np.concatenate(rows)[:, 0].mean())
    assert found["by_seed"] == pytest.approx([one[:, 0].mean() for one in rows], abs=1e-4)
    assert found["n"] == 400
    # About 1.96 standard errors to each side; seeds alike add little.
    assert 0.03 < found["value"] - found["low"] < 0.07
    # Seeds that differ widen it, whatever the number of records.
    apart = [np.tile([value, 1.0], (500, 1)) for value in (0.5, 0.9)]
    wide = pooled(apart, ratio)
    assert (wide["low"], wide["value"], wide["high"]) == pytest.approx((0.5, 0.7, 0.9))
    with pytest.raises(InputError, match="nothing to count in a seed's records"):
        pooled([rows[0], np.zeros((4, 2))], ratio)


def test_cells_are_percent_and_points() -> None:
    found = {"value": 0.1234, "low": -0.02, "high": 0.3}
    assert share(found) == "12.3 [-2.0, 30.0]"
    assert points(found) == "   +12.3  [-2.0, +30.0]"
    assert spread([0.5, 0.7]) == "60.0 (50.0-70.0)"
    assert row("arm", ["a", "b"]) == f"{'arm':14}{'a':>22}{'b':>22}"
    assert listed("gain", {"dpo": found}) == ["", "gain", f"{'dpo':14}   +12.3  [-2.0, +30.0]"]


def test_findings_are_read_back(tmp_path: Path) -> None:
    body = {"wrong": [1, 0], "seconds": 1.5}
    assert findings.write(tmp_path / "found.json", body) == body
    assert findings.read(tmp_path / "found.json") == body
    assert [path.name for path in tmp_path.iterdir()] == ["found.json"]
