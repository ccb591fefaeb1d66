"""Losses on tokens and on single scores against their formulas in NumPy and SciPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import expit, log_expit, log_softmax, logsumexp
from scipy.stats import norm
from sklearn.metrics import log_loss

from unireward.training.objectives import (
    Absolute,
    AbsoluteOptions,
    Auxiliary,
    AuxiliaryOptions,
    Caption,
    Objective,
    Outputs,
    Regression,
    RegressionOptions,
    Sft,
    SftOptions,
    Term,
    Words,
    WordsOptions,
    YesNo,
    YesNoOptions,
    sequence_logps,
)

NAN = float("nan")


def mean_loss(term: Term, outputs: Outputs, batch: dict[str, Any]) -> tuple[float, dict]:
    objective = Objective([term])
    loss, metrics = objective(outputs, batch, objective.weights(batch))
    return loss.item(), {key.split("/", 1)[1]: value.item() for key, value in metrics.items()}


def logits_of(seed: int, m: int = 30, v: int = 11) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(m, v)) * 3


# sft ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_of_weighted_tokens(smoothing: float) -> None:
    logits, rng = logits_of(1), np.random.default_rng(2)
    targets = rng.integers(0, 11, 30)
    targets[rng.random(30) < 0.3] = -100
    targets[5] = logits[5].argmax()
    weights = rng.random(30)
    batch = {"targets": torch.tensor(targets), "target_weights": torch.tensor(weights)}
    found, metrics = mean_loss(
        Sft(SftOptions(label_smoothing=smoothing)), Outputs(torch.tensor(logits)), batch
    )
    known = targets >= 0
    logp = log_softmax(logits, axis=1)[known]
    said = -logp[np.arange(known.sum()), targets[known]]
    each = (1 - smoothing) * said - smoothing * logp.mean(1)
    w = weights[known]
    assert found == pytest.approx((each * w).sum() / w.sum())
    right = logits[known].argmax(1) == targets[known]
    assert metrics["accuracy"] == pytest.approx((right * w).sum() / w.sum())
    assert metrics["accuracy"] > 0


def test_without_weights_every_token_counts_once() -> None:
    logits, targets = logits_of(3), np.arange(30) % 11
    found, _ = mean_loss(Sft(), Outputs(torch.tensor(logits)), {"targets": torch.tensor(targets)})
    p = np.exp(log_softmax(logits, axis=1))
    assert found == pytest.approx(log_loss(targets, p, labels=range(11)))
    named, _ = mean_loss(Caption(), Outputs(torch.tensor(logits)),
                         {"targets": torch.tensor(targets)})  # fmt: skip
    assert (named, Caption().name) == (found, "caption")


def test_a_weight_on_an_ignored_token_is_no_weight() -> None:
    batch = {"targets": torch.tensor([1, -100]), "target_weights": torch.tensor([0.5, 9.0])}
    assert Sft().weight(batch).item() == 0.5


def test_log_probabilities_of_sequences() -> None:
    logits = logits_of(4, m=5)
    sums, counts = sequence_logps(
        torch.tensor(logits), torch.tensor([3, -100, 1, 2, 0]), torch.tensor([2, 2, 0, 2, 0]), 4
    )
    logp = log_softmax(logits, axis=1)
    assert sums.tolist() == pytest.approx([logp[2, 1] + logp[4, 0], 0, logp[0, 3] + logp[3, 2], 0])
    assert counts.tolist() == [2, 0, 2, 0]


# yes-no ---------------------------------------------------------------------------------------


def test_yes_no_is_a_soft_cross_entropy_of_the_two_answers() -> None:
    logits = logits_of(5, m=6)
    share = np.array([1.0, 0.0, 0.5, NAN, 0.7, 0.2])
    weights = np.array([1.0, 2.0, 3.0, 100.0, 0.5, 0.0])
    batch = {"yes_share": torch.tensor(share), "yes_weights": torch.tensor(weights)}
    found, metrics = mean_loss(
        YesNo(YesNoOptions(yes=(1, 4), no=(2,))), Outputs(torch.tensor(logits)), batch
    )
    known = ~np.isnan(share)
    x, s, w = logits[known], share[known], weights[known]
    gap = logsumexp(x[:, [1, 4]], axis=1) - x[:, 2]
    each = -s * log_expit(gap) - (1 - s) * log_expit(-gap)
    assert found == pytest.approx((each * w).sum() / w.sum())
    assert metrics["p"] == pytest.approx((expit(gap) * w).sum() / w.sum())
    held = np.exp(logsumexp(x[:, [1, 2, 4]], axis=1) - logsumexp(x, axis=1))
    assert metrics["mass"] == pytest.approx((held * w).sum() / w.sum())
    decided = w * (s != 0.5)
    right = (gap > 0) == (s > 0.5)
    assert metrics["accuracy"] == pytest.approx((right * decided).sum() / decided.sum())


def test_yes_no_with_the_shares_swapped_is_no_yes() -> None:
    logits, share = logits_of(6, m=4), torch.tensor([0.1, 1.0, 0.6, 0.5])
    one, _ = mean_loss(YesNo(YesNoOptions(yes=(1,), no=(2,))), Outputs(torch.tensor(logits)),
                       {"yes_share": share})  # fmt: skip
    other, _ = mean_loss(YesNo(YesNoOptions(yes=(2,), no=(1,))), Outputs(torch.tensor(logits)),
                         {"yes_share": 1 - share})  # fmt: skip
    assert one == pytest.approx(other, rel=1e-6)


def test_yes_no_stays_finite_at_extreme_logits() -> None:
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    term = YesNo(YesNoOptions(yes=(0,), no=(1,)))
    loss, _ = term(Outputs(logits), {"yes_share": torch.tensor([0.0, 0.0])})
    loss.backward()
    assert loss.item() == pytest.approx(2e4)
    assert logits.grad is not None
    assert logits.grad[0].tolist() == pytest.approx([1.0, -1.0])
    assert logits.grad[1].tolist() == [0.0, 0.0]


# words, auxiliary -----------------------------------------------------------------------------


def test_words_reads_two_rows_of_the_vocabulary() -> None:
    logits = logits_of(7, m=5)
    words = [1, -100, 0, 1, 1]
    found, metrics = mean_loss(
        Words(WordsOptions(wrong=3, right=8)), Outputs(torch.tensor(logits)),
        {"words": torch.tensor(words)},
    )  # fmt: skip
    rows, labels = logits[[0, 2, 3, 4]][:, [3, 8]], [1, 0, 1, 1]
    logp = log_softmax(rows, axis=1)
    assert found == pytest.approx(-logp[range(4), labels].mean())
    assert metrics["accuracy"] == pytest.approx((rows.argmax(1) == labels).mean())


def test_auxiliary_is_the_mean_squared_error_of_what_is_known() -> None:
    found = np.random.default_rng(8).normal(size=(4, 3))
    target = found + np.arange(12).reshape(4, 3) / 10
    target[1, 2] = target[3] = NAN
    loss, metrics = mean_loss(
        Auxiliary(AuxiliaryOptions(field="score")),
        Outputs(aux={"score": torch.tensor(found)}),
        {"aux_score": torch.tensor(target)},
    )
    off = np.array([0, 1, 2, 3, 4, 6, 7, 8]) / 10
    assert loss == pytest.approx((off**2).mean())
    assert metrics["mae"] == pytest.approx(off.mean())


# Scores of single candidates ------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["mse", "huber", "nll"])
def test_regression_is_the_formula(kind: str) -> None:
    rng = np.random.default_rng(9)
    mu, sigma, y = rng.normal(size=(8, 2)), rng.random((8, 2)) + 0.2, rng.normal(size=(8, 2)) * 2
    y[2, 0] = y[5] = NAN
    rows, dims, delta = rng.random(8), (2.0, 0.5), 0.8
    options = RegressionOptions(loss=kind, delta=delta, dimension_weights=dims)
    found, metrics = mean_loss(
        Regression(options),
        Outputs(rewards=torch.tensor(mu), sigma=torch.tensor(sigma)),
        {"scores": torch.tensor(y), "score_weights": torch.tensor(rows)},
    )
    off = mu - y
    each = {
        "mse": off**2,
        "huber": np.where(abs(off) <= delta, off**2 / 2, delta * (abs(off) - delta / 2)),
        "nll": -norm.logpdf(y, mu, sigma),
    }[kind]
    w = np.where(np.isnan(y), 0, rows[:, None] * np.array(dims))

    def mean(values: np.ndarray) -> float:
        return float(np.nansum(values * w) / w.sum())

    assert found == pytest.approx(mean(each), rel=1e-6)
    assert metrics["mae"] == pytest.approx(mean(abs(off)), rel=1e-6)
    assert metrics["bias"] == pytest.approx(mean(off), rel=1e-6)
    if kind == "nll":
        assert metrics["spread"] == pytest.approx(mean((off / sigma) ** 2), rel=1e-6)


def test_the_best_sigma_is_the_deviation_of_the_errors() -> None:
    y = torch.tensor([[1.0], [-2.0], [0.5], [2.5]], dtype=torch.float64)
    rms = float(y.square().mean().sqrt())

    def at(sigma: float) -> float:
        outputs = Outputs(rewards=torch.zeros_like(y), sigma=torch.full_like(y, sigma))
        return mean_loss(Regression(RegressionOptions(loss="nll")), outputs, {"scores": y})[0]

    assert at(rms) < min(at(rms * 0.99), at(rms * 1.01))


def test_absolute_is_a_cross_entropy_of_the_sign() -> None:
    rng = np.random.default_rng(10)
    rewards, labels = rng.normal(size=(7, 2)), np.array([1.0, 0, 1, NAN, 0, 0.5, 1])
    weights = rng.random(7)
    batch = {"absolute": torch.tensor(labels), "score_weights": torch.tensor(weights)}
    found, metrics = mean_loss(
        Absolute(AbsoluteOptions(column=1, label_smoothing=0.2)),
        Outputs(rewards=torch.tensor(rewards)), batch,
    )  # fmt: skip
    known = ~np.isnan(labels)
    r, y, w = rewards[known, 1], labels[known], weights[known]
    smooth = 0.8 * y + 0.1
    each = -smooth * log_expit(r) - (1 - smooth) * log_expit(-r)
    assert found == pytest.approx((each * w).sum() / w.sum())
    decided = w * (y != 0.5)
    assert metrics["accuracy"] == pytest.approx(
        (((r > 0) == (y > 0.5)) * decided).sum() / decided.sum()
    )


def test_whole_number_labels_are_labels() -> None:
    outputs = Outputs(rewards=torch.tensor([[2.0], [-1.0]], dtype=torch.float64))
    found, metrics = mean_loss(Absolute(), outputs, {"absolute": torch.tensor([1, 1])})
    assert found == pytest.approx((math.log1p(math.exp(-2)) + math.log1p(math.e)) / 2)
    assert metrics["accuracy"] == 0.5
