"""Losses on pairs and groups against their formulas in NumPy and SciPy."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate
from scipy.special import expit, log_expit
from scipy.stats import norm

from unireward.training.objectives import (
    BradleyTerry,
    BradleyTerryOptions,
    Fidelity,
    GaussianPair,
    GaussianPairOptions,
    Objective,
    Outputs,
    PlackettLuce,
    PlackettLuceOptions,
    Term,
)
from unireward.training.objectives.gaussian import log_mean_sigmoid
from unireward.training.objectives.ties import davidson, rao_kupper

NAN = float("nan")


def mean_loss(term: Term, outputs: Outputs, batch: dict[str, Any]) -> tuple[float, dict]:
    objective = Objective([term])
    loss, metrics = objective(outputs, batch, objective.weights(batch))
    return loss.item(), {key.split("/", 1)[1]: value.item() for key, value in metrics.items()}


def one_pair(delta: float, **labels: float) -> tuple[Outputs, dict[str, Any]]:
    rewards = torch.tensor([[delta], [0.0]], dtype=torch.float64)
    batch: dict[str, Any] = {"chosen": torch.tensor([0]), "rejected": torch.tensor([1])}
    for name, value in labels.items():
        batch[name] = torch.tensor([value], dtype=torch.float64)
    return Outputs(rewards=rewards), batch


def loss_of(delta: float, options: dict[str, Any] | None = None, **labels: float) -> float:
    outputs, batch = one_pair(delta, **labels)
    return mean_loss(BradleyTerry(BradleyTerryOptions(**(options or {}))), outputs, batch)[0]


# Bradley-Terry --------------------------------------------------------------------------------


def random_pairs(seed: int, pairs: int = 40) -> tuple[Outputs, dict[str, Any], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=(12, 1)) * 2
    chosen = rng.integers(0, 12, pairs)
    known = {
        "chosen": chosen,
        "rejected": (chosen + rng.integers(1, 12, pairs)) % 12,
        "share": np.where(rng.random(pairs) < 0.4, NAN, rng.random(pairs)),
        "margin": np.where(rng.random(pairs) < 0.3, NAN, rng.normal(size=pairs)),
        "strength": np.where(rng.random(pairs) < 0.2, NAN, rng.integers(0, 4, pairs)),
        "tie": rng.random(pairs) < 0.2,
        "pair_weights": rng.random(pairs),
    }
    batch = {name: torch.from_numpy(values) for name, values in known.items()}
    return Outputs(rewards=torch.from_numpy(rewards)), batch, known


@pytest.mark.parametrize("strength", ["ignore", "scale", "margin"])
@pytest.mark.parametrize("ties", ["ignore", "half", "symmetric", "squared"])
@pytest.mark.parametrize("pair_margins", [False, True])
def test_the_mean_loss_is_the_formula(strength: str, ties: str, pair_margins: bool) -> None:
    outputs, batch, known = random_pairs(1)
    assert outputs.rewards is not None
    margin, smoothing, centring, scale, tie_weight = 0.4, 0.15, 0.02, 2.0, 0.7
    options = BradleyTerryOptions(
        margin=margin, pair_margins=pair_margins, strength=strength, strength_scale=scale,
        label_smoothing=smoothing, ties=ties, centring=centring, tie_weight=tie_weight,
    )  # fmt: skip
    found, metrics = mean_loss(BradleyTerry(options), outputs, batch)

    r = outputs.rewards.numpy()[:, 0]
    total = weight = right = decided = 0.0
    for p in range(len(known["chosen"])):
        c, j = r[known["chosen"][p]], r[known["rejected"][p]]
        d, w, k = c - j, known["pair_weights"][p], known["strength"][p]
        tied = known["tie"][p] or k == 0
        if tied and ties == "ignore":
            continue
        m = margin
        if pair_margins and not math.isnan(known["margin"][p]):
            m = known["margin"][p]
        if strength == "margin" and not math.isnan(k):
            m += scale * k
        if tied:
            each = (
                tie_weight
                * {
                    "half": -0.5 * log_expit(d) - 0.5 * log_expit(-d),
                    "symmetric": -log_expit(d - margin) - log_expit(-d - margin),
                    "squared": d**2,
                }[ties]
            )
        else:
            s = 1.0 if math.isnan(known["share"][p]) else known["share"][p]
            right += w * ((d > 0) == (s > 0.5))
            decided += w
            s = s * (1 - smoothing) + (1 - s) * smoothing
            each = -s * log_expit(d - m) - (1 - s) * log_expit(-d - m)
            if strength == "scale" and not math.isnan(k):
                each *= scale * k
        total += w * (each + centring * (c + j) ** 2)
        weight += w
    assert found == pytest.approx(total / weight, rel=1e-6)
    assert metrics["accuracy"] == pytest.approx(right / decided, rel=1e-6)


def test_a_scaled_pair_is_the_strength_times_the_loss_not_of_a_mean() -> None:
    """HelpSteer2's scaled loss, batched: (3 f(1) + 1 f(-2)) / 2, where one that averages before
    it multiplies gives another number."""
    outputs = Outputs(rewards=torch.tensor([[1.0], [0.0], [-2.0]], dtype=torch.float64))
    batch = {
        "chosen": torch.tensor([0, 2]), "rejected": torch.tensor([1, 1]),
        "strength": torch.tensor([3.0, 1.0]),
    }  # fmt: skip
    found, _ = mean_loss(BradleyTerry(BradleyTerryOptions(strength="scale")), outputs, batch)
    assert found == pytest.approx((-3 * log_expit(1) - log_expit(-2)) / 2)
    wrong = 2 * (-log_expit(1) - log_expit(-2)) / 2
    assert abs(found - wrong) > 0.3


@pytest.mark.parametrize("strength", ["ignore", "scale", "margin"])
def test_a_pair_of_strength_zero_pushes_nobody(strength: str) -> None:
    outputs, batch = one_pair(0.7, strength=0.0)
    term = BradleyTerry(BradleyTerryOptions(strength=strength))
    assert term.weight(batch).item() == 0
    half = BradleyTerry(BradleyTerryOptions(strength=strength, ties="half"))
    outputs.rewards = torch.zeros(2, 1, requires_grad=True)
    half(outputs, batch)[0].backward()
    assert outputs.rewards.grad is not None
    assert outputs.rewards.grad.abs().max().item() == 0


def test_hand_computed_losses() -> None:
    assert loss_of(0.0) == pytest.approx(math.log(2))
    assert loss_of(2.0) == pytest.approx(math.log1p(math.exp(-2)))
    assert loss_of(2.0, {"margin": 2.0}) == pytest.approx(math.log(2))
    assert loss_of(2.0, {"pair_margins": True}, margin=3.0) == pytest.approx(math.log1p(math.e))
    assert loss_of(2.0, {"pair_margins": True, "margin": 2.0}, margin=NAN) == pytest.approx(
        math.log(2)
    )
    assert loss_of(2.0, share=0.5) == pytest.approx(
        0.5 * math.log1p(math.exp(-2)) + 0.5 * math.log1p(math.exp(2))
    )
    assert loss_of(1.5, {"ties": "squared"}, tie=1.0) == pytest.approx(2.25)
    assert loss_of(0.0, {"ties": "symmetric", "margin": 1.0}, tie=1.0) == pytest.approx(
        2 * math.log1p(math.e)
    )


FINITE = st.floats(-1e4, 1e4)


@given(delta=FINITE, share=st.floats(0, 1), tie=st.booleans(), data=st.data())
def test_the_other_order_with_the_other_share_gives_the_same(
    delta: float, share: float, tie: bool, data: st.DataObject
) -> None:
    rules = ["half", "symmetric", "squared", "rao-kupper", "davidson"]
    rule = data.draw(st.sampled_from(rules))
    options: dict[str, Any] = {"ties": rule, "label_smoothing": 0.2, "centring": 0.1}
    if rule not in ("rao-kupper", "davidson"):
        options["margin"] = data.draw(st.floats(-3, 3))
    one = loss_of(delta, options, share=share, tie=float(tie))
    outputs, batch = one_pair(delta, share=1 - share, tie=float(tie))
    batch["chosen"], batch["rejected"] = batch["rejected"], batch["chosen"]
    other, _ = mean_loss(BradleyTerry(BradleyTerryOptions(**options)), outputs, batch)
    assert math.isfinite(one)
    assert other == pytest.approx(one, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize(
    "ties", ["ignore", "half", "symmetric", "squared", "rao-kupper", "davidson"]
)
def test_extreme_differences_stay_finite(dtype: torch.dtype, ties: str) -> None:
    at = [-1e4, -300.0, -1e-4, 0.0, 1e-4, 300.0, 1e4]
    rewards = torch.tensor([[x] for x in at] + [[0.0]], dtype=dtype, requires_grad=True)
    n = len(at)
    for tie in (False, True):
        batch = {
            "chosen": torch.arange(n), "rejected": torch.full((n,), n),
            "tie": torch.full((n,), tie),
        }  # fmt: skip
        loss, _ = BradleyTerry(BradleyTerryOptions(ties=ties))(Outputs(rewards=rewards), batch)
        (gradient,) = torch.autograd.grad(loss, rewards)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()
    hard = BradleyTerry(BradleyTerryOptions())(Outputs(rewards=rewards[:1].float() * 1), {
        "chosen": torch.tensor([0]), "rejected": torch.tensor([0])})[0]  # fmt: skip
    assert hard.item() == pytest.approx(math.log(2))
    # A difference of -1e4 costs 1e4, not infinity.
    far, _ = BradleyTerry()(Outputs(rewards=rewards[[0, n]].float()), {
        "chosen": torch.tensor([0]), "rejected": torch.tensor([1])})  # fmt: skip
    assert far.item() == pytest.approx(1e4, rel=4e-3)


def test_each_dimension_has_its_labels_and_its_weight() -> None:
    rng = np.random.default_rng(5)
    rewards, chosen, rejected = rng.normal(size=(6, 2)), [0, 1, 2], [3, 4, 5]
    share = np.array([[1.0, 0.0], [0.3, 1.0], [1.0, 1.0]])
    weights = np.array([[1.0, 1.0], [1.0, 0.0], [0.5, 1.0]])  # one dimension was not labelled
    tie = np.array([[False, False], [False, False], [False, True]])
    options = BradleyTerryOptions(dimensions=("vq", "ta"), dimension_weights=(2.0, 0.5))
    batch = {
        "chosen": torch.tensor(chosen), "rejected": torch.tensor(rejected),
        "share": torch.tensor(share), "pair_weights": torch.tensor(weights),
        "tie": torch.tensor(tie),
    }  # fmt: skip
    found, metrics = mean_loss(BradleyTerry(options), Outputs(rewards=torch.tensor(rewards)), batch)
    d = rewards[chosen] - rewards[rejected]
    each = -share * log_expit(d) - (1 - share) * log_expit(-d)
    w = weights * np.array([2.0, 0.5]) * ~tie
    assert found == pytest.approx((each * w).sum() / w.sum())
    right = (d > 0) == (share > 0.5)
    assert metrics["accuracy/vq"] == pytest.approx((right * w)[:, 0].sum() / w[:, 0].sum())
    assert metrics["accuracy/ta"] == pytest.approx((right * w)[:, 1].sum() / w[:, 1].sum())
    assert metrics["accuracy"] == pytest.approx((right * w).sum() / w.sum())


def test_a_weighted_sum_of_dimensions_is_one_score() -> None:
    rng = np.random.default_rng(6)
    rewards = rng.normal(size=(4, 3))
    options = BradleyTerryOptions(
        dimensions=("a", "b", "c"), dimension_weights=(0.5, 0.0, 2.0), combine="sum"
    )
    batch = {"chosen": torch.tensor([0, 1]), "rejected": torch.tensor([2, 3])}
    found, metrics = mean_loss(BradleyTerry(options), Outputs(rewards=torch.tensor(rewards)), batch)
    score = rewards @ np.array([0.5, 0.0, 2.0])
    d = score[[0, 1]] - score[[2, 3]]
    assert found == pytest.approx(-log_expit(d).mean())
    assert metrics["margin"] == pytest.approx(d.mean())
    assert metrics["chosen"] == pytest.approx(score[[0, 1]].mean())


def test_metrics_count_ties_apart() -> None:
    rewards = torch.tensor([[2.0], [0.0], [1.0], [1.0]], dtype=torch.float64)
    batch = {
        "chosen": torch.tensor([0, 1, 2, 0, 1]), "rejected": torch.tensor([1, 2, 3, 1, 0]),
        "tie": torch.tensor([False, False, False, True, False]),
        "share": torch.tensor([1.0, 1.0, 1.0, 1.0, 0.2]),
    }  # fmt: skip
    _, metrics = mean_loss(
        BradleyTerry(BradleyTerryOptions(ties="half")), Outputs(rewards=rewards), batch
    )
    # Right: 2 > 0 and, by its share, 0 < 2. Wrong: 0 < 1, and 1 = 1, which decides nothing.
    assert metrics["accuracy"] == pytest.approx(2 / 4)
    assert metrics["margin"] == pytest.approx((2 - 1 + 0 + 2) / 4)
    assert metrics["tie_gap"] == pytest.approx(2.0)


# Tie models -----------------------------------------------------------------------------------


@given(delta=st.floats(-50, 50), width=st.floats(1e-3, 20))
def test_the_three_outcomes_have_probability_one(delta: float, width: float) -> None:
    d, w = torch.tensor(delta, dtype=torch.float64), torch.tensor(width, dtype=torch.float64)
    for outcomes in (rao_kupper(d, w), davidson(d, w.log())):
        assert sum(float(x.exp()) for x in outcomes) == pytest.approx(1.0, abs=1e-12)


@given(delta=st.floats(-8, 8), width=st.floats(0.01, 5))
def test_tie_probabilities_are_the_papers(delta: float, width: float) -> None:
    p, q = math.exp(delta), 1.0  # the two strengths
    theta, nu = 1 + width, width
    d = torch.tensor(delta, dtype=torch.float64)
    found = rao_kupper(d, torch.tensor(math.log(theta), dtype=torch.float64))
    tie = p * q * (theta**2 - 1) / ((p + theta * q) * (q + theta * p))
    expected = [p / (p + theta * q), q / (q + theta * p), tie]
    assert [float(x.exp()) for x in found] == pytest.approx(expected, rel=1e-9)
    found = davidson(d, torch.tensor(math.log(nu), dtype=torch.float64))
    whole = p + q + nu * math.sqrt(p * q)
    assert [float(x.exp()) for x in found] == pytest.approx(
        [p / whole, q / whole, nu * math.sqrt(p * q) / whole], rel=1e-9
    )


@pytest.mark.parametrize("ties", ["rao-kupper", "davidson"])
def test_the_loss_is_minus_the_log_probability_of_what_happened(ties: str) -> None:
    options, share = {"ties": ties, "tie_width": 0.8}, 0.7
    theta, nu, p = 1.8, 0.8, math.exp(1.3)
    if ties == "rao-kupper":
        win, lose = p / (p + theta), 1 / (1 + theta * p)
    else:
        whole = p + 1 + nu * math.sqrt(p)
        win, lose = p / whole, 1 / whole
    assert loss_of(1.3, options) == pytest.approx(-math.log(win), rel=1e-6)
    assert loss_of(1.3, options, tie=1.0) == pytest.approx(-math.log(1 - win - lose), rel=1e-6)
    assert loss_of(1.3, options, share=share) == pytest.approx(
        -share * math.log(win) - (1 - share) * math.log(lose), rel=1e-6
    )


@pytest.mark.parametrize("ties", ["rao-kupper", "davidson"])
def test_a_learned_width_finds_the_share_of_ties(ties: str) -> None:
    """Between equals, a width fitted to 40 ties in 100 says 0.4."""
    term = BradleyTerry(BradleyTerryOptions(ties=ties, learn_tie_width=True)).double()
    batch = {
        "chosen": torch.zeros(100, dtype=torch.long), "rejected": torch.ones(100, dtype=torch.long),
        "tie": torch.arange(100) < 40,
    }  # fmt: skip
    outputs = Outputs(rewards=torch.zeros(2, 1, dtype=torch.float64))
    for _ in range(100):  # plain descent: one number, and a bowl
        (slope,) = torch.autograd.grad(term(outputs, batch)[0], list(term.parameters()))
        with torch.no_grad():
            term.log_width -= 0.02 * slope
    found = term.outcomes(torch.zeros((), dtype=torch.float64)).tie.exp().item()
    assert found == pytest.approx(0.4, abs=1e-4)


@pytest.mark.parametrize("ties", ["rao-kupper", "davidson"])
def test_without_width_the_tie_models_are_bradley_terry(ties: str) -> None:
    narrow = {"ties": ties, "tie_width": 1e-9}
    assert loss_of(0.9, narrow) == pytest.approx(loss_of(0.9), abs=1e-6)


# Groups ---------------------------------------------------------------------------------------


def group_loss(scores: list[float], tiers: list[int], **options: Any) -> float:
    n = len(scores)
    batch = {
        "ranking": torch.arange(n), "ranking_group": torch.zeros(n, dtype=torch.long),
        "ranking_tier": torch.tensor(tiers),
    }  # fmt: skip
    rewards = torch.tensor(scores, dtype=torch.float64)[:, None]
    term = PlackettLuce(PlackettLuceOptions(**options))
    return mean_loss(term, Outputs(rewards=rewards), batch)[0]


def test_plackett_luce_is_the_probability_of_the_ranking() -> None:
    scores = [0.3, -1.2, 2.0, 0.7]
    strength = np.exp(scores)
    total = 0.0
    for order in itertools.permutations(range(4)):
        probability = np.prod([strength[i] / strength[list(order[k:])].sum()
                               for k, i in enumerate(order)])  # fmt: skip
        tiers = [order.index(i) for i in range(4)]
        assert group_loss(scores, tiers) == pytest.approx(-math.log(probability))
        total += math.exp(-group_loss(scores, tiers))
    assert total == pytest.approx(1.0)


def test_plackett_luce_of_two_is_bradley_terry() -> None:
    assert group_loss([0.4, 1.1], [0, 1]) == pytest.approx(loss_of(0.4 - 1.1))


def test_equals_are_each_the_best_of_themselves_and_the_worse() -> None:
    a, b, c, d = 0.2, -0.4, 1.0, 0.1
    found = group_loss([a, b, c, d], [0, 0, 1, 1])
    expected = sum(np.log(np.exp([x, c, d]).sum()) - x for x in (a, b))
    assert found == pytest.approx(expected)
    assert group_loss([a, b, c, d], [0, 0, 1, 1], per="choice") == pytest.approx(expected / 2)
    swapped = group_loss([b, a, d, c], [0, 0, 1, 1])
    assert swapped == pytest.approx(found)


def test_groups_do_not_mix_and_one_tier_says_nothing() -> None:
    batch = {
        "ranking": torch.tensor([0, 3, 1, 2, 4, 5]),
        "ranking_group": torch.tensor([7, 7, 2, 2, 9, 9]),
        "ranking_tier": torch.tensor([1, 0, 0, 1, 0, 0]),
    }
    r = [0.1, 0.5, -0.3, 2.0, 1.0, 3.0]
    outputs = Outputs(rewards=torch.tensor(r, dtype=torch.float64)[:, None])
    term = PlackettLuce()
    assert term.weight(batch).item() == 2
    found, metrics = mean_loss(term, outputs, batch)
    assert found == pytest.approx((-log_expit(2.0 - 0.1) - log_expit(0.5 + 0.3)) / 2)
    assert metrics["accuracy"] == 1.0


# Gaussian -------------------------------------------------------------------------------------


def gaussian(options: dict[str, Any], mu: list[float], sigma: list[float], **labels: Any) -> float:
    outputs = Outputs(
        rewards=torch.tensor(mu, dtype=torch.float64)[:, None],
        sigma=torch.tensor(sigma, dtype=torch.float64)[:, None],
    )
    batch = {"chosen": torch.tensor([0]), "rejected": torch.tensor([1]), **labels}
    return mean_loss(GaussianPair(GaussianPairOptions(**options)), outputs, batch)[0]


@given(mu=st.tuples(st.floats(-5, 5), st.floats(-5, 5)),
       sigma=st.tuples(st.floats(0.1, 3), st.floats(0.1, 3)), share=st.floats(0, 1))  # fmt: skip
def test_probit_pairs_are_scipys_normal(
    mu: tuple[float, float], sigma: tuple[float, float], share: float
) -> None:
    z = (mu[0] - mu[1]) / math.hypot(*sigma)
    expected = -share * norm.logcdf(z) - (1 - share) * norm.logcdf(-z)
    found = gaussian({}, list(mu), list(sigma), share=torch.tensor([share], dtype=torch.float64))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(
    ("mean", "deviation", "error"),
    [(0.0, 1.0, 1e-9), (1.5, 0.3, 1e-9), (-4.0, 2.0, 1e-9), (2.0, 10.0, 1e-9), (9.0, 30.0, 1e-4)],
)
def test_the_logistic_link_is_the_integral(mean: float, deviation: float, error: float) -> None:
    expected, _ = integrate.quad(
        lambda t: expit(mean + deviation * t) * norm.pdf(t), -20, 20, limit=500, epsabs=1e-12,
        points=[0.0, -mean / deviation],
    )  # fmt: skip
    args = (torch.tensor(mean, dtype=torch.float64), torch.tensor(deviation, dtype=torch.float64))
    win, lose = log_mean_sigmoid(*args).exp(), log_mean_sigmoid(-args[0], args[1]).exp()
    assert win.item() == pytest.approx(expected, abs=error)
    assert (win + lose).item() == pytest.approx(1.0, abs=1e-12)
    sigma = deviation / math.sqrt(2)
    found = gaussian({"link": "logistic"}, [mean, 0.0], [sigma, sigma])
    assert found == pytest.approx(-math.log(expected), abs=2e-4)


def test_certain_logistic_scores_are_bradley_terry() -> None:
    found = gaussian({"link": "logistic"}, [1.3, 0.2], [1e-6, 1e-6])
    assert found == pytest.approx(loss_of(1.1), abs=1e-6)


def test_a_weighted_sum_of_gaussians_adds_variances_by_squares() -> None:
    mu = torch.tensor([[1.0, 0.0], [0.5, 0.2]], dtype=torch.float64)
    sigma = torch.tensor([[0.3, 0.4], [0.5, 0.6]], dtype=torch.float64)
    options = GaussianPairOptions(
        dimensions=("a", "b"), dimension_weights=(2.0, 1.0), combine="sum"
    )
    batch = {"chosen": torch.tensor([0]), "rejected": torch.tensor([1])}
    found, _ = mean_loss(GaussianPair(options), Outputs(rewards=mu, sigma=sigma), batch)
    z = (2 * 0.5 - 0.2) / math.sqrt(4 * (0.09 + 0.25) + 0.16 + 0.36)
    assert found == pytest.approx(-norm.logcdf(z))


@pytest.mark.parametrize("link", ["probit", "logistic"])
@pytest.mark.parametrize("term", [GaussianPair, Fidelity])
def test_certain_and_wrong_stays_finite(term: type[GaussianPair], link: str) -> None:
    at = torch.tensor([-1e4, -50.0, 0.0, 50.0, 1e4])[:, None].requires_grad_()
    sigma = torch.full((5, 1), 0.7, requires_grad=True)
    batch = {"chosen": torch.arange(5), "rejected": torch.full((5,), 2)}
    loss, _ = term(GaussianPairOptions(link=link))(Outputs(rewards=at, sigma=sigma), batch)
    gradients = torch.autograd.grad(loss, (at, sigma))
    assert torch.isfinite(loss)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


@given(delta=st.floats(-6, 6), share=st.floats(0, 1))
def test_fidelity_is_the_papers_and_bounded(delta: float, share: float) -> None:
    outputs, batch = one_pair(delta, share=share)
    found, _ = mean_loss(Fidelity(), outputs, batch)
    p = norm.cdf(delta / math.sqrt(2))  # without a Gaussian head each deviation is 1
    expected = 1 - math.sqrt(p * share) - math.sqrt((1 - p) * (1 - share))
    assert found == pytest.approx(expected, abs=1e-9)
    assert -1e-12 <= found <= 1


def test_fidelity_is_zero_where_the_share_is_met() -> None:
    share = float(norm.cdf(0.8 / math.sqrt(2)))
    outputs, batch = one_pair(0.8, share=share)
    assert mean_loss(Fidelity(), outputs, batch)[0] == pytest.approx(0.0, abs=1e-12)
