"""Calibration against scikit-learn's curve and against a direct sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from unireward.errors import InputError
from unireward.stats import expected_calibration_error, reliability

RNG = np.random.default_rng(7)
CONFIDENCE = RNG.uniform(0.34, 1, 500)
CORRECT = RNG.uniform(size=500) < CONFIDENCE**2


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_bins_are_sklearns(binning, strategy):
    accuracy, confidence = calibration_curve(CORRECT, CONFIDENCE, n_bins=10, strategy=strategy)
    bins = reliability(CONFIDENCE, CORRECT, binning=binning)
    # Quantile edges fall between records in one and on them in the other: a record may differ.
    near = 1e-12 if binning == "width" else 0.02
    assert [b.confidence for b in bins] == pytest.approx(list(confidence), abs=near)
    assert [b.accuracy.value for b in bins] == pytest.approx(list(accuracy), abs=near)


def test_ece_is_the_direct_sum():
    index = np.ceil(CONFIDENCE * 10).astype(int)
    expected = sum(
        (index == k).mean() * abs(CORRECT[index == k].mean() - CONFIDENCE[index == k].mean())
        for k in set(index.tolist())
    )
    got = expected_calibration_error(reliability(CONFIDENCE, CORRECT))
    assert got == pytest.approx(expected, abs=1e-12)


def test_ece_by_hand():
    # Bin (.5, .6]: .55 mean, half right, gap .05; bin (.8, .9]: .9, all right, gap .1.
    bins = reliability([0.54, 0.56, 0.9, 0.9], [1, 0, 1, 1])
    assert [(b.low, b.high) for b in bins] == [(0.5, 0.6), (0.8, 0.9)]
    assert expected_calibration_error(bins) == pytest.approx((2 * 0.05 + 2 * 0.1) / 4)
    assert expected_calibration_error([]) is None


@given(
    st.lists(st.tuples(st.integers(0, 20), st.booleans()), min_size=1, max_size=80),
    st.integers(1, 12),
    st.sampled_from(["width", "mass"]),
    st.randoms(),
)
def test_every_verdict_is_in_one_bin_whatever_the_order(rows, bins, binning, random):
    confidence, correct = [c / 20 for c, _ in rows], [r for _, r in rows]
    found = reliability(confidence, correct, bins, binning)
    assert sum(b.accuracy.n for b in found) == len(rows)
    assert all(b.low - 1e-9 <= b.confidence <= b.high + 1e-9 for b in found)
    random.shuffle(rows)
    again = reliability([c / 20 for c, _ in rows], [r for _, r in rows], bins, binning)
    assert [(b.low, b.high, b.accuracy) for b in again] == [
        (b.low, b.high, b.accuracy) for b in found
    ]


def test_mass_bins_hold_equally_many():
    found = reliability(CONFIDENCE, CORRECT, bins=8, binning="mass")
    assert {b.accuracy.n for b in found} <= {62, 63}


def test_a_confidence_outside_its_range_is_refused():
    with pytest.raises(InputError, match=r"lie in \[0, 1\]"):
        reliability([1.2], [True])
    with pytest.raises(InputError, match="equal length"):
        reliability([0.2], [True, False])
