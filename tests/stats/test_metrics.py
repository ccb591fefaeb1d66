"""Metrics against scipy and against tables counted by hand."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.stats import accuracy, concordance, position_agreement, spearman
from unireward.stats.metrics import average_ranks

WINNERS = ["a", "b", "tie", "tie", None, "a", "b"]
TRUTHS = ["a", "a", "tie", "b", "b", None, "b"]


@pytest.mark.parametrize(
    ("options", "value", "n"),
    [
        ({}, 3 / 5, 5),  # right: 1st, 3rd, 7th; the unread one and the unknown truth are out
        ({"unread": "wrong"}, 3 / 6, 6),
        ({"unread": "half"}, 3.5 / 6, 6),
        ({"ties": "without"}, 2 / 4, 4),  # the true tie is out, the judged tie is wrong
        ({"ties": "without", "tie_credit": 0.5}, 2.5 / 4, 4),
    ],
)
def test_accuracy_counted_by_hand(options, value, n):
    got = accuracy(WINNERS, TRUTHS, **options)
    assert got is not None
    assert (got.value, got.n) == (pytest.approx(value), n)


def test_accuracy_of_nothing_is_none_and_lengths_must_agree():
    assert accuracy([None], ["a"]) is None
    assert accuracy(["a"], ["tie"], ties="without") is None
    with pytest.raises(InputError, match="2 winners for 1 truths"):
        accuracy(["a", "b"], ["a"])


scores = st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=4, max_size=60)


@given(scores)
def test_spearman_is_scipys_ties_included(pairs):
    x, y = map(list, zip(*pairs))
    got = spearman(x, y)
    if len(set(x)) == 1 or len(set(y)) == 1:
        assert got is None
        return
    assert got is not None
    assert got.value == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-9)
    assert -1 <= got.low <= got.value <= got.high <= 1


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40))
def test_average_ranks_are_scipys(values):
    assert average_ranks(values).tolist() == scipy.stats.rankdata(values).tolist()


def test_spearman_interval_by_hand_and_undefined_cases():
    # Ranks 1..5 against 2 1 4 3 5: r = 1 - 6 * 4 / (5 * 24) = 0.8, se = sqrt(1.32 / 2)
    got = spearman([1, 2, 3, 4, 5], [2, 1, 4, 3, 5])
    assert got is not None
    assert got.value == pytest.approx(0.8)
    half = 1.959964 * np.sqrt(1.32 / 2)
    assert got.low == pytest.approx(np.tanh(np.arctanh(0.8) - half), abs=1e-6)
    assert got.high == pytest.approx(np.tanh(np.arctanh(0.8) + half), abs=1e-6)
    assert spearman([1, 2, 3], [1, 2, 3]) is None
    perfect = spearman(range(9), range(9))
    assert perfect is not None
    assert perfect.to_dict() == {"value": 1, "low": 1, "high": 1, "n": 9}
    with pytest.raises(InputError, match="finite"):
        spearman([1, 2, 3, float("nan")], [1, 2, 3, 4])


def test_concordance_counts_pairs_whose_truth_differs():
    # truths 3 > 2 = 2 > 1 give five pairs; scores put four right and leave one undecided.
    assert concordance([0.9, 0.5, 0.4, 0.5], [3, 2, 2, 1]) == (3.5, 5)
    assert concordance([1.0, 0.0], [2, 2]) == (0.0, 0)


def test_position_agreement_takes_booleans_and_rates():
    got = position_agreement([True, False, None, 0.5])
    assert got is not None
    assert (got.value, got.n) == (0.5, 3)
    assert position_agreement([None]) is None
