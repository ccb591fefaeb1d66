"""Paired differences over seeds and records: covers the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest

from unireward.errors import InputError
from unireward.stats.paired import paired_difference


def test_a_difference_without_spread_has_none() -> None:
    found = paired_difference(np.ones((3, 50)), np.zeros((3, 50)))
    assert (found.value, found.low, found.high, found.n) == (1.0, 1.0, 1.0, 50)


def test_what_both_have_in_common_cancels() -> None:
    """The same hard records in both: a paired interval is narrower than an unpaired one."""
    rng = np.random.default_rng(0)
    hard = rng.random(400)
    a = (rng.random((3, 400)) < 0.3 + 0.7 * (hard > 0.5)).astype(float)
    b = a.copy()
    b[:, :20] = 0.0
    found = paired_difference(a, b)
    assert found.value == pytest.approx((a - b).mean())
    assert found.high - found.low < 0.06
    assert found.low > 0


def test_the_interval_covers_as_often_as_it_says() -> None:
    """Effects of seed and record drawn anew 200 times: about 95 of 100 intervals hold the truth
    (a crossed bootstrap is cautious with few seeds of large effect, never rash by much)."""
    held = 0
    for k in range(200):
        rng = np.random.default_rng(k)
        of_seed = rng.normal(0, 0.02, (8, 1))
        of_record = rng.normal(0, 0.3, (1, 120))
        noise = rng.normal(0, 0.3, (8, 120))
        found = paired_difference(0.1 + of_seed + of_record + noise, np.zeros((8, 120)),
                                  resamples=400)  # fmt: skip
        held += found.low <= 0.1 <= found.high
    assert 184 <= held <= 200


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        (np.zeros((1, 5)), np.zeros((1, 5)), "one seed"),
        (np.zeros((2, 5)), np.zeros((2, 6)), "seeds by records"),
        (np.zeros(5), np.zeros(5), "seeds by records"),
    ],
)
def test_other_shapes_are_refused(a: np.ndarray, b: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        paired_difference(a, b)
