"""Scorers: numbers of one candidate each, and what two or more are to each other."""

from __future__ import annotations

import asyncio
import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tests.rewards.conftest import record
from unireward.ask import Reply
from unireward.engines import ReplyCache, ScriptedEngine
from unireward.errors import FamilyError, InputError, MediaError
from unireward.families.head.parse import Numbers, numbers_of
from unireward.files import read_judgments, write_records
from unireward.jobs.bulk import judge_file
from unireward.judgment import Judgment
from unireward.media import Image
from unireward.protocols import Reward
from unireward.rewards.policy import StoppedError
from unireward.rewards.scorer import ScorerReward
from unireward.rewards.scoring import Scoring
from unireward.stats.intervals import wilson


def engine_of(pictures, replies, **options):
    """An engine that says of each picture what stands for it in ``replies``."""
    said = {Image(path).digest: reply for path, reply in zip(pictures, replies)}
    return ScriptedEngine(lambda ask: said[ask.media[-1].image.digest], **options)


def scorer_of(pictures, numbers, **options):
    lines = [
        n if isinstance(n, str) else Numbers(*np.atleast_1d(n).tolist()).text() for n in numbers
    ]
    return ScorerReward(engine_of(pictures, lines), "head", **options)


def logistic(x):
    return 1 / (1 + math.exp(-x))


# Numbers of one candidate -------------------------------------------------------------------


def test_a_scorer_is_a_reward(pictures):
    scorer = scorer_of(pictures, [1.0])
    assert isinstance(scorer, Reward)
    assert scorer.capabilities == {"scorer", "score", "rank"}


def test_one_candidate(pictures):
    line = Numbers(1.25, {"VQ": 0.5, "MQ": 2.0}, 0.75, {"style": 0.1, "fidelity": 0.9}).text()
    out = scorer_of(pictures, [line]).score("two red circles", pictures[0])
    name = str(pictures[0])
    assert (out.status, out.mode, out.winner, out.agreement) == ("ok", "score", None, None)
    assert out.scores == {name: pytest.approx(logistic(1.25))}
    assert (out.raw, out.sigma) == ({name: 1.25}, {name: 0.75})
    assert out.dimensions == {"VQ": {name: 0.5}, "MQ": {name: 2.0}}
    assert out.rationale == "what weighed: fidelity 0.90, style 0.10"
    assert (out.family, out.judge, out.calls) == ("head", "scripted", 1)
    assert out.media == {name: {"width": 8, "height": 6}}
    assert [json.loads(ask.reply)["score"] for ask in out.asks] == [1.25]
    assert Judgment.model_validate_json(json.dumps(out.to_dict())) == out


def test_a_head_of_one_number_calls_it_score(pictures):
    out = scorer_of(pictures, [0.5]).score("x", pictures[0])
    assert out.dimensions == {"score": {str(pictures[0]): 0.5}}
    assert out.sigma == {}


def test_several_alone_have_a_winner_by_their_numbers(pictures):
    scorer = scorer_of(pictures, [40.0, 41.0, 39.0])  # their logistics are all 1.0
    out = scorer(records := [record(pictures[:3])], "score")[0]
    assert set(out.scores.values()) == {1.0}
    assert (out.winner, out.ranking) == ("b", (("b",), ("a",), ("c",)))
    assert (out.preference, records[0].id) == ({}, out.record)


# Two ---------------------------------------------------------------------------------------


def test_a_pair_by_bradley_terry(pictures):
    out = scorer_of(pictures, [1.5, -0.5]).compare("x", *pictures[:2])
    assert out.preference == {
        "a": pytest.approx(logistic(2.0)), "b": pytest.approx(logistic(-2.0)), "tie": 0.0,
    }  # fmt: skip
    assert out.scores == {"a": out.preference["a"], "b": out.preference["b"]}
    assert (out.winner, out.confidence, out.agreement) == ("a", out.preference["a"], None)
    assert (out.mode, out.calls, out.raw) == ("rank", 2, {"a": 1.5, "b": -0.5})
    assert [ask.candidates for ask in out.asks] == [("a",), ("b",)]


def test_temperature_divides_the_difference(pictures):
    scorer = scorer_of(pictures, [1.5, -0.5], scoring=Scoring(temperature=4))
    assert scorer.compare("x", *pictures[:2]).confidence == pytest.approx(logistic(0.5))


def test_a_gaussian_pair_by_phi(pictures):
    scorer = scorer_of(pictures, [(1.5, {}, 0.6), (0.7, {}, 0.8)])
    out = scorer.compare("x", *pictures[:2])
    assert out.preference["a"] == pytest.approx(norm.cdf(0.8 / math.hypot(0.6, 0.8)), rel=1e-12)
    assert out.sigma == {"a": 0.6, "b": 0.8}


def scorer_lines(numbers):
    return [Numbers(*n).text() for n in numbers]


def test_equal_numbers_tie(pictures):
    out = scorer_of(pictures, [0.25, 0.25]).compare("x", *pictures[:2])
    assert (out.winner, out.confidence) == ("tie", 0.0)
    assert out.scores == {"a": 0.5, "b": 0.5}


@given(
    st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3),
    st.floats(1e-2, 1e2),
)  # fmt: skip
def test_beats_is_a_probability_and_antisymmetric(a, b, one, two, temperature):
    scoring = Scoring(temperature=temperature)
    for spread in ((None, None), (one, two)):
        forth, back = scoring.beats(a, b, *spread), scoring.beats(b, a, *reversed(spread))
        assert 0 <= forth <= 1
        assert forth + back == pytest.approx(1, abs=1e-12)
        assert forth >= 0.5 if a >= b else forth <= 0.5


@given(st.floats(-1e300, 1e300))
def test_scores_stay_in_zero_to_one(raw):
    assert 0 <= Scoring().score(raw) <= 1
    assert 0 <= Scoring(squash="range", low=-3, high=7).score(raw) <= 1


def test_scoring_by_hand():
    assert Scoring(center=2, width=4).score(6) == pytest.approx(logistic(1))
    assert Scoring(squash="range", low=-1, high=3).score(1) == 0.5
    assert Scoring(squash="range", low=-1, high=3).score(9) == 1.0


def test_scoring_is_kept_in_a_calibration():
    mine = Scoring(squash="range", low=-2, high=2, temperature=0.5)
    assert Scoring.of(json.loads(json.dumps(mine.calibration()))) == mine
    assert Scoring.of(None) == Scoring() == Scoring.of({"temperature": 3})
    for bad, said in [
        ({"temperature": 0}, "temperature"), ({"squash": "tanh"}, "squash"), ({"mood": 1}, "mood"),
        ({"low": 1, "high": 1}, "must be below"), (3, "is no object"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=said) as caught:
            Scoring.of({"scoring": bad})
        assert "calibration.scoring" in str(caught.value)


# Groups -------------------------------------------------------------------------------------


def test_a_group_by_its_mean_probability_of_winning(pictures):
    numbers = np.array([0.3, 1.1, -0.4, 0.3])
    (out,) = scorer_of(pictures, numbers)([record(pictures[:4])])
    beats = 1 / (1 + np.exp(-(numbers[:, None] - numbers[None])))
    rates = (beats.sum(1) - 0.5) / 3
    assert list(out.scores) == list("abcd")
    np.testing.assert_allclose(list(out.scores.values()), rates, rtol=1e-12)
    assert out.scores["a"] == out.scores["d"]  # equal numbers, equal to the bit
    assert out.ranking == (("b",), ("a", "d"), ("c",))
    assert (out.winner, out.preference) == ("b", {})
    assert out.confidence == pytest.approx(rates[1])
    assert out.calls == 4


def test_rank_counts_every_two_that_have_numbers(pictures):
    ranking = scorer_of(pictures, [0.0, 5.0, -5.0]).rank("x", list(pictures[:3]))
    assert ranking.order == tuple((str(pictures[k]),) for k in (1, 0, 2))
    assert ranking.comparisons == 3
    best = str(pictures[1])
    assert ranking.best == best
    rate = (logistic(5) + logistic(10)) / 2
    assert ranking.scores[best] == wilson(rate * 2, 2)


# What cannot be read ------------------------------------------------------------------------


def test_an_unreadable_candidate_has_no_number_and_decides_nothing(pictures, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    scorer = scorer_of(pictures, [1.0, 2.0])
    (out,) = scorer([record([pictures[0], broken])])
    assert (out.status, out.winner, out.scores, out.preference) == ("error", None, {}, {})
    assert "broken.png" in out.reason
    assert out.raw == {"a": 1.0}  # what was read is kept
    assert out.calls == 1
    (out,) = scorer([record([pictures[0], broken])], "score")
    assert (out.status, out.scores) == ("error", {"a": pytest.approx(logistic(1))})
    with pytest.raises(MediaError, match=r"broken\.png"):
        scorer.compare("x", pictures[0], broken)


@pytest.mark.parametrize(
    ("reply", "status", "said"),
    [
        ("the score is 3", "unparsed", "no JSON"),
        ('{"score": NaN}', "unparsed", "finite"),
        (Reply(error="out of memory"), "error", "out of memory"),
        (Reply(text='{"score": 1', finish_reason="length"), "truncated", "token limit"),
        (Reply(), "error", "neither text nor choices"),
    ],
)
def test_what_is_no_number_is_a_state(pictures, reply, status, said):
    scorer = ScorerReward(engine_of(pictures, [reply, '{"score": 1}']), "head")
    (out,) = scorer([record(pictures[:2])])
    assert (out.status, out.scores, out.winner) == (status, {}, None)
    assert said in out.reason
    assert out.raw == {"b": 1.0}
    assert Judgment.model_validate_json(json.dumps(out.to_dict())) == out


def test_a_group_with_one_unread(pictures):
    scorer = scorer_of(pictures, [1.0, "nothing", 0.0])
    (out,) = scorer([record(pictures[:3])])
    assert out.scores == {"a": pytest.approx(logistic(1)), "c": pytest.approx(logistic(-1))}
    assert (out.winner, out.ranking, out.status) == (None, None, "unparsed")


def test_policy_half_counts_the_unread_as_half_a_win(pictures):
    numbers = [1.0, "nothing", 0.0]
    (pair,) = scorer_of(pictures, numbers, policy="half")([record(pictures[:2])])
    assert (pair.scores, pair.winner) == ({"a": 0.5, "b": 0.5}, None)
    assert pair.preference == {"a": 0.5, "b": 0.5, "tie": 0.0}
    (group,) = scorer_of(pictures, numbers, policy="half")([record(pictures[:3])])
    assert group.scores == {
        "a": pytest.approx((logistic(1) + 0.5) / 2), "b": 0.5,
        "c": pytest.approx((logistic(-1) + 0.5) / 2),
    }  # fmt: skip
    assert (group.winner, group.ranking) == (None, (("a",), ("b",), ("c",)))


def test_policies_drop_and_stop(pictures):
    records = [record(pictures[k : k + 2], name=f"r{k}") for k in range(3)]
    numbers = [0.0, 1.0, "nothing", 2.0]
    assert [j.record for j in scorer_of(pictures, numbers, policy="drop")(records)] == ["r0"]
    with pytest.raises(StoppedError, match="r1 is unparsed"):
        scorer_of(pictures, numbers, policy="stop")(records)


def test_modes_and_tasks_it_has_not(pictures):
    scorer = scorer_of(pictures, [1.0, 2.0])
    with pytest.raises(FamilyError, match="has no pair-score mode; use score or rank"):
        scorer.compare("x", *pictures[:2], mode="pair-score")
    (out,) = scorer([record(pictures[:1])], "rank")
    assert (out.status, "needs two candidates" in out.reason) == ("error", True)
    (out,) = scorer([record(pictures[:1], task="interleaved")])
    assert (out.status, "no score mode" in out.reason) == ("error", True)


# The face -----------------------------------------------------------------------------------


def test_streams_in_order_whatever_the_engine_does(pictures):
    said = [Numbers(float(k)).text() for k in range(6)]
    engine = engine_of(pictures, said, window=4, seed=7)
    records = (record(pictures[k % 5 : k % 5 + 2], name=f"r{k}") for k in range(40))
    out = list(ScorerReward(engine, "head").stream(records))
    assert [one.record for one in out] == [f"r{k}" for k in range(40)]
    assert {one.winner for one in out} <= set("bcdef")
    assert all(one.raw[one.winner] == max(one.raw.values()) for one in out)


def test_ajudge_and_close(pictures):
    with scorer_of(pictures, [0.0, 1.0]) as scorer:
        (out,) = asyncio.run(scorer.ajudge([record(pictures[:2])]))
    assert out.winner == "b"


def test_numbers_are_cached_by_content(pictures, tmp_path):
    cache = ReplyCache(tmp_path / "cache")
    said = [Numbers(0.1).text(), Numbers(0.2).text()]
    engine = engine_of(pictures, said, identity="fixed")
    first = ScorerReward(engine, "head", cache=cache).compare("x", *pictures[:2])
    again = ScorerReward(engine, "head", cache=cache).compare("x", *pictures[:2])
    assert (first.cached, again.cached, engine.calls) == (0, 2, 2)
    assert (again.raw, again.preference) == (first.raw, first.preference)


def test_plan_and_prompt(pictures):
    scorer = scorer_of(pictures, [0.0, 1.0, 2.0])
    plan = scorer.plan([record(pictures[:3])])
    assert (plan.calls, plan.comparisons, plan.images) == (3, 3, 3)
    shown = scorer.show_prompt(record(pictures[:2]))
    assert shown.count("== ask") == 2
    assert "Caption: two red circles" in shown


def test_identity_knows_the_scale(pictures):
    plain, mine = (
        scorer_of(pictures, [0.0], scoring=s).identity for s in (None, Scoring(temperature=2))
    )
    assert plain != mine
    assert {**plain, "scoring": None, "model": None} == {**mine, "scoring": None, "model": None}


def test_a_file_of_records_goes_on_where_it_stopped(pictures, tmp_path):
    source, out = tmp_path / "records.jsonl", tmp_path / "judgments.jsonl"
    write_records(source, [record(pictures[k : k + 2], name=f"r{k}") for k in range(5)])
    said = [Numbers(float(k)).text() for k in range(6)]

    def job(faults=None):
        engine = engine_of(pictures, said, identity="fixed", faults=faults)
        return ScorerReward(engine, "head", policy="stop" if faults else "keep")

    with pytest.raises(StoppedError):
        judge_file(job({5: "error"}), source, out)
    assert len(out.read_text().splitlines()) == 2
    judge_file(job(), source, out)
    rows = list(read_judgments(out))
    assert [(row.record, row.winner) for row in rows] == [
        (f"r{k}", "bcdef"[k]) for k in range(5)
    ]  # fmt: skip


@given(st.builds(
    Numbers,
    st.floats(allow_nan=False, allow_infinity=False),
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    st.none() | st.floats(min_value=5e-324, allow_infinity=False),
    st.dictionaries(st.text(), st.floats(0, 1)),
))  # fmt: skip
def test_a_line_of_numbers_is_read_back_to_the_bit(numbers):
    assert numbers_of(numbers.text()) == replace(numbers)
