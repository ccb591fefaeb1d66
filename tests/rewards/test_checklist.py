"""Checklists: weights by hand, questions that hang on others, weights learned as scikit-learn's."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from tests.rewards.conftest import record
from unireward.engines import ScriptedEngine
from unireward.errors import InputError
from unireward.families import Family, readers_of
from unireward.families.checklist.spec import forms_of
from unireward.families.spec import FamilySpec
from unireward.rewards.checklist import Checklist, ChecklistReward, fit_weights
from unireward.rewards.scoring import Scoring

QUESTIONS = {"sharp": "Is it sharp?", "hands": "Are hands whole?", "has_hands": "Any hands?"}
P = {"Is it sharp?": 0.9, "Are hands whole?": 0.8, "Any hands?": 0.7}


def family_of(questions=QUESTIONS) -> Family:
    forms = forms_of("image_generation", questions)
    return Family(FamilySpec(name="checklist", forms=forms), readers_of("checklist"))


def engine_of(shares=P) -> ScriptedEngine:
    def say(ask):
        p = next(p for text, p in shares.items() if text in ask.text)
        return {"yes": math.log(p), "no": math.log1p(-p)}

    return ScriptedEngine(say)


def listed(**fields) -> Checklist:
    weights = {"image_generation": {"sharp": 0.5, "hands": 1.5}}
    return Checklist.of({"weights": weights, "intercept": 0.25, **fields})


def raw_of(checklist, pictures, shares=P):
    reward = ChecklistReward(engine_of(shares), family_of(), checklist=checklist)
    return reward.score("x", pictures[0]).raw[str(pictures[0])]


def test_weights_times_answers(pictures):
    soft = 0.25 + 0.5 * (2 * 0.9 - 1) + 1.5 * (2 * 0.8 - 1)
    assert raw_of(listed(), pictures) == pytest.approx(soft)
    assert raw_of(listed(answers="hard"), pictures) == pytest.approx(0.25 + 0.5 + 1.5)
    assert raw_of(listed(answers="hard"), pictures, P | {"Is it sharp?": 0.2}) == pytest.approx(
        1.25
    )


def test_a_question_hangs_on_another(pictures):
    needs = {"hands": "has_hands"}
    assert raw_of(listed(needs=needs), pictures) == raw_of(listed(), pictures)
    without = raw_of(listed(needs=needs), pictures, P | {"Any hands?": 0.5})
    assert without == pytest.approx(0.25 + 0.5 * 0.8)


def test_the_judgment(pictures):
    reward = ChecklistReward(engine_of(), family_of(), checklist=listed())
    out = reward.score("x", pictures[0])
    name = str(pictures[0])
    assert out.dimensions == {
        "sharp": {name: pytest.approx(0.9)}, "hands": {name: pytest.approx(0.8)},
        "has_hands": {name: pytest.approx(0.7)},
    }  # fmt: skip
    # From -1.75 to 2.25, the least and the most that these weights allow.
    assert out.score == pytest.approx((out.raw[name] + 1.75) / 4)
    assert (out.calls, [ask.form for ask in out.asks]) == (3, ["sharp", "hands", "has_hands"])


def test_without_weights_the_mean_answer(pictures):
    out = ChecklistReward(engine_of(), family_of()).score("x", pictures[0])
    assert out.raw[str(pictures[0])] == pytest.approx((0.8 + 0.6 + 0.4) / 3)
    assert out.score == pytest.approx((0.6 + 1) / 2)


def test_one_unread_question_leaves_no_number(pictures):
    def say(ask):
        return "Hard to say" if "sharp" in ask.text else {"yes": -0.1, "no": -2.4}

    reward = ChecklistReward(ScriptedEngine(say), family_of())
    (out,) = reward([record(pictures[:2])])
    assert (out.status, out.scores, out.raw, out.winner) == ("unparsed", {}, {}, None)
    assert set(out.dimensions) == {"hands", "has_hands"}


def test_the_shipped_list_asks_both_tasks(pictures):
    reward = ChecklistReward(ScriptedEngine({"": {"yes": -0.2, "no": -1.8}}), "checklist")
    out = reward.compare("two red circles", *pictures[:2])
    assert (out.status, out.winner, out.calls) == ("ok", "tie", 16)


def test_saved_and_loaded(tmp_path):
    mine = listed(needs={"hands": "has_hands"}, answers="hard")
    path = mine.save(tmp_path)
    assert path == tmp_path / "checklist.json"
    assert Checklist.load(tmp_path) == mine == Checklist.load(path)
    assert [file.name for file in tmp_path.iterdir()] == ["checklist.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is no JSON"),
        ("[]", "holds no object"),
        ('{"weights": {"image_generation": {"sharp": NaN}}}', "sharp"),
        ('{"answers": "loud"}', "answers"),
        ('{"mood": 1}', "mood"),
    ],
)
def test_a_bad_file_is_named(tmp_path, text, said):
    (tmp_path / "checklist.json").write_text(text)
    with pytest.raises(InputError, match=said) as caught:
        Checklist.load(tmp_path)
    assert "checklist.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"weights": {"image_generation": {"smell": 1}}}, "'smell', which checklist does not ask"),
        ({"weights": {"text": {"sharp": 1}}}, "its questions are none"),
        ({"needs": {"sharp": "nose"}}, "'nose'"),
        ({"weights": {"image_generation": {"sharp": 0}}}, "all weights are 0"),
    ],
)
def test_weights_must_fit_the_questions(body, said):
    with pytest.raises(InputError, match=said):
        ChecklistReward(engine_of(), family_of(), checklist=Checklist.of(body))


def test_identity_holds_the_weights():
    plain = ChecklistReward(engine_of(), family_of(), scoring=Scoring())
    mine = ChecklistReward(engine_of(), family_of(), checklist=listed(), scoring=Scoring())
    assert plain.identity["checklist"] != mine.identity["checklist"]
    json.dumps(mine.identity)


# Learning -----------------------------------------------------------------------------------


def pairs(weights, count=300, seed=0):
    """Answers of both, the better one first by a logistic of ``weights``."""
    rng = np.random.default_rng(seed)
    one, two = rng.uniform(-1, 1, (2, count, len(weights)))
    first = rng.random(count) < 1 / (1 + np.exp(-(one - two) @ weights))
    return np.where(first[:, None], one, two), np.where(first[:, None], two, one)


@pytest.mark.parametrize("penalty", [0.01, 1.0, 30.0])
def test_weights_are_scikit_learns(penalty):
    better, worse = pairs(np.array([2.0, -1.0, 0.5, 0.0]))
    found = fit_weights(better, worse, penalty=penalty, positive=False)
    gaps = np.concatenate([better - worse, worse - better])
    # Both signs of each pair make the two classes; each pair then counts twice.
    model = LogisticRegression(C=1 / (2 * penalty), fit_intercept=False, tol=1e-10, max_iter=10_000)
    model.fit(gaps, np.repeat([1, 0], len(better)))
    np.testing.assert_allclose(found, model.coef_[0], rtol=1e-4, atol=1e-6)


def test_negative_weights_are_left_out_and_the_rest_fitted_again():
    better, worse = pairs(np.array([2.0, -1.0, 0.5]))
    found = fit_weights(better, worse)
    assert found[1] == 0
    again = fit_weights(better[:, [0, 2]], worse[:, [0, 2]], positive=False)
    np.testing.assert_allclose(found[[0, 2]], again, rtol=1e-9)


def test_separable_pairs_have_finite_weights():
    found = fit_weights(np.ones((50, 2)), -np.ones((50, 2)), penalty=1e-3)
    assert np.isfinite(found).all()
    assert (found > 1).all()


@pytest.mark.parametrize(
    ("better", "worse", "penalty"),
    [([1.0], [2.0], 1), ([[math.nan]], [[1.0]], 1), (np.ones((0, 3)), np.ones((0, 3)), 1),
     ([[1.0]], [[0.0]], 0)],
)  # fmt: skip
def test_bad_answers_are_refused(better, worse, penalty):
    with pytest.raises(InputError):
        fit_weights(better, worse, penalty=penalty)
