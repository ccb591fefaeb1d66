"""Temperature against SciPy, isotonic against scikit-learn, and what no map may ever change."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from sklearn.isotonic import IsotonicRegression

from unireward.errors import InputError
from unireward.stats.calibration import expected_calibration_error, reliability
from unireward.stats.isotonic import fit_isotonic, isotonic
from unireward.stats.recalibration import (
    Map,
    confidences,
    fit,
    quality,
    raised,
    recalibrate,
    verdicts,
)
from unireward.stats.temperature import COLDEST, HOTTEST, fit_temperature, tempered

RNG = np.random.default_rng(11)


def judged(n: int, sharpness: float, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of three answers by a judge that is ``sharpness`` times too sure."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.5, (n, 3))
    true = tempered(np.exp(logits), 1.0)
    truth = (rng.uniform(size=(n, 1)) > true.cumsum(axis=1)).sum(axis=1)
    return tempered(true, 1 / sharpness), truth


def test_the_temperature_is_scipys():
    rows, truth = judged(400, 1.7)

    def loss(beta: float) -> float:
        logs = np.log(rows) * beta
        return float((np.logaddexp.reduce(logs, axis=1) - logs[np.arange(len(rows)), truth]).mean())

    best = minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-10})
    assert fit_temperature(rows, truth) == pytest.approx(1 / best.x, rel=1e-5)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 2.5])
def test_the_temperature_that_spoilt_them_is_found_again(sharpness):
    rows, truth = judged(20_000, sharpness)
    assert fit_temperature(rows, truth) == pytest.approx(sharpness, rel=0.05)


def test_a_judge_that_is_never_wrong_and_one_that_knows_nothing():
    sure = np.tile([0.6, 0.3, 0.1], (50, 1))
    assert fit_temperature(sure, np.zeros(50, int)) == COLDEST
    assert fit_temperature(sure, np.full(50, 2)) == HOTTEST


def test_certain_and_wrong_is_not_infinite():
    rows = np.array([[1.0, 0.0, 0.0]] * 9 + [[0.0, 1.0, 0.0]])
    found = fit_temperature(rows, np.zeros(10, int))
    # One wrong at a floor of e^-40 against nine right of one answer alone: 1 / T to the bound.
    assert found == HOTTEST


def test_tempered_by_hand():
    # sqrt(.64) : sqrt(.32) : sqrt(.04) at T = 2
    roots = np.sqrt([0.64, 0.32, 0.04])
    assert tempered([0.64, 0.32, 0.04], 2.0) == pytest.approx(roots / roots.sum())
    assert tempered([0.7, 0.3, 0.0], 5.0)[2] == 0.0
    with pytest.raises(InputError, match="temperature is 0"):
        tempered([0.5, 0.5], 0)


def test_isotonic_is_sklearns():
    sure = np.round(RNG.uniform(size=300), 2)
    right = RNG.uniform(size=300) < sure**1.5
    theirs = IsotonicRegression(out_of_bounds="clip").fit(sure, right)
    at = np.linspace(0, 1, 201)
    levels = np.clip(theirs.y_thresholds_, 0.5 / 300, 1 - 0.5 / 300)
    expected = np.interp(at, theirs.X_thresholds_, levels)
    assert isotonic(fit_isotonic(sure, right), at) == pytest.approx(expected, abs=1e-9)


def test_isotonic_by_hand():
    # .2 -> 1 of 2, .4 -> 0 of 2: pooled to 1 of 4; .9 -> all right, short of 1 by half of 6.
    knots = fit_isotonic([0.2, 0.2, 0.4, 0.4, 0.9, 0.9], [1, 0, 0, 0, 1, 1])
    assert knots == ((0.2, 0.25), (0.4, 0.25), (0.9, 1 - 0.5 / 6))
    assert isotonic(knots, [0.0, 0.3, 0.65, 1.0]) == pytest.approx(
        [0.25, 0.25, (0.25 + 11 / 12) / 2, 11 / 12]
    )


shares = st.lists(st.floats(0, 1), min_size=3, max_size=3).filter(lambda row: sum(row) > 1e-3)
maps = st.one_of(
    st.floats(COLDEST, HOTTEST).map(lambda t: Map("temperature", temperature=t)),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20).map(
        lambda rows: Map("isotonic", knots=fit_isotonic(*zip(*rows)))
    ),
)


@given(st.lists(shares, min_size=1, max_size=5), maps)
@settings(max_examples=300, deadline=None)
def test_no_map_changes_a_verdict(listed, mapped):
    rows = np.array(listed)
    rows /= rows.sum(axis=1, keepdims=True)
    top = np.sort(rows, axis=1)
    clear = (top[:, -1] - top[:, -2] > 1e-9) | (top[:, -1] == top[:, -2])
    out = mapped(rows)
    assert (verdicts(out) == verdicts(rows))[clear].all()
    assert out.sum(axis=1) == pytest.approx(np.ones(len(rows)))
    assert ((out >= 0) & (out <= 1)).all()


def test_a_winner_stays_a_hair_ahead():
    out = raised(np.array([[0.5, 0.4, 0.1]]), np.array([0.2]))
    # The others share 4 to 1; the winner's floor is .8 / 1.8.
    assert out[0] == pytest.approx([0.8 / 1.8 + 1e-6, 0.8 / 1.8, 0.2 / 1.8], abs=2e-6)
    assert verdicts(out)[0] == 0
    opposed = np.array([[0.5, 0.5, 0.0]])
    assert raised(opposed, np.array([0.1]))[0] == pytest.approx([0.45, 0.45, 0.1])
    sure = np.array([[1.0, 0.0, 0.0]])
    assert raised(sure, np.array([0.8]))[0] == pytest.approx([0.8, 0.1, 0.1])


def test_what_a_fit_is_worth_is_of_records_it_has_not_seen():
    """Where confidence says nothing an isotonic fit looks right on its own records, and is not."""
    rng = np.random.default_rng(5)
    rows = tempered(np.exp(rng.normal(0, 2, (240, 3))), 1.0)
    said = verdicts(rows)
    truth = np.where(rng.uniform(size=240) < 0.75, said, (said + 1) % 3)
    found = recalibrate(rows, truth, methods=("isotonic",))
    own = quality(fit("isotonic", rows, truth)(rows), truth).ece.value
    assert own < 0.02
    assert found.after.ece.value > 2 * own
    place = np.random.default_rng(0).permutation(240) % 5
    held = np.empty_like(rows)
    for fold in range(5):
        held[place == fold] = fit("isotonic", rows[place != fold], truth[place != fold])(
            rows[place == fold]
        )
    direct = expected_calibration_error(reliability(confidences(held), verdicts(held) == truth, 10))
    assert found.after.ece.value == pytest.approx(direct, abs=1e-12)


def test_too_sure_a_judge_is_mended_by_temperature():
    rows, truth = judged(2_000, 2.5)
    found = recalibrate(rows, truth)
    assert found.map.method == "temperature"
    assert found.before.ece.value > 0.15
    assert found.after.ece.value < 0.05
    assert found.after.log_loss < found.before.log_loss
    assert set(found.tried) == {"none", "temperature", "isotonic"}


def test_a_judge_whose_confidence_says_little_gets_isotonic():
    rng = np.random.default_rng(8)
    rows = tempered(np.exp(rng.normal(0, 3, (3_000, 3))), 1.0)
    rows[:, 2] *= 0.01
    rows /= rows.sum(axis=1, keepdims=True)
    # Right two times in three, and nine in ten above .99.
    chance = np.where(confidences(rows) > 0.99, 0.95, 0.62)
    said = verdicts(rows)
    truth = np.where(rng.uniform(size=3_000) < chance, said, np.where(said == 0, 1, 0))
    found = recalibrate(rows, truth)
    assert found.map.method == "isotonic"
    assert found.after.ece.value < 0.04 < found.before.ece.value


def test_a_judge_that_is_right_as_it_is_stays_so():
    rows, truth = judged(4_000, 1.0, seed=9)
    found = recalibrate(rows, truth)
    assert found.map.method in ("none", "temperature")
    assert found.map(rows) == pytest.approx(rows, abs=0.03)


def test_the_order_of_folds_is_seeded():
    rows, truth = judged(300, 2.0)
    assert recalibrate(rows, truth, seed=4) == recalibrate(rows, truth, seed=4)
    assert recalibrate(rows, truth, seed=4).after != recalibrate(rows, truth, seed=5).after


def test_two_confidences_are_refused_and_three_are_not():
    rows = np.array([[1.0, 0, 0], [0.5, 0.5, 0]] * 20)
    with pytest.raises(InputError, match="needs 3 distinct confidences and there are 2"):
        recalibrate(rows, np.zeros(40, int), methods=("isotonic",))
    more = np.vstack([rows, [[0.5, 0.0, 0.5]] * 20])
    found = recalibrate(more, np.zeros(60, int), methods=("isotonic",))
    assert [x for x, _ in found.map.knots] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("rows", "truth", "said"),
    [
        ([[0.5, 0.5]], [2], "places from 0 to 1"),
        ([[math.nan, 0.5]], [0], "must be numbers from 0"),
        ([[0.0, 0.0]], [0], "must be numbers from 0"),
        ([], [], "of shape"),
        ([[0.5, 0.5]], [0, 1], "of shape"),
    ],
)
def test_bad_rows_are_named(rows, truth, said):
    with pytest.raises(InputError, match=said):
        fit_temperature(rows, truth)
    with pytest.raises(InputError):
        recalibrate(rows, truth)
