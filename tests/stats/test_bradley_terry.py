"""Strengths against scipy's maximum, a published fit, and what symmetry demands."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.stats import (
    Comparisons,
    bayesian_bootstrap,
    elo_scale,
    fit_bradley_terry,
    fit_davidson,
)

JOURNALS = ["Biometrika", "Communications in Statistics", "JASA", "JRSS-B"]
CITED = [(0, 1, 730, 33), (0, 2, 498, 320), (0, 3, 221, 284), (1, 2, 68, 813), (1, 3, 17, 276),
         (2, 3, 142, 325)]  # fmt: skip


def likelihood(theta: np.ndarray, data: Comparisons, prior: float) -> float:
    """Written out anew: minus the log likelihood of strengths, order bias and log of nu."""
    n = len(data.names)
    s, bias, nu = theta[:n], theta[n], np.exp(theta[n + 1])
    x = s[data.first] - s[data.second] + bias
    norm = np.log(np.exp(x / 2) + np.exp(-x / 2) + 2 * nu)
    found = data.wins @ (x / 2 - norm) + data.losses @ (-x / 2 - norm)
    found += data.ties @ (np.log(2 * nu) - norm) if data.ties.any() else 0.0
    found += prior * (scipy.special.log_expit(s) + scipy.special.log_expit(-s)).sum()
    return -found


def drawn(seed: int, n: int = 9, m: int = 260, ties: float = 0.25) -> Comparisons:
    rng = np.random.default_rng(seed)
    s = rng.normal(size=n)
    i = rng.integers(0, n, m)
    j = (i + rng.integers(1, n, m)) % n
    share = (rng.random(m) < scipy.special.expit(s[i] - s[j] + 0.4)).astype(float)
    share[rng.random(m) < ties] = 0.5
    soft = rng.random(m) < 0.3
    share[soft] = np.abs(share[soft] - 0.2)
    return Comparisons.of(i, j, share, rng.uniform(0.5, 2, m))


@pytest.mark.parametrize("prior", [0.0, 0.7])
@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("order_bias", [False, True])
def test_it_is_the_maximum_that_scipy_finds(prior, ties, order_bias):
    data = drawn(3, ties=0.25 if ties else 0.0)
    if ties:
        fit = fit_davidson(data, prior=prior, order_bias=order_bias)
    else:
        fit = fit_bradley_terry(data, prior=prior, order_bias=order_bias)
    n = len(data.names)
    free = np.r_[np.full(n, True), order_bias, ties]
    start = np.r_[np.zeros(n + 1), 0.0 if ties else -60.0]

    def of(some: np.ndarray) -> float:
        theta = start.copy()
        theta[free] = some
        return likelihood(theta, data, prior)

    best = scipy.optimize.minimize(of, start[free], method="BFGS", options={"gtol": 1e-8})
    theta = start.copy()
    theta[free] = best.x
    assert fit.converged
    assert fit.log_likelihood == pytest.approx(-of(best.x), abs=1e-6)
    assert fit.strengths == pytest.approx(theta[:n] - theta[:n].mean(), abs=2e-6)
    assert fit.strengths.sum() == pytest.approx(0, abs=1e-12)
    if order_bias:
        assert fit.order_bias == pytest.approx(theta[n], abs=2e-6)
    if ties:
        assert fit.ties == pytest.approx(2 * np.exp(theta[n + 1]), abs=2e-6)


def test_without_a_covariance_the_iteration_alone_finds_the_same():
    data = drawn(8)
    whole, bare = fit_davidson(data), fit_davidson(data, covariance=False)
    assert bare.converged
    assert bare.strengths == pytest.approx(whole.strengths, abs=1e-8)
    with pytest.raises(InputError, match="covariance=True"):
        bare.intervals()


def test_the_published_fit_of_journals():
    """Citations among four journals (Stigler 1994; Agresti 2002, page 448), as the vignette of
    BradleyTerry2 (Turner and Firth) fits them: strengths and errors against Biometrika."""
    rows = [
        {"first": JOURNALS[i], "second": JOURNALS[j], "outcome": outcome, "weight": weight}
        for i, j, won, lost in CITED
        for outcome, weight in (("first", won), ("second", lost))
    ]
    fit = fit_bradley_terry(Comparisons.from_rows(rows), order_bias=False)
    c = fit.covariance
    assert c is not None
    errors = [np.sqrt(c[0, 0] + c[k, k] - 2 * c[0, k]) for k in (1, 2, 3)]
    assert fit.names == tuple(JOURNALS)
    assert fit.strengths - fit.strengths[0] == pytest.approx(
        [0, -2.94907, -0.47957, 0.26895], abs=5e-6
    )
    assert errors == pytest.approx([0.10255, 0.06059, 0.07083], abs=5e-6)


def test_two_items_by_hand():
    """60 of 80 won: log odds of 3, with variance 1 / (80 * 3/4 * 1/4) of the difference."""
    data = Comparisons.of([0, 0], [1, 1], [1, 0], [60, 20])
    fit = fit_bradley_terry(data, order_bias=False)
    assert fit.strengths == pytest.approx([np.log(3) / 2, -np.log(3) / 2])
    assert fit.intervals()[0].high - fit.strengths[0] == pytest.approx(
        1.959964 * np.sqrt(1 / 15) / 2, rel=1e-5
    )
    assert fit.probability(0, 1) == pytest.approx(0.75)
    assert elo_scale(fit.strengths) == pytest.approx([1095.42, 904.58], abs=0.01)
    assert elo_scale(fit.strengths, item=1)[0] == pytest.approx(1190.85, abs=0.01)


def test_the_covariance_is_the_inverse_of_a_hessian_by_differences():
    data = drawn(5)
    fit = fit_davidson(data)
    n = len(data.names)
    at = np.r_[fit.strengths, fit.order_bias, np.log(fit.ties / 2)]
    step, size = 1e-4, n + 2
    hessian = np.empty((size, size))
    for a in range(size):
        for b in range(size):
            move = np.zeros((2, size))
            move[0, a] = move[1, b] = step
            hessian[a, b] = sum(
                p * q * likelihood(at + p * move[0] + q * move[1], data, 0.0)
                for p in (1, -1)
                for q in (1, -1)
            ) / (4 * step**2)
    # The strengths' level is free; on the plane of sum 0 the pseudo-inverse is the covariance.
    flat = np.eye(size)
    flat[:n, :n] -= 1 / n
    inverse = np.linalg.pinv(flat @ hessian @ flat, rcond=1e-6)
    assert fit.covariance == pytest.approx(inverse[:n, :n], abs=1e-4)
    assert fit.order_bias_error == pytest.approx(np.sqrt(inverse[n, n]), abs=1e-4)
    assert fit.ties_error == pytest.approx(np.sqrt(inverse[n + 1, n + 1]), abs=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.permutations(range(6)))
def test_labels_mean_nothing_and_turning_every_pair_turns_the_bias(seed, turn):
    data = drawn(seed, n=6, m=90)
    fit = fit_davidson(data, prior=0.5)
    by = np.array(turn)
    other = fit_davidson(
        Comparisons(data.names, by[data.first], by[data.second], data.wins, data.ties, data.losses),
        prior=0.5,
    )
    assert other.strengths[by] == pytest.approx(fit.strengths, abs=1e-7)
    swapped = fit_davidson(
        Comparisons(data.names, data.second, data.first, data.losses, data.ties, data.wins),
        prior=0.5,
    )
    assert swapped.strengths == pytest.approx(fit.strengths, abs=1e-7)
    assert swapped.order_bias == pytest.approx(-fit.order_bias, abs=1e-7)


def test_full_round_robins_rank_as_win_counts_do():
    rng = np.random.default_rng(2)
    i, j = np.nonzero(~np.eye(8, dtype=bool))
    share = (rng.random(len(i)) < 0.3 + 0.4 * (i < j)).astype(float)
    fit = fit_bradley_terry(Comparisons.of(i, j, share))
    points = np.bincount(i, share, 8) + np.bincount(j, 1 - share, 8)
    assert np.corrcoef(fit.strengths, points)[0, 1] > 0.99
    for a in range(8):
        for b in range(8):
            assert np.sign(np.round(fit.strengths[a] - fit.strengths[b], 8)) == np.sign(
                points[a] - points[b]
            )


def test_the_bias_does_not_move_the_strengths():
    """The same pairs, each in both orders, by a judge that adds 1.5 log odds to the first."""
    s = np.linspace(-1, 1, 5)
    i, j = np.nonzero(~np.eye(5, dtype=bool))
    fit = fit_bradley_terry(Comparisons.of(i, j, scipy.special.expit(s[i] - s[j] + 1.5)))
    assert fit.strengths == pytest.approx(s, abs=1e-8)
    assert fit.order_bias == pytest.approx(1.5, abs=1e-8)
    assert fit.order_bias_interval().low < 1.5 < fit.order_bias_interval().high


def test_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(0)
    s = np.linspace(-1.2, 1.2, 6)
    i, j = map(np.tile, np.nonzero(~np.eye(6, dtype=bool)), (12, 12))
    held = boot = 0
    for trial in range(60):
        share = (rng.random(len(i)) < scipy.special.expit(s[i] - s[j] + 0.3)).astype(float)
        data = Comparisons.of(i, j, share)
        fit = fit_bradley_terry(data)
        held += sum(e.low <= t <= e.high for e, t in zip(fit.intervals(), s))
        if trial < 12:
            again = bayesian_bootstrap(data, fit, resamples=60)
            boot += sum(e.low <= t <= e.high for e, t in zip(again, s))
    assert 0.91 <= held / 360 <= 0.985
    assert boot / 72 >= 0.85


def test_groups_that_never_met_are_named_unless_a_prior_joins_them():
    rows = [("a", "b", 1), ("b", "a", 0), ("c", "d", 1), ("d", "c", 1)]
    data = Comparisons.from_rows([dict(zip(("first", "second", "outcome"), row)) for row in rows])
    with pytest.raises(InputError, match=r"2 groups that never met: a, b; c, d; .* prior=1"):
        fit_bradley_terry(data)
    fit = fit_bradley_terry(data, prior=1)
    assert fit.components == (("a", "b"), ("c", "d"))
    assert np.isfinite(fit.strengths).all()


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([("a", "b", 1), ("a", "c", 1), ("b", "c", 1), ("c", "b", 1)], "a never lost to"),
        ([("a", "b", 1), ("b", "a", 1), ("a", "c", 1), ("b", "c", 1)], "c never beat"),
    ],
)
def test_a_perfect_record_is_infinite_without_a_prior(rows, said):
    data = Comparisons.from_rows([dict(zip(("first", "second", "outcome"), row)) for row in rows])
    with pytest.raises(InputError, match=said):
        fit_bradley_terry(data, order_bias=False)
    fit = fit_bradley_terry(data, prior=0.5, order_bias=False)
    assert np.abs(fit.strengths).max() < 4


def test_newmans_player_by_hand():
    """Two items, one win, one pseudo-win and loss each: the slope is 0 at the strength found."""
    fit = fit_bradley_terry(Comparisons.of([0], [1], [1.0]), prior=1.0, order_bias=False)
    s = float(fit.strengths[0])
    assert scipy.special.expit(-2 * s) + 1 - 2 * scipy.special.expit(s) == pytest.approx(
        0, abs=1e-9
    )


def test_what_the_orders_cannot_tell_is_refused():
    chain = Comparisons.of([0, 0, 1, 1], [1, 1, 2, 2], [1, 0, 1, 0], [3, 1, 2, 1])
    with pytest.raises(InputError, match="in both orders or set order_bias=False"):
        fit_bradley_terry(chain)
    assert fit_bradley_terry(chain, order_bias=False).converged
    with pytest.raises(InputError, match="shown first took every comparison"):
        fit_bradley_terry(Comparisons.of([0, 1], [1, 0], [1, 1]))


def test_a_long_chain_is_finished():
    """500 items that each met only the next: simple iteration needs some 100,000 rounds there."""
    i = np.repeat(np.arange(499), 2)
    fit = fit_bradley_terry(
        Comparisons.of(i, i + 1, np.tile([1.0, 0.0], 499), np.tile([1.2, 1.0], 499)),
        order_bias=False,
    )
    assert fit.converged
    assert np.diff(fit.strengths) == pytest.approx(np.full(499, -np.log(1.2)), abs=1e-6)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"first": "a", "second": "a", "outcome": 1}, "comparison 1: an item compared with itself"),
        ({"first": "a", "second": "b", "outcome": float("nan")}, "comparison 1: outcome is nan"),
        ({"first": "a", "second": "b", "outcome": None}, "leave out what was not read"),
        ({"first": "a", "second": "b", "outcome": True}, "comparison 1: outcome is True"),
        ({"first": "a", "outcome": 1}, "comparison 1: second is None"),
        ({"first": "a", "second": "b", "outcome": 1, "weight": -1}, "comparison 1: weight is -1"),
        ({"first": "a", "second": "b", "outcome": {"first": 0.5, "tie": 0.1}}, "sum to 1"),
    ],
)
def test_rows_that_cannot_be_used_are_named(row, said):
    with pytest.raises(InputError, match=said):
        Comparisons.from_rows([{"first": "a", "second": "b", "outcome": 1}, row])


def test_arrays_that_cannot_be_used_are_named():
    with pytest.raises(InputError, match="comparison 1: an outcome outside"):
        Comparisons.of([0, 1], [1, 0], [1, 1.5])
    with pytest.raises(InputError, match="comparison 0: an item beyond 2"):
        Comparisons.of([0], [2], [1], items=2)
    with pytest.raises(InputError, match="equal length"):
        Comparisons.of([0], [1], [1, 0])
    with pytest.raises(InputError, match="needs two items"):
        fit_bradley_terry(Comparisons.of([], [], []))
