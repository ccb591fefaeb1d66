import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.rewards.combine import (
    OrderReading,
    argmax,
    combine_aspects,
    combine_pair,
    merge_preferences,
    softmax,
    tiers_of,
)


def hard(order: tuple[str, str], winner: str, **fields: object) -> OrderReading:
    return OrderReading(
        order,
        preference={key: float(key == winner) for key in (*order, "tie")},
        **fields,  # type: ignore[arg-type]
    )


def soft(order: tuple[str, str], *probabilities: float) -> OrderReading:
    logs = {key: math.log(p) if p else -math.inf for key, p in zip((*order, "tie"), probabilities)}
    return OrderReading(order, preference=softmax(logs), logprobs=logs)


def test_two_hard_verdicts_that_agree():
    out = combine_pair([hard(("a", "b"), "a"), hard(("b", "a"), "a")], "a", "b")
    assert out.winner == "a"
    assert out.preference == {"a": 1.0, "b": 0.0, "tie": 0.0}
    assert out.scores == {"a": 1.0, "b": 0.0}
    assert (out.agreement, out.confidence) == (True, 1.0)


def test_opposed_hard_verdicts_are_a_tie():
    out = combine_pair([hard(("a", "b"), "a"), hard(("b", "a"), "b")], "a", "b")
    assert out.winner == "tie"
    assert out.preference == {"a": 0.5, "b": 0.5, "tie": 0.0}
    assert out.scores == {"a": 0.5, "b": 0.5}
    assert (out.agreement, out.confidence) == (False, 0.0)


def test_a_verdict_and_a_tie_are_a_tie():
    out = combine_pair([hard(("a", "b"), "a"), hard(("b", "a"), "tie")], "a", "b")
    assert out.winner == "tie"
    assert out.confidence == 0.5
    assert out.scores == {"a": 0.75, "b": 0.25}


def test_probabilities_merge_by_the_renormalised_geometric_mean():
    out = combine_pair([soft(("a", "b"), 0.8, 0.1, 0.1), soft(("b", "a"), 0.4, 0.5, 0.1)], "a", "b")
    # sqrt(.8*.5), sqrt(.1*.4), sqrt(.1*.1), over their sum
    means = [math.sqrt(0.40), math.sqrt(0.04), math.sqrt(0.01)]
    a, b, tie = (mean / sum(means) for mean in means)
    assert out.preference == pytest.approx({"a": a, "b": b, "tie": tie}, rel=1e-12)
    assert out.scores == pytest.approx({"a": a + tie / 2, "b": b + tie / 2}, rel=1e-12)
    assert out.winner == "a"
    assert out.confidence == out.preference["a"]


def test_unnormalised_log_probabilities_are_renormalised():
    one = soft(("a", "b"), 0.08, 0.02)  # a fifth of the mass is on other words
    out = combine_pair([one], "a", "b")
    assert out.preference == pytest.approx({"a": 0.8, "b": 0.2, "tie": 0.0})
    assert out.agreement is None


def test_pure_position_bias_cancels_to_an_exact_tie():
    out = combine_pair([soft(("a", "b"), 0.7, 0.3), soft(("b", "a"), 0.7, 0.3)], "a", "b")
    assert out.preference["a"] == out.preference["b"]
    assert out.winner == "tie"
    assert out.agreement is False


def test_one_order_in_words_takes_the_arithmetic_mean():
    out = combine_pair([soft(("a", "b"), 0.9, 0.1), hard(("b", "a"), "b")], "a", "b")
    assert out.preference == pytest.approx({"a": 0.45, "b": 0.55, "tie": 0.0})
    assert out.winner == "b"


def test_products_of_zero_fall_back_to_the_arithmetic_mean():
    out = combine_pair([soft(("a", "b"), 1.0, 0.0), soft(("b", "a"), 1.0, 0.0)], "a", "b")
    assert out.preference == {"a": 0.5, "b": 0.5, "tie": 0.0}
    assert out.winner == "tie"


@pytest.mark.parametrize(
    ("statuses", "worst"),
    [
        (("ok", "unparsed"), "unparsed"),
        (("truncated", "unparsed"), "truncated"),
        (("truncated", "refused"), "refused"),
        (("error", "refused"), "error"),
    ],
)
def test_one_unread_order_leaves_no_number(statuses, worst):
    readings = [
        hard(("a", "b"), "a")
        if status == "ok"
        else OrderReading(("a", "b"), status, f"why {status}")
        for status in statuses
    ]
    out = combine_pair(readings, "a", "b")
    assert (out.status, out.reason) == (worst, f"why {worst}")
    assert (out.winner, out.preference, out.scores) == (None, {}, {})


def test_pair_scores_are_means_over_both_orders_and_the_winner_is_by_verdicts():
    first = hard(("a", "b"), "a", scores={"a": 0.9, "b": 0.1}, dimensions={"q": {"a": 9, "b": 1}})
    second = hard(("b", "a"), "b", scores={"a": 0.4, "b": 0.6}, dimensions={"q": {"a": 4, "b": 6}})
    out = combine_pair([first, second], "a", "b")
    assert out.scores == pytest.approx({"a": 0.65, "b": 0.35})
    assert out.dimensions == {"q": {"a": 6.5, "b": 3.5}}
    assert out.winner == "tie"


def test_aspects_are_averaged_and_one_unread_aspect_is_the_status():
    one = combine_pair([hard(("a", "b"), "a")], "a", "b")
    two = combine_pair([hard(("a", "b"), "tie")], "a", "b")
    out = combine_aspects([one, two], "a", "b")
    assert out.preference == {"a": 0.5, "b": 0.0, "tie": 0.5}
    assert out.scores == {"a": 0.75, "b": 0.25}
    bad = combine_pair([OrderReading(("a", "b"), "refused", "no")], "a", "b")
    assert combine_aspects([one, bad], "a", "b").status == "refused"


def test_tiers_share_exactly_equal_scores():
    assert tiers_of({"a": 0.5, "b": 0.75, "c": 0.5}) == (("b",), ("a", "c"))


def test_argmax_of_a_tie_is_tie():
    assert argmax({"a": 0.4, "b": 0.2, "tie": 0.4}) == "tie"


probability = st.floats(min_value=1e-6, max_value=1.0)
distribution = st.tuples(probability, probability, probability)


def swapped(reading: OrderReading) -> OrderReading:
    """The same reading with the candidates' names exchanged."""
    other = {"a": "b", "b": "a", "tie": "tie"}
    return OrderReading(
        tuple(other[key] for key in reading.order),
        preference={other[k]: v for k, v in reading.preference.items()},
        logprobs=reading.logprobs and {other[k]: v for k, v in reading.logprobs.items()},
    )


def reading_strategy(order: tuple[str, str]):
    words = st.sampled_from([*order, "tie"]).map(lambda winner: hard(order, winner))
    return words | distribution.map(lambda ps: soft(order, *ps))


@given(reading_strategy(("a", "b")), reading_strategy(("b", "a")))
def test_swapping_the_candidates_mirrors_the_judgment(first, second):
    out = combine_pair([first, second], "a", "b")
    mirror = combine_pair([swapped(second), swapped(first)], "a", "b")
    other = {"a": "b", "b": "a", "tie": "tie"}
    assert mirror.winner == other[out.winner]
    assert mirror.agreement == out.agreement
    assert mirror.confidence == pytest.approx(out.confidence, abs=1e-12)
    for key, value in out.preference.items():
        assert mirror.preference[other[key]] == pytest.approx(value, abs=1e-12)
    assert math.fsum(out.preference.values()) == pytest.approx(1.0)
    assert math.fsum(out.scores.values()) == pytest.approx(1.0)


@given(distribution, distribution)
def test_the_geometric_mean_lies_between_the_odds_of_both_orders(one, two):
    merged = merge_preferences([soft(("a", "b"), *one), soft(("b", "a"), *two)], "a", "b")
    odds = sorted([one[0] / one[1], two[1] / two[0]])
    assert odds[0] * (1 - 1e-9) <= merged["a"] / merged["b"] <= odds[1] * (1 + 1e-9)
