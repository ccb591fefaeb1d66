"""What generators learn by against its formulas in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_expit

from unireward.policies.noise import DiscretePath, FlowPath
from unireward.training.generator_trainee import levels
from unireward.training.objectives import (
    Denoise,
    DenoiseOptions,
    DiffusionDpo,
    DiffusionDpoOptions,
    Objective,
    Outputs,
)

NAN = float("nan")
WEIGHTINGS = ("none", "clean", "noise", "min-snr")


def rows(seed: int = 0, n: int = 6) -> tuple[Outputs, dict[str, Any], dict[str, np.ndarray]]:
    """Errors of six rows in four pairs, and the same numbers for NumPy."""
    rng = np.random.default_rng(seed)
    made = {name: rng.random(n) + 0.05 for name in ("errors", "reference", "snr", "gain")}
    made["snr"] *= 4
    outputs = Outputs(**{name: torch.tensor(made[name]) for name in ("errors", "snr", "gain")})
    batch = {
        "chosen": torch.tensor([0, 1, 2, 5]), "rejected": torch.tensor([3, 4, 5, 1]),
        "reference_errors": torch.tensor(made["reference"]),
        "error_weights": torch.tensor(rng.random(n)),
    }  # fmt: skip
    return outputs, batch, made


def mean_loss(term: Any, outputs: Outputs, batch: dict[str, Any]) -> tuple[float, dict[str, float]]:
    objective = Objective([term])
    loss, metrics = objective(outputs, batch, objective.weights(batch))
    return loss.item(), {key.split("/", 1)[1]: value.item() for key, value in metrics.items()}


def weight_of(weighting: str, made: dict[str, np.ndarray], gamma: float) -> np.ndarray:
    snr, gain = made["snr"], made["gain"]
    return {
        "none": np.ones_like(snr), "clean": gain, "noise": snr * gain,
        "min-snr": np.minimum(snr, gamma) * gain,
    }[weighting]  # fmt: skip


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_denoise_is_the_weighted_mean_of_errors(weighting: str) -> None:
    outputs, batch, made = rows()
    found, metrics = mean_loss(Denoise(DenoiseOptions(weighting, gamma=1.5)), outputs, batch)
    w = batch["error_weights"].numpy()
    w = w / w.sum()
    assert found == pytest.approx((weight_of(weighting, made, 1.5) * made["errors"] * w).sum())
    assert metrics["error"] == pytest.approx((made["errors"] * w).sum())


@pytest.mark.parametrize("kind", ["sigmoid", "robust", "hinge", "ipo"])
@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_diffusion_dpo_is_its_formula(kind: str, weighting: str) -> None:
    outputs, batch, made = rows(1)
    beta, e = 3.0, 0.2 if kind in ("sigmoid", "robust") else 0.0
    weights, share = np.array([1.0, 0.5, 2.0, 0.3]), np.array([1.0, 0.8, NAN, 0.1])
    batch |= {"pair_weights": torch.tensor(weights), "share": torch.tensor(share)}
    term = DiffusionDpo(DiffusionDpoOptions(loss=kind, beta=beta, label_smoothing=e, gamma=1.5,
                                            weighting=weighting, sft_weight=0.1))  # fmt: skip
    found, metrics = mean_loss(term, outputs, batch)

    v = weight_of(weighting, made, 1.5)
    ratio = -v * (made["errors"] - made["reference"]) / 2
    c, r = batch["chosen"].numpy(), batch["rejected"].numpy()

    def a(d: np.ndarray) -> np.ndarray:
        return {
            "sigmoid": -(1 - e) * log_expit(beta * d) - e * log_expit(-beta * d),
            "robust": (-(1 - e) * log_expit(beta * d) + e * log_expit(-beta * d)) / (1 - 2 * e),
            "hinge": np.maximum(0, 1 - beta * d),
            "ipo": (d - 1 / (2 * beta)) ** 2,
        }[kind]

    d, s = ratio[c] - ratio[r], np.nan_to_num(share, nan=1.0)
    own = v * made["errors"]
    each = s * a(d) + (1 - s) * a(-d) + 0.1 * beta * (s * own[c] + (1 - s) * own[r])
    w = weights / weights.sum()
    assert found == pytest.approx((each * w).sum(), rel=1e-6)
    assert metrics["chosen"] == pytest.approx((beta * ratio[c] * w).sum(), rel=1e-6)
    assert metrics["rejected"] == pytest.approx((beta * ratio[r] * w).sum(), rel=1e-6)
    assert metrics["margin"] == pytest.approx((beta * np.where(s > 0.5, d, -d) * w).sum(), rel=1e-6)
    assert metrics["accuracy"] == pytest.approx((((d > 0) == (s > 0.5)) * w).sum(), rel=1e-6)
    assert metrics["chosen_error"] == pytest.approx((made["errors"][c] * w).sum(), rel=1e-6)


def test_plainly_it_is_equation_14() -> None:
    """-log sigmoid(-beta / 2 ((e_w - e_w_ref) - (e_l - e_l_ref))), and log 2 at the reference."""
    outputs, batch, made = rows(2)
    c, r = batch["chosen"].numpy(), batch["rejected"].numpy()
    off = made["errors"] - made["reference"]
    expected = -log_expit(-2000 / 2 * (off[c] - off[r])).mean()
    found, _ = mean_loss(DiffusionDpo(DiffusionDpoOptions(beta=2000.0)), outputs, batch)
    assert found == pytest.approx(expected, rel=1e-6)
    batch["reference_errors"] = torch.tensor(made["errors"])
    found, metrics = mean_loss(DiffusionDpo(), outputs, batch)
    assert found == pytest.approx(math.log(2), rel=1e-6)
    assert metrics["margin"] == pytest.approx(0.0, abs=1e-9)


def test_margin_and_score_make_the_beta_of_their_own_pair() -> None:
    outputs, batch, made = rows(3)
    margin, score = np.array([0.0, 1.0, 50.0, -2.0]), np.array([0.36, 0.72, NAN, 1.44])
    batch |= {"margin": torch.tensor(margin), "pair_score": torch.tensor(score)}
    options = DiffusionDpoOptions(beta=4.0, margin_weight=0.5, margin_slope=0.8, score_power=2.0,
                                  score_reference=0.72)  # fmt: skip
    found, metrics = mean_loss(DiffusionDpo(options), outputs, batch)
    beta = 4.0 * (1 + 0.5 * (1 - np.exp(-0.8 * np.maximum(margin, 0))))
    beta *= np.array([4.0, 1.0, 1.0, 0.25])
    off = (made["errors"] - made["reference"]) / -2
    d = off[batch["chosen"].numpy()] - off[batch["rejected"].numpy()]
    assert found == pytest.approx(-log_expit(beta * d).mean(), rel=1e-6)
    assert metrics["beta"] == pytest.approx(beta.mean(), rel=1e-6)


def test_levels_are_those_of_the_papers() -> None:
    """snr and gain against alpha and sigma, and Min-SNR's own weights for epsilon and v."""
    cumulative = np.linspace(0.999, 0.01, 50)
    times = torch.tensor([0, 7, 31, 49])
    snr_of = cumulative[times.numpy()] / (1 - cumulative[times.numpy()])
    for kind, gain_of in (("epsilon", 1 / snr_of), ("v", 1 / (snr_of + 1))):
        path = DiscretePath(torch.tensor(cumulative), kind)  # pyright: ignore[reportArgumentType]
        snr, gain = levels(path, times)
        np.testing.assert_allclose(snr.numpy(), snr_of, rtol=1e-4)
        np.testing.assert_allclose(gain.numpy(), gain_of, rtol=1e-4)
        weight = (snr.clamp_max(5.0) * gain).numpy()
        divisor = snr_of if kind == "epsilon" else snr_of + 1
        np.testing.assert_allclose(weight, np.minimum(snr_of, 5) / divisor, rtol=1e-4)
    sigma = torch.tensor([0.1, 0.5, 0.9])
    snr, gain = levels(FlowPath(), sigma)
    torch.testing.assert_close(snr, ((1 - sigma) / sigma) ** 2)
    torch.testing.assert_close(gain, sigma**2)
    torch.testing.assert_close(snr * gain, (1 - sigma) ** 2)  # Flow-DPO's schedule


def test_extreme_errors_stay_finite() -> None:
    errors = torch.tensor([1e6, 0.0], requires_grad=True)
    batch = {"chosen": torch.tensor([0]), "rejected": torch.tensor([1]),
             "reference_errors": torch.tensor([0.0, 1e6])}  # fmt: skip
    loss, _ = DiffusionDpo()(Outputs(errors=errors), batch)
    loss.backward()
    assert loss.item() == pytest.approx(5000 / 2 * 2e6)
    assert errors.grad is not None
    assert errors.grad.tolist() == pytest.approx([2500.0, -2500.0])
