"""The noise paths against NumPy, SciPy and diffusers' own schedulers."""

from __future__ import annotations

import diffusers
import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from tests.policies.pipelines import BETAS
from unireward.policies.noise import DiscretePath, FlowPath, NoisePath

CHAIN = diffusers.DDPMScheduler(**BETAS)
V_CHAIN = diffusers.DDPMScheduler(**BETAS, prediction_type="v_prediction")
PATHS: dict[str, NoisePath] = {
    "flow": FlowPath(shift=3.0),
    "epsilon": DiscretePath.of_scheduler(CHAIN),
    "v": DiscretePath.of_scheduler(V_CHAIN),
}
U = torch.tensor([0.003, 0.25, 0.6, 0.9999])


def drawn(seed: int) -> Tensor:
    return torch.randn(4, 3, 5, generator=torch.manual_seed(seed))


CLEAN, NOISE = drawn(1), drawn(2)


def test_flow_times_are_shifted_logit_normal() -> None:
    u = np.array([0.01, 0.3, 0.5, 0.99])
    t = 1 / (1 + np.exp(-(0.3 + 1.2 * stats.norm.ppf(u))))
    wanted = 2.5 * t / (1 + 1.5 * t)
    path = FlowPath(shift=2.5, logit_normal=(0.3, 1.2))
    np.testing.assert_allclose(path.times(torch.tensor(u)).numpy(), wanted, rtol=1e-5)
    assert FlowPath().times(U).tolist() == U.tolist()


def test_flow_formulas() -> None:
    path, sigma = FlowPath(), torch.tensor([0.1, 0.4, 0.7, 1.0])
    s = sigma.numpy()[:, None, None]
    noisy = path.noisy(CLEAN, NOISE, sigma)
    np.testing.assert_allclose(noisy, (1 - s) * CLEAN.numpy() + s * NOISE.numpy(), atol=1e-6)
    assert torch.equal(path.target(CLEAN, NOISE, sigma), NOISE - CLEAN)
    assert path.model_times(sigma).tolist() == pytest.approx([100, 400, 700, 1000])
    assert torch.equal(path.noisy(CLEAN, NOISE, torch.ones(4)), NOISE)


def test_chain_formulas_are_those_of_diffusers() -> None:
    times = torch.tensor([0, 10, 500, 999])
    for name, scheduler in (("epsilon", CHAIN), ("v", V_CHAIN)):
        path = PATHS[name]
        noisy = path.noisy(CLEAN, NOISE, times)
        torch.testing.assert_close(noisy, scheduler.add_noise(CLEAN, NOISE, times))
        wanted = NOISE if name == "epsilon" else scheduler.get_velocity(CLEAN, NOISE, times)
        torch.testing.assert_close(path.target(CLEAN, NOISE, times), wanted)


def test_chain_times_are_each_step_as_often() -> None:
    times = PATHS["epsilon"].times((torch.arange(4000) + 0.5) / 4000)
    assert times.dtype == torch.long
    assert torch.bincount(times, minlength=1000).tolist() == [4] * 1000
    assert PATHS["epsilon"].times(torch.tensor([1.0])).item() == 999


@pytest.mark.parametrize("name", PATHS)
def test_a_right_prediction_gives_back_what_was_mixed(name: str) -> None:
    path = PATHS[name]
    times = path.times(U)
    noisy, target = path.noisy(CLEAN, NOISE, times), path.target(CLEAN, NOISE, times)
    # At the noisy end of the epsilon chain rounding is divided by alpha = .068.
    torch.testing.assert_close(path.clean_of(noisy, target, times), CLEAN, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(path.noise_of(noisy, target, times), NOISE, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", PATHS)
def test_a_step_with_a_right_prediction_stays_on_the_path(name: str) -> None:
    path = PATHS[name]
    now, then = path.times(U), path.times(U / 2)
    noisy, target = path.noisy(CLEAN, NOISE, now), path.target(CLEAN, NOISE, now)
    wanted = path.noisy(CLEAN, NOISE, then)
    torch.testing.assert_close(path.step(noisy, target, now, then), wanted, atol=1e-5, rtol=1e-4)


def test_a_chain_ends_behind_its_first_step() -> None:
    now, end = torch.full((4,), 40), torch.full((4,), -1)
    whole = DiscretePath(CHAIN.alphas_cumprod)
    noisy = whole.noisy(CLEAN, NOISE, now)
    torch.testing.assert_close(whole.step(noisy, NOISE, now, end), CLEAN, atol=1e-5, rtol=1e-5)
    # A scheduler that does not go to 1 ends at its first step's level.
    short = DiscretePath.of_scheduler(diffusers.DDIMScheduler(**BETAS, set_alpha_to_one=False))
    torch.testing.assert_close(
        short.step(noisy, NOISE, now, end), short.noisy(CLEAN, NOISE, torch.zeros(4))
    )


@pytest.mark.parametrize("name", PATHS)
def test_each_row_has_its_own_time(name: str) -> None:
    path = PATHS[name]
    times = path.times(U)
    together = path.noisy(CLEAN, NOISE, times)
    for k in range(4):
        row = slice(k, k + 1)
        assert torch.equal(path.noisy(CLEAN[row], NOISE[row], times[row]), together[row])


def test_the_time_of_pure_noise() -> None:
    assert PATHS["flow"].start == 1.0
    assert PATHS["v"].start == 999.0
