"""DPO's family against its formulas in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_expit, log_softmax

from unireward.training.objectives import Dpo, DpoOptions, Objective, Outputs

NAN = float("nan")


def mean_loss(options: DpoOptions, outputs: Outputs, batch: dict[str, Any]) -> tuple[float, dict]:
    objective = Objective([Dpo(options)])
    loss, metrics = objective(outputs, batch, objective.weights(batch))
    return loss.item(), {key.split("/", 1)[1]: value.item() for key, value in metrics.items()}


def replies(seed: int = 0) -> tuple[Outputs, dict[str, Any], np.ndarray, np.ndarray]:
    """Six replies of one to four tokens in four pairs; their log-ratios and lengths."""
    rng = np.random.default_rng(seed)
    lengths = np.array([1, 4, 2, 3, 2, 4])
    sequence = np.repeat(np.arange(6), lengths)
    logits = rng.normal(size=(len(sequence), 9))
    targets = rng.integers(0, 9, len(sequence))
    reference = -rng.random(6) * 4 * lengths
    logps = np.zeros(6)
    np.add.at(logps, sequence, log_softmax(logits, axis=1)[np.arange(len(targets)), targets])
    # A position that is not of the reply: of row 1, and ignored.
    logits = np.concatenate([logits, rng.normal(size=(1, 9))])
    batch = {
        "targets": torch.tensor([*targets, -100]), "sequence": torch.tensor([*sequence, 1]),
        "reference_logps": torch.tensor(reference),
        "chosen": torch.tensor([0, 1, 2, 5]), "rejected": torch.tensor([3, 4, 5, 1]),
    }  # fmt: skip
    return Outputs(torch.tensor(logits)), batch, logps, lengths


@pytest.mark.parametrize("kind", ["sigmoid", "robust", "hinge", "ipo"])
@pytest.mark.parametrize("average", [None, False, True])
def test_the_mean_loss_is_the_formula(kind: str, average: bool | None) -> None:
    outputs, batch, logps, lengths = replies()
    beta, e = 0.7, 0.2 if kind in ("sigmoid", "robust") else 0.0
    weights, share = np.array([1.0, 0.5, 2.0, 0.3]), np.array([1.0, 0.8, NAN, 0.1])
    batch |= {"pair_weights": torch.tensor(weights), "share": torch.tensor(share)}
    options = DpoOptions(loss=kind, beta=beta, label_smoothing=e, average=average, rpo_alpha=0.25)
    found, metrics = mean_loss(options, outputs, batch)

    ratio = logps - batch["reference_logps"].numpy()
    if average or (average is None and kind == "ipo"):
        ratio = ratio / lengths
    c, r = batch["chosen"].numpy(), batch["rejected"].numpy()

    def a(d: np.ndarray) -> np.ndarray:
        return {
            "sigmoid": -(1 - e) * log_expit(beta * d) - e * log_expit(-beta * d),
            "robust": (-(1 - e) * log_expit(beta * d) + e * log_expit(-beta * d)) / (1 - 2 * e),
            "hinge": np.maximum(0, 1 - beta * d),
            "ipo": (d - 1 / (2 * beta)) ** 2,
        }[kind]

    d, s = ratio[c] - ratio[r], np.nan_to_num(share, nan=1.0)
    nll = -logps / lengths
    each = s * a(d) + (1 - s) * a(-d) + 0.25 * (s * nll[c] + (1 - s) * nll[r])
    w = weights / weights.sum()
    assert found == pytest.approx((each * w).sum(), rel=1e-6)
    assert metrics["chosen"] == pytest.approx((beta * ratio[c] * w).sum(), rel=1e-6)
    assert metrics["rejected"] == pytest.approx((beta * ratio[r] * w).sum(), rel=1e-6)
    assert metrics["margin"] == pytest.approx((beta * np.where(s > 0.5, d, -d) * w).sum(), rel=1e-6)
    assert metrics["accuracy"] == pytest.approx((((d > 0) == (s > 0.5)) * w).sum(), rel=1e-6)
    assert metrics["chosen_logp"] == pytest.approx((logps[c] * w).sum(), rel=1e-6)
    assert metrics["beta"] == pytest.approx(beta)


def test_at_the_reference_nothing_is_preferred() -> None:
    outputs, batch, logps, _ = replies(1)
    batch["reference_logps"] = torch.tensor(logps)
    for kind, expected in (("sigmoid", math.log(2)), ("hinge", 1.0), ("ipo", 25.0)):
        found, metrics = mean_loss(DpoOptions(loss=kind), outputs, batch)
        assert found == pytest.approx(expected, rel=1e-6)
        assert metrics["margin"] == pytest.approx(0.0, abs=1e-6)


def test_without_a_reference_the_policy_is_compared_with_nothing() -> None:
    outputs, batch, logps, _ = replies(2)
    zero = {**batch, "reference_logps": torch.zeros(6)}
    del batch["reference_logps"]
    free, _ = mean_loss(DpoOptions(reference_free=True), outputs, batch)
    assert free == pytest.approx(mean_loss(DpoOptions(), outputs, zero)[0])
    d = logps[[0, 1, 2, 5]] - logps[[3, 4, 5, 1]]
    assert free == pytest.approx(-log_expit(0.1 * d).mean(), rel=1e-6)


@given(share=st.floats(0, 1), kind=st.sampled_from(["sigmoid", "robust", "hinge", "ipo"]))
def test_the_other_order_with_the_other_share_gives_the_same(share: float, kind: str) -> None:
    outputs, batch, _, _ = replies(3)
    options = DpoOptions(
        loss=kind, beta=0.5, rpo_alpha=0.3,
        label_smoothing=0.1 if kind in ("sigmoid", "robust") else 0.0,
    )  # fmt: skip
    one, _ = mean_loss(options, outputs, {**batch, "share": torch.full((4,), share).double()})
    swapped = {
        **batch, "chosen": batch["rejected"], "rejected": batch["chosen"],
        "share": torch.full((4,), 1 - share).double(),
    }  # fmt: skip
    assert mean_loss(options, outputs, swapped)[0] == pytest.approx(one, rel=1e-6)


def test_ties_are_ignored_or_half_as_told() -> None:
    outputs, batch, _, _ = replies(4)
    batch["tie"] = torch.tensor([True, False, False, False])
    rest = {
        **batch, "chosen": batch["chosen"][1:], "rejected": batch["rejected"][1:],
        "tie": batch["tie"][1:],
    }  # fmt: skip
    ignored, _ = mean_loss(DpoOptions(), outputs, batch)
    assert ignored == pytest.approx(mean_loss(DpoOptions(), outputs, rest)[0])
    half, _ = mean_loss(DpoOptions(ties="half"), outputs, batch)
    shared = {**batch, "share": torch.tensor([0.5, NAN, NAN, NAN]), "tie": torch.zeros(4)}
    assert half == pytest.approx(mean_loss(DpoOptions(), outputs, shared)[0])
    assert half != pytest.approx(ignored, rel=1e-3)


def test_no_margin_weight_is_dpo_exactly() -> None:
    outputs, batch, _, _ = replies(5)
    plain, _ = mean_loss(DpoOptions(beta=0.3), outputs, batch)
    batch["margin"] = torch.tensor([0.0, 1.0, 5.0, NAN])
    assert mean_loss(DpoOptions(beta=0.3, margin_weight=0.0), outputs, batch)[0] == plain


def test_the_margin_raises_the_beta_of_its_own_pair() -> None:
    outputs, batch, logps, _ = replies(6)
    margin = np.array([0.0, 1.0, 50.0, -2.0])
    batch["margin"] = torch.tensor([0.0, 1.0, 50.0, -2.0])
    options = DpoOptions(beta=0.3, margin_weight=0.5, margin_slope=0.8)
    found, metrics = mean_loss(options, outputs, batch)
    beta = 0.3 * (1 + 0.5 * (1 - np.exp(-0.8 * np.maximum(margin, 0))))
    assert beta.tolist() == pytest.approx([0.3, 0.3 * (1.5 - 0.5 * math.exp(-0.8)), 0.45, 0.3])
    ratio = logps - batch["reference_logps"].numpy()
    d = ratio[[0, 1, 2, 5]] - ratio[[3, 4, 5, 1]]
    assert found == pytest.approx(-log_expit(beta * d).mean(), rel=1e-6)
    assert metrics["beta"] == pytest.approx(beta.mean(), rel=1e-6)
    assert metrics["margin"] == pytest.approx((beta * d).mean(), rel=1e-6)
    unknown = {**batch, "margin": torch.full((4,), NAN)}
    plain, _ = mean_loss(DpoOptions(beta=0.3), outputs, batch)
    assert mean_loss(options, outputs, unknown)[0] == pytest.approx(plain, rel=1e-6)


def test_smoothing_pulls_towards_the_label_and_robust_corrects_for_it() -> None:
    """With a share e of labels flipped, the robust loss is on average the clean loss."""
    outputs, batch, _, _ = replies(7)
    e = 0.2
    clean, _ = mean_loss(DpoOptions(), outputs, batch)
    flipped = {**batch, "chosen": batch["rejected"], "rejected": batch["chosen"]}
    robust = DpoOptions(loss="robust", label_smoothing=e)
    right, _ = mean_loss(robust, outputs, batch)
    wrong, _ = mean_loss(robust, outputs, flipped)
    assert (1 - e) * right + e * wrong == pytest.approx(clean, rel=1e-6)
    smooth, _ = mean_loss(DpoOptions(label_smoothing=e), outputs, batch)
    opposite, _ = mean_loss(DpoOptions(), outputs, flipped)
    assert smooth == pytest.approx((1 - e) * clean + e * opposite, rel=1e-6)


@pytest.mark.parametrize("kind", ["sigmoid", "robust", "hinge", "ipo"])
def test_extreme_log_ratios_stay_finite(kind: str) -> None:
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    batch = {
        "targets": torch.tensor([1, 1]), "sequence": torch.tensor([0, 1]),
        "chosen": torch.tensor([0]), "rejected": torch.tensor([1]),
        "reference_logps": torch.tensor([0.0, -1e4]),
    }  # fmt: skip
    options = DpoOptions(loss=kind, beta=5.0)
    loss, _ = Dpo(options)(Outputs(logits), batch)
    loss.backward()
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()
    if kind == "sigmoid":
        assert loss.item() == pytest.approx(5 * 3e4)
