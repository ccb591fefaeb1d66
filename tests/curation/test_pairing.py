"""Which pairs are asked, and what a group's judgment says of each pair."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.curation.conftest import case_of, judge_of, levels_in, one, run
from unireward.curation import Agreement, PairRank, PointSift, RandomPairs, RankPairs
from unireward.curation.verdicts import verdict_of, verdicts_of
from unireward.errors import UsageError


def softly(ask):
    """Log-probabilities by the difference of brightness, the first shown favoured a little."""
    if len(levels_in(ask)) != 2 or not ask.choices:
        return "Final Score: 5"
    gap = (levels_in(ask)[0] - levels_in(ask)[1]) / 60 + 0.7
    first, second = 1 / (1 + math.exp(-gap)), 1 / (1 + math.exp(gap))
    weights = (0.9 * first, 0.9 * second, 0.1)
    return {choice: math.log(p) for choice, p in zip(ask.choices, weights)}


def test_a_groups_asks_say_of_each_pair_what_a_judgment_of_the_pair_says():
    judge = judge_of(softly)
    case = case_of([30, 90, 95, 200])
    (whole,) = judge([case.record()], mode="rank")
    verdicts = verdicts_of(whole, case.names)
    assert len(verdicts) == 6
    for verdict in verdicts:
        (alone,) = judge([case.record(verdict.between)])
        expected = verdict_of(alone, verdict.between)
        assert verdict.winner == expected.winner
        assert verdict.preference == pytest.approx(expected.preference)
        assert verdict.confidence == pytest.approx(expected.confidence)
        assert (verdict.agreement, verdict.orders) == (expected.agreement, 2)


def test_votes_count_together():
    said = iter(range(100))

    def wavering(ask):
        levels = levels_in(ask)
        right = 1 if levels[0] > levels[1] else 2
        return f"Image {right if next(said) % 3 else 3 - right} is better"

    judge = judge_of(wavering, votes=3, capabilities=("generate", "image"))
    case = case_of([30, 200, 90])
    (whole,) = judge([case.record()], mode="rank")
    for verdict in verdicts_of(whole, case.names):
        assert verdict.status == "ok"
        assert sum(verdict.preference.values()) == pytest.approx(1)


def test_all_pairs_and_a_scheme_of_the_group():
    levels = [10, 60, 110, 30]
    every = one(PairRank(judge_of(), "all"), case_of(levels))
    assert len(every.kept) == 6
    for pair in every.kept:
        winner, loser = pair.sides
        assert levels["abcd".index(winner)] > levels["abcd".index(loser)]
    few = one(PairRank(judge_of(), "anchors:1"), case_of(levels))
    assert len(few.kept) == 3
    assert few.said["pair_rank"]["calls"] == 3


def test_random_pairs_of_a_judge_are_a_prompts_own():
    step = PairRank(judge_of(), "random:3", seed=1)
    together = run(step, [case_of([10, 60, 110, 30, 90], n) for n in range(6)])
    alone = [one(step, case_of([10, 60, 110, 30, 90], n)) for n in range(6)]
    assert [c.pairs for c in together] == [c.pairs for c in alone]
    assert all(len(c.pairs) == 3 for c in together)
    assert len({tuple(p.between for p in c.pairs) for c in together}) > 1


@pytest.mark.parametrize(
    ("pairs", "mend"),
    [("some", "use disjoint, random:N, all"), ("random:0", "write random:N"),
     ("random", "write random:N")],
)  # fmt: skip
def test_pairs_that_are_none(pairs, mend):
    with pytest.raises(UsageError, match=mend):
        PairRank(judge_of(), pairs)


def test_an_odd_one_has_no_partner():
    case = one(PairRank(judge_of()), case_of([10, 60, 90]))
    assert len(case.pairs) == 1
    assert str(case.left_out["c"]) == "has no partner"


def test_rank_pairs_takes_extremes_neighbours_or_all():
    levels = [10, 60, 110, 30]
    (extreme,) = one(RankPairs(judge_of()), case_of(levels)).kept
    assert (extreme.sides, extreme.confidence) == (("c", "a"), 1.0)
    assert extreme.margin == pytest.approx(1.0)
    near = one(RankPairs(judge_of(), take="adjacent"), case_of(levels)).kept
    assert [pair.sides for pair in near] == [("c", "b"), ("b", "d"), ("d", "a")]
    assert len(one(RankPairs(judge_of(), take="decided"), case_of(levels)).kept) == 6


def test_an_active_ranking_stays_in_its_budget():
    levels = [10, 200, 60, 110, 30, 150, 90, 75]
    judge = judge_of(softly)
    case = one(RankPairs(judge, "active", budget=24), case_of(levels))
    assert case.said["rank_pairs"]["calls"] <= 24
    (pair,) = case.kept
    better, worse = (levels["abcdefgh".index(name)] for name in pair.sides)
    assert better > worse
    assert 0.5 < pair.confidence < 1


def test_a_group_of_equals_gives_no_pair():
    case = one(RankPairs(judge_of()), case_of([50, 50, 50]))
    assert case.dropped.reason == "tie"


def test_unread_members_of_a_group_are_left_out():
    def blind(ask):
        return "no idea" if 110 in levels_in(ask) else judge_of().engine.reply(ask).text

    case = one(RankPairs(judge_of(blind)), case_of([10, 60, 110, 30]))
    assert case.kept[0].sides == ("b", "a")
    assert case.left_out["c"].reason == "unparsed"


def test_random_pairs_are_decided_by_lot():
    cases = run(RandomPairs(2, seed=4), [case_of([1, 2, 3], n) for n in range(40)])
    assert all(len({frozenset(p.between) for p in c.kept}) == 2 for c in cases)
    firsts = sum(case.kept[0].sides[0] == "a" for case in cases)
    assert 4 <= firsts <= 24
    assert run(RandomPairs(2, seed=4), [case_of([1, 2, 3], 7)])[0].kept == cases[7].kept


def test_a_second_judge_has_to_agree():
    ranked = run(PairRank(judge_of()), [case_of([10, 60], 0)])
    same = one(Agreement(judge_of()), ranked[0])
    assert same.kept[0].marks["agreement"]["winner"] == "b"

    def otherwise(ask):
        levels = levels_in(ask)
        return f"Image {1 if levels[0] < levels[1] else 2} is better"

    assert one(Agreement(judge_of(otherwise)), ranked[0]).dropped.reason == "the judges disagree"
    assert one(Agreement(judge_of("Image 1 is better")), ranked[0]).dropped.reason == "tie"
    assert one(Agreement(judge_of("who knows")), ranked[0]).dropped.reason == "unparsed"


@settings(max_examples=60)
@given(
    levels=st.lists(st.integers(0, 255), min_size=2, max_size=8),
    faults=st.dictionaries(st.integers(0, 30), st.sampled_from(["error", "truncated", "refused"])),
)
def test_whatever_fails_the_kept_pair_is_the_best_winner_against_the_worst_loser(levels, faults):
    judge = judge_of(faults=faults)
    ranked = one(PairRank(judge), case_of(levels))
    case = one(PointSift(judge, form="sift"), ranked)
    assert case.alive == bool(case.kept)
    assert len(case.pairs) >= len(ranked.pairs)
    for pair in case.kept:
        scores = case.scored.scores
        best, worst = pair.sides
        winners = [p.sides[0] for p in ranked.kept if p.sides[0] in scores]
        losers = [p.sides[1] for p in ranked.kept if p.sides[1] in scores]
        assert scores[best] == max(scores[name] for name in winners)
        assert scores[worst] == min(scores[name] for name in losers)
        assert scores[best] > scores[worst]
    met = {name for pair in ranked.kept for name in pair.between}
    unread = met - set(case.scored.scores if case.scored else ())
    assert not ranked.kept or unread <= set(case.left_out)
