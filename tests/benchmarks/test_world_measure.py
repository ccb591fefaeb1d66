"""A benchmark's numbers, counted by hand from made-up truths and answers."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.benchmarks.benchmark import EVEN, STRICT, Rules, Truth, get_benchmark
from unireward.benchmarks.measure import (
    baseline_metrics,
    calibration_error,
    mean_over,
    pair_metrics,
    single_metrics,
    statuses_of,
)
from unireward.benchmarks.result import BenchResult, BestWay, read_result, write_result
from unireward.benchmarks.result_card import card_section
from unireward.benchmarks.run import Said
from unireward.benchmarks.ways import Way, parse_ways
from unireward.errors import InputError, UsageError
from unireward.stats import Bin, Estimate, expected_calibration_error, reliability, wilson


def truth(name, winner, level="1", kind="one-fact", lengths=(5, 3)):
    return Truth(name, ("a", "b"), winner, {}, {"level": level, "kind": kind}, lengths)


def said(winner, confidence=None, agreement=True, status="ok"):
    return Said(status, winner, confidence, agreement)


TRUTHS = [
    truth("0", "a"),
    truth("1", "a", kind="quality"),
    truth("2", "b", level="2", lengths=(3, 5)),
    truth("3", "tie", level="2"),
    truth("4", "a", level="2", lengths=(4, 4)),
]
SAID = [
    said("a", 0.95),
    said("b", 0.65),
    said("tie", 0.45, agreement=False),
    said("tie", 0.65),
    said(None, None, None, status="unparsed"),
]


def test_pairs_counted_by_hand():
    got = pair_metrics(TRUTHS, SAID, STRICT)
    # Truth differs in 0, 1, 2 and 4: right, wrong, a tie, unread.
    assert got["accuracy"] == wilson(1, 4)
    assert got["accuracy_with_ties"] == wilson(2, 5)
    assert got["accuracy_level_1"] == wilson(1, 2)
    assert got["accuracy_level_2"] == wilson(0, 2)
    assert got["accuracy_kind_one_fact"] == wilson(1, 3)
    assert got["accuracy_kind_quality"] == wilson(0, 1)
    assert got["ties"] == wilson(2, 4)
    assert got["unread"] == wilson(1, 5)
    assert got["order_agreement"] == wilson(3, 4)
    # Gaps of .05, .65 and .45 over one verdict each; the true tie has no part in it.
    assert got["ece"].value == pytest.approx((0.05 + 0.65 + 0.45) / 3)
    assert got["ece"].n == 3


@pytest.mark.parametrize(
    ("rules", "right", "n"),
    [
        (Rules("half", tie_credit=0.5), 1.5, 4),
        (Rules("lenient", unread="exclude"), 1, 3),
        (Rules("coin", tie_credit=0.5, unread="half"), 2, 4),
        (Rules("three-way", ties="with"), 2, 5),
    ],
)
def test_a_protocol_is_what_becomes_of_ties_and_unread_replies(rules, right, n):
    assert pair_metrics(TRUTHS, SAID, rules)["accuracy"] == wilson(right, n)


def test_baselines_get_half_of_a_tie():
    blind = {"text_only": [said("a")] * 5, "image_only": [said("tie")] * 4 + [said(None)]}
    got = baseline_metrics(TRUTHS, blind)
    assert got == {
        "text_only": wilson(3, 4),
        "image_only": wilson(2, 4),
        "longer": wilson(3.5, 4),  # 0, 1, 2, and half of 4
        "majority": wilson(3, 4),
    }
    assert (EVEN.orders, STRICT.orders) == ("one", "both")


def test_nothing_read_makes_no_number():
    silent = [said(None, None, None, "error")] * 5
    got = pair_metrics(TRUTHS, silent, STRICT)
    assert got["accuracy"].value == 0.0
    assert got["unread"].value == 1.0
    assert not {"ece", "order_agreement", "ties"} & set(got)
    assert statuses_of([silent, SAID]) == {"ok": 4, "unparsed": 1, "error": 5}


def singles(values, name="alignment", key=None, **more):
    truths = [
        Truth(str(k), ("a",), None, {"a": {"alignment": 1 + k, "overall": 5 - k}}, {}, (1,))
        for k in range(len(values))
    ]
    heard = [
        Said(scores={"a": v / 5}, dimensions={} if key is None else {key: {"a": v}}) for v in values
    ]
    return single_metrics(truths, heard)


def test_singles_by_dimension():
    got = singles([1.0, 2.0, 3.5, 3.0, 5.0], key="alignment")
    assert got["alignment_spearman"].value == pytest.approx(0.9)  # neighbours swapped, of five
    assert got["overall_spearman"].value == pytest.approx(-0.9)  # from the score: no such dimension
    longer_name = singles([1.0, 2.0, 3.5, 3.0, 5.0], key="text_to_video_alignment")
    assert longer_name["alignment_spearman"] == got["alignment_spearman"]
    assert set(singles([3.0] * 5, key="alignment")) == {"unread"}  # a constant has no rank
    assert set(singles([1.0, 2.0, 3.5, 3.0])) == {"overall_spearman", "unread"}


@given(
    st.lists(
        st.tuples(st.sampled_from([0.0, 0.1, 0.3, 1 / 3, 0.5, 0.6, 0.7, 0.9, 1.0]), st.booleans()),
        min_size=1,
        max_size=30,
    )
)
def test_the_error_that_is_resampled_is_the_one_of_the_bins(rows):
    got = calibration_error(rows)
    assert got is not None
    bins = reliability([c for c, _ in rows], [r for _, r in rows])
    assert got.value == pytest.approx(expected_calibration_error(bins), abs=1e-9)
    assert 0 <= got.low <= got.value <= got.high <= 1


def test_a_mean_over_tasks_is_as_sure_as_its_parts():
    one, two = Estimate(0.9, 0.8, 0.94, 100), Estimate(0.5, 0.4, 0.6, 50)
    got = mean_over([one, two])
    assert got.value == pytest.approx(0.7)
    assert got.low == pytest.approx(0.7 - math.sqrt(0.1**2 + 0.1**2) / 2)
    assert got.high == pytest.approx(0.7 + math.sqrt(0.04**2 + 0.1**2) / 2)
    assert got.n == 150
    assert mean_over([]) is None
    assert mean_over([one]) == one


def test_the_mean_s_interval_covers_as_often_as_it_says():
    """2,000 simulated benchmarks of three tasks: 95 % of the intervals hold the truth."""
    rng = np.random.default_rng(0)
    shares, n = np.array([0.95, 0.8, 0.6]), 120
    draws = rng.binomial(n, shares, size=(2000, 3))
    held = 0
    for row in draws:
        got = mean_over([wilson(int(k), n) for k in row])
        held += got.low <= shares.mean() <= got.high
    assert 0.935 <= held / 2000 <= 0.97


def test_ways_are_modes_and_forms():
    assert parse_ways("rank, rank:trace,rank") == [Way("rank"), Way("rank", "trace")]
    assert parse_ways("all") is None
    assert (str(Way("rank", "trace")), Way("rank", "trace").slug) == ("rank:trace", "rank-trace")
    for bad in ("ranks", "rank:", "", ",", "trace"):
        with pytest.raises(UsageError, match="mode"):
            parse_ways(bad)


def test_an_unknown_benchmark_and_bad_options_say_what_there_is():
    with pytest.raises(UsageError, match="'worlds' is unknown; use world"):
        get_benchmark("worlds")
    with pytest.raises(UsageError, match="'audio' is not drawn; set tasks to all, or to some of"):
        get_benchmark("world", tasks=["audio"])
    with pytest.raises(InputError, match="level 5 is unknown"):
        get_benchmark("world", level=5)


def a_result(**more):
    return BenchResult(
        benchmark="world", judge="j", protocol=STRICT.to_dict(), n=3, statuses={"ok": 3},
        metrics={"x/rank/accuracy": wilson(2, 3), "x/rank/unread": wilson(0, 3)},
        best={"x": BestWay("rank:trace", "judge.json", {"rank": 0.5})},
        tasks=("x",), ways=("rank", "rank:trace"),
        skipped=({"set": "x", "way": "s", "reason": ""},),
        bins={"x/rank": [Bin(0.5, 0.6, 0.55, wilson(1, 2))]}, seed=1, **more,
    )  # fmt: skip


def test_a_result_is_read_back_as_it_was(tmp_path):
    result = a_result(config={"items": 3})
    path = write_result(result, tmp_path / "deep")
    assert read_result(path) == read_result(tmp_path / "deep") == result
    json.loads(path.read_text(), parse_constant=pytest.fail)
    assert list(json.loads(path.read_text()))[1:7] == [
        "benchmark", "judge", "protocol", "n", "statuses", "metrics",
    ]  # fmt: skip
    assert result.best_modes == {"x": "rank"}
    assert result.first_way("x") == "rank"
    assert result.get("x", "rank", "ece") is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"metrics": 1}', "\xff"])
def test_what_is_no_result_is_refused_by_name(tmp_path, text):
    (tmp_path / "result.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=r"result\.json: .*give"):
        read_result(tmp_path)


def test_a_card_holds_the_result_s_own_figures():
    text = card_section(a_result(config={"items": 3, "level": "1-3"}))
    assert "3 records of each task (benchmark `world`, seed 1, level 1-3), both orders" in text
    assert "| x | rank:trace | 66.7 [20.8, 93.9] |" in text
    assert "Best ways: judge.json." in text
    assert "nan" not in text.lower()
    widths = [line.count("|") for line in text.splitlines() if line.startswith("|")]
    assert widths  # every table's lines have its head's columns
    for block in text.split("\n\n"):
        counts = {line.count("|") for line in block.splitlines() if line.startswith("|")}
        assert len(counts) <= 1
