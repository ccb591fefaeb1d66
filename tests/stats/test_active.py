"""The active scheme: what it saves, what it claims, and when it stops."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import scipy.stats

from unireward.stats import Standing
from unireward.stats.active import Active
from unireward.stats.forecast import forecast
from unireward.stats.posterior import BIAS_SCALE, SCALE, Posterior


def judge(n: int, seed: int, *, error: float = 0.06, lean: float = 0.05) -> np.ndarray:
    """Replies [n, n] of a judge that errs as often whatever the distance; 0 is best."""
    rng = np.random.default_rng(seed)
    better = np.triu(np.ones((n, n), dtype=bool), 1)
    return (rng.random((n, n)) < np.where(better, 1 - error + lean, error + lean)).astype(float)


def drive(pairing: Active, replies: np.ndarray) -> Standing:
    while matches := pairing.ask():
        for match in matches:
            pairing.tell(match, float(replies[match.first, match.second]))
    return pairing.standing()


def points(replies: np.ndarray) -> np.ndarray:
    off = ~np.eye(len(replies), dtype=bool)
    return (replies * off).sum(1) + ((1 - replies) * off).sum(0)


def rank_scores(standing: Standing) -> np.ndarray:
    found = np.empty(len(standing.order))
    found[list(standing.order)] = -np.arange(len(found))
    return found


def test_a_judge_without_errors_is_ranked_in_few_calls():
    """16! orders are 44 bits; a sort by insertion takes 49 replies in the worst case."""
    replies = judge(16, 0, error=0.0, lean=0.0)
    spent = []
    for seed in range(5):
        standing = drive(Active(16, seed=seed, budget=72), replies)
        assert scipy.stats.kendalltau(rank_scores(standing), points(replies)).statistic > 0.98
        spent.append(standing.spent)
    assert max(spent) <= 72


def test_a_third_of_the_calls_give_nearly_the_full_ranking():
    """Six judges that err in 6 % of calls: mean tau-b with the ranking by all 240 calls."""
    taus = []
    for seed in range(6):
        replies = judge(16, seed)
        standing = drive(Active(16, seed=seed, budget=84, batch=4, confidence=0.95), replies)
        assert standing.spent == 84
        taus.append(scipy.stats.kendalltau(rank_scores(standing), points(replies)).statistic)
    assert np.mean(taus) > 0.93


def test_it_ends_settled_and_says_which_places_are_not():
    standing = drive(Active(12, seed=1, batch=3), judge(12, 3))
    assert standing.reason == "settled"
    assert standing.expected_tau >= 0.9
    assert standing.spent < 132 / 2
    sure = [True, *(certainty >= 0.9 for certainty in standing.certainty), True]
    assert standing.settled == tuple(a and b for a, b in pairwise(sure))
    assert standing.unsettled == tuple(k for k in range(12) if not (sure[k] and sure[k + 1]))


def test_the_expected_tau_is_that_of_draws_of_how_it_may_end():
    replies = judge(9, 4)
    pairing = Active(9, seed=0, budget=30)
    standing = drive(pairing, replies)
    found = pairing.forecast()
    ends = np.random.default_rng(0).multivariate_normal(found.points, found.covariance, 2000)
    taus = [scipy.stats.kendalltau(rank_scores(standing), end).statistic for end in ends]
    assert standing.expected_tau == pytest.approx(np.mean(taus), abs=0.01)


def test_every_neighbour_settled_costs_more_and_holds():
    replies = judge(10, 7)
    some = drive(Active(10, seed=2, confidence=0.8), replies)
    every = drive(Active(10, seed=2, confidence=0.8, every=True), replies)
    assert every.spent > some.spent
    assert every.reason != "settled" or min(every.certainty) >= 0.8


def test_a_budget_is_the_most_it_spends():
    standing = drive(Active(16, seed=1, budget=30, batch=4), judge(16, 1))
    assert (standing.spent, standing.reason) == (30, "budget")
    assert standing.unsettled


def test_the_best_takes_fewer_calls_than_the_order():
    """Sixteen judges: the best of the full ranking, found with 3 of its 11 calls a candidate."""
    found = []
    for seed in range(16):
        replies = judge(12, seed)
        pairing = Active(12, "best", seed=seed, budget=36, batch=2, confidence=0.95)
        standing = drive(pairing, replies)
        assert standing.spent <= 36
        found.append(points(replies)[standing.order[0]] == points(replies).max())
    assert sum(found) >= 12


def test_top_k_settles_the_few_against_the_rest():
    replies = judge(12, 5, error=0.0, lean=0.0)
    standing = drive(Active(12, "top:3", seed=0, confidence=0.9), replies)
    assert standing.reason == "settled"
    assert set(standing.order[:3]) == {0, 1, 2}
    assert all(standing.settled)
    assert standing.spent < 66


def test_the_bias_is_seen_and_taken_out():
    """All but equal candidates by a judge that takes the first nine times in ten."""
    rng = np.random.default_rng(0)
    replies = (rng.random((12, 12)) < 0.9).astype(float)
    standing = drive(Active(12, seed=0, budget=100, confidence=0.95), replies)
    assert standing.order_bias.low > 0.5
    assert np.ptp([e.value for e in standing.strengths]) < 3.0


def test_coins_cost_no_more_than_all_pairs():
    rng = np.random.default_rng(3)
    replies = (rng.random((8, 8)) < 0.5).astype(float)
    standing = drive(Active(8, seed=0, confidence=0.95, every=True), replies)
    assert standing.spent <= 56
    assert standing.reason in ("settled", "exhausted")


def test_even_replies_are_ties_and_end_it():
    """A judge that says 0.5 of everything leaves nothing to tell apart."""
    standing = drive(Active(5, seed=0, every=True), np.full((5, 5), 0.5))
    assert standing.reason == "exhausted"
    assert standing.tiers == ((0, 1, 2, 3, 4),)
    assert standing.unsettled == (0, 1, 2, 3, 4)


def test_turning_the_candidates_turns_nothing_but_the_names():
    """What is expected of candidates does not depend on which index they have."""
    rng = np.random.default_rng(5)
    replies = judge(7, 5)
    turn = rng.permutation(7)
    one, other = Posterior(7, lapse=0.02), Posterior(7, lapse=0.02)
    told, turned = np.full((7, 7), np.nan), np.full((7, 7), np.nan)
    for a, b in rng.permutation([(a, b) for a in range(7) for b in range(7) if a != b])[:20]:
        one.add(a, b, replies[a, b])
        other.add(int(turn[a]), int(turn[b]), replies[a, b])
        told[a, b] = turned[turn[a], turn[b]] = replies[a, b]
    one.fit()
    other.fit()
    first, second = forecast(told, one), forecast(turned, other)
    assert second.points[turn] == pytest.approx(first.points, abs=1e-6)
    assert second.covariance[np.ix_(turn, turn)] == pytest.approx(first.covariance, abs=1e-6)


def test_the_posterior_is_the_peak_and_curvature_of_its_density():
    rng = np.random.default_rng(2)
    rows = [(0, 1, 1.0), (1, 2, 1.0), (2, 0, 0.3), (1, 0, 0.0), (2, 1, 1.0)]
    posterior = Posterior(3)
    for row in rows:
        posterior.add(*row)
    posterior.fit()

    def density(at: np.ndarray) -> float:
        found = -(at[:3] ** 2).sum() / (2 * SCALE**2) - at[3] ** 2 / (2 * BIAS_SCALE**2)
        for i, j, share in rows:
            x = at[i] - at[j] + at[3]
            found += share * -np.log1p(np.exp(-x)) + (1 - share) * -np.log1p(np.exp(x))
        return float(found)

    for _ in range(20):
        assert density(posterior.mean + 0.01 * rng.normal(size=4)) <= density(posterior.mean)
    step, hessian = 1e-4, np.empty((4, 4))
    for a in range(4):
        for b in range(4):
            da, db = step * np.eye(4)[a], step * np.eye(4)[b]
            hessian[a, b] = sum(
                p * q * density(posterior.mean + p * da + q * db) for p in (1, -1) for q in (1, -1)
            ) / (4 * step**2)
    assert posterior.covariance == pytest.approx(np.linalg.inv(-hessian), rel=1e-3, abs=1e-4)


def test_certainty_is_right_as_often_as_it_says():
    """Of neighbours said to be in order with probability 0.7 to 0.95, at half the calls, that many
    are in the full ranking too (equal ones count half; the upper side is wide, for it is cautious).
    """
    said, right = [], []
    for seed in range(25):
        replies = judge(10, seed)
        standing = drive(Active(10, seed=seed, budget=42, batch=2, confidence=0.97), replies)
        full = points(replies)
        for k, (a, b) in enumerate(pairwise(standing.order)):
            if 0.7 <= standing.certainty[k] <= 0.95:
                said.append(standing.certainty[k])
                right.append((np.sign(full[a] - full[b]) + 1) / 2)
    assert len(said) > 60
    assert np.mean(said) - 0.1 <= np.mean(right) <= np.mean(said) + 0.15
