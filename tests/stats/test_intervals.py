"""Intervals against scipy and against numbers worked out by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.stats import bootstrap, wilson


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(case):
    successes, n = case
    expected = scipy.stats.binomtest(successes, n).proportion_ci(0.95, method="wilson")
    got = wilson(successes, n)
    assert got.value == successes / n
    assert got.low == pytest.approx(expected.low, abs=1e-12)
    assert got.high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= got.low <= got.value <= got.high <= 1


def test_wilson_by_hand():
    # z = 1.96: centre (0.9 + 0.019208) / 1.038416, half 1.96 / 1.038416 * sqrt(.0009 + .00009604)
    got = wilson(90, 100)
    assert (round(got.low, 4), round(got.high, 4)) == (0.8256, 0.9448)
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(0, 0), (3, 2), (-1, 5)])
def test_wilson_refuses_what_is_no_share(successes, n):
    with pytest.raises(InputError, match="0 <= successes <= n"):
        wilson(successes, n)


def test_a_confidence_of_95_is_refused():
    with pytest.raises(InputError, match=r"such as 0\.95"):
        wilson(1, 2, confidence=95)


def test_bootstrap_of_a_mean_is_the_normal_interval():
    values = np.random.default_rng(3).normal(2.0, 1.0, 400)
    got = bootstrap(values, resamples=4000)
    half = 1.96 * values.std() / 20
    assert got.value == values.mean()
    assert got.low == pytest.approx(values.mean() - half, abs=0.015)
    assert got.high == pytest.approx(values.mean() + half, abs=0.015)


def test_bootstrap_is_seeded_and_resamples_whole_rows():
    rows = np.column_stack([np.arange(50.0), np.arange(50.0)])
    gap = lambda r: float((r[:, 0] - r[:, 1]).mean())  # noqa: E731
    assert bootstrap(rows, gap).to_dict() == {"value": 0.0, "low": 0.0, "high": 0.0, "n": 50}
    assert bootstrap(rows[:, 0], seed=1) == bootstrap(rows[:, 0], seed=1)
    assert bootstrap(rows[:, 0], seed=1) != bootstrap(rows[:, 0], seed=2)


def test_bootstrap_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        got = bootstrap(rng.exponential(1.0, 80), resamples=300, seed=trial)
        hits += got.low <= 1.0 <= got.high
    assert 0.88 <= hits / 200 <= 0.98


def test_bootstrap_never_gives_nan():
    with pytest.raises(InputError, match="nothing to resample"):
        bootstrap([])
    with pytest.raises(InputError, match="not finite"):
        bootstrap([1.0, float("nan")])
