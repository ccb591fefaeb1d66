"""Ridge in closed form: scikit-learn's numbers, from batches and merged halves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.metrics import mean_squared_error

from unireward.errors import InputError, UsageError
from unireward.rewards.heads import ALPHAS, RidgeHead, RidgeMoments, make_head


def data(rows: int, width: int, names: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features far from 0 with directions of unequal strength; noisy targets."""
    rng = np.random.default_rng(seed)
    x = 50 + rng.normal(size=(rows, width)) * np.geomspace(3, 0.01, width)
    y = x @ rng.normal(size=(width, names)) + rng.normal(size=(rows, names))
    return x, y


def moments_of(x: np.ndarray, y: np.ndarray, batch: int = 7) -> RidgeMoments:
    moments = RidgeMoments()
    for k in range(0, len(x), batch):
        moments.add(torch.tensor(x[k : k + batch]), torch.tensor(y[k : k + batch]))
    return moments


@pytest.mark.parametrize(("rows", "width"), [(60, 12), (10, 25)])
@pytest.mark.parametrize("alpha", [1e-3, 1.0, 100.0])
def test_weights_are_those_of_scikit_learn(rows: int, width: int, alpha: float):
    x, y = data(rows, width, 3)
    weight, bias = moments_of(x, y).solve(alpha)
    expected = Ridge(alpha=alpha).fit(x, y)
    np.testing.assert_allclose(weight, expected.coef_, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(bias, expected.intercept_, rtol=1e-6)


def test_an_alpha_for_each_target():
    x, y = data(40, 6, 2)
    weight, _ = moments_of(x, y).solve([0.5, 20.0])
    np.testing.assert_allclose(weight, Ridge(alpha=[0.5, 20.0]).fit(x, y).coef_, rtol=1e-6)


@settings(deadline=None, max_examples=30)
@given(cuts=st.lists(st.integers(0, 30), max_size=4), seed=st.integers(0, 50))
def test_batches_and_merged_parts_give_the_same(cuts: list[int], seed: int):
    x, y = data(30, 4, 2, seed)
    whole, merged = moments_of(x, y, 30), RidgeMoments()
    for a, b in zip([0, *sorted(cuts)], [*sorted(cuts), 30]):
        part = RidgeMoments()
        part.add(torch.tensor(x[a:b]), torch.tensor(y[a:b]))
        merged.merge(part)
    assert merged.count == 30
    for name in ("mean_x", "mean_y", "xx", "xy", "yy"):
        torch.testing.assert_close(getattr(merged, name), getattr(whole, name))
    torch.testing.assert_close(merged.solve(0.1)[0], whole.solve(0.1)[0])


def test_merging_leaves_the_part_alone():
    x, y = data(20, 3, 1)
    whole, part = RidgeMoments(), moments_of(x, y)
    whole.merge(part)
    whole.add(torch.tensor(x[:5]), torch.tensor(y[:5]))
    assert (whole.count, part.count) == (25, 20)
    torch.testing.assert_close(part.solve(1.0)[0], moments_of(x, y).solve(1.0)[0])


@pytest.mark.parametrize("rows", [40, 9])
def test_gcv_by_the_hat_matrix(rows: int):
    x, y = data(rows, 12, 2)
    moments = moments_of(x, y)
    found = moments.gcv(ALPHAS)
    centred = x - x.mean(0)
    for alpha, errors in zip(ALPHAS, found):
        hat = centred @ np.linalg.solve(centred.T @ centred + alpha * np.eye(12), centred.T)
        hat = hat + 1 / rows
        residual = y - hat @ y
        expected = (residual**2).mean(0) / (1 - np.trace(hat) / rows) ** 2
        np.testing.assert_allclose(errors, expected, rtol=1e-4)


def test_alpha_by_gcv_is_near_that_of_leaving_one_out():
    for seed in range(5):
        x, y = data(80, 30, 1, seed)
        grid = np.geomspace(1e-3, 1e3, 13)
        best = RidgeCV(alphas=grid).fit(x, y[:, 0]).alpha_
        found = moments_of(x, y).best_alpha(grid.tolist())
        assert abs(np.log10(found / best)) < 0.6


def test_errors_on_held_out_rows():
    x, y = data(90, 10, 2)
    train, test = moments_of(x[:60], y[:60]), moments_of(x[60:], y[60:])
    every = []
    for alpha in ALPHAS:
        fitted = Ridge(alpha=alpha).fit(x[:60], y[:60])
        expected = mean_squared_error(y[60:], fitted.predict(x[60:]), multioutput="raw_values")
        np.testing.assert_allclose(test.error(*train.solve(alpha)), expected, rtol=1e-6)
        every.append((expected / y[:60].var(0)).sum())
    assert train.best_alpha(ALPHAS, test) == ALPHAS[int(np.argmin(every))]


def test_a_head_fits_tensors_batches_and_moments_alike():
    x, y = (torch.tensor(part, dtype=torch.float32) for part in data(50, 8, 2))
    heads = [make_head({"kind": "ridge", "names": ["a", "b"]}, 8) for _ in range(3)]
    one, two, three = (h for h in heads if isinstance(h, RidgeHead))
    one.fit(x, y)
    two.fit(x.split(20), y.split(20))
    three.fit(moments_of(x.numpy(), y.numpy()))
    assert one.alpha == two.alpha == three.alpha
    assert one.config()["alpha"] == one.alpha
    expected = Ridge(alpha=one.alpha).fit(x.numpy(), y.numpy()).predict(x.numpy())
    for head in (one, two, three):
        np.testing.assert_allclose(head.read(x).scores, expected, rtol=1e-3, atol=1e-3)
        assert not any(weight.requires_grad for weight in head.parameters())


def test_what_cannot_be_fitted():
    x, y = torch.randn(4, 3), torch.randn(4, 1)
    bad = y.clone()
    bad[2] = float("nan")
    moments = RidgeMoments()
    moments.add(x, y)
    with pytest.raises(InputError, match="targets: row 6 is not finite"):
        moments.add(x, bad)
    assert moments.count == 4
    with pytest.raises(InputError, match=r"are \[5, 1\] wide, and were \[3, 1\]"):
        moments.add(torch.randn(4, 5), y)
    with pytest.raises(InputError, match=r"give \[N, D\] and \[N, K\]"):
        moments.add(x, y[:3])
    with pytest.raises(UsageError, match="give a number above 0"):
        moments.solve(0.0)
    with pytest.raises(UsageError, match="has 0 rows"):
        RidgeMoments().solve(1.0)
    with pytest.raises(InputError, match=r"the head is \[8, 1\]"):
        RidgeHead(8).fit(moments)
    with pytest.raises(UsageError, match="no targets"):
        RidgeHead(3).fit(x)
