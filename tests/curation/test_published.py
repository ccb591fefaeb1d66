"""The published algorithm, and one test for each of its defects."""

from __future__ import annotations

import pytest

from tests.curation.conftest import (
    GreyPolicy,
    case_of,
    judge_of,
    levels_in,
    one,
    prompts_of,
    run,
)
from unireward.curation import Case, PairRank, PointSift, chain, published
from unireward.errors import UsageError


def points(scores: dict[int, str]):
    """A judge that ranks by brightness and says these words of a picture's score."""

    def says(ask):
        levels = levels_in(ask)
        if len(levels) == 2:
            return f"Image {1 if levels[0] > levels[1] else 2} is better"
        return scores[levels[0]]

    return judge_of(says)


def sift(case: Case, judge, **options) -> Case:
    return one(PointSift(judge, form="sift", **options), one(PairRank(judge), case))


def test_five_winners_five_losers_best_against_worst():
    levels = [10, 60, 110, 30, 160, 200, 90, 70, 40, 50]
    case = sift(case_of(levels), judge_of())
    ranked = [pair for pair in case.pairs if pair.step == "pair_rank"]
    assert [pair.between for pair in ranked] == [
        ("a", "b"), ("c", "d"), ("e", "f"), ("g", "h"), ("i", "j"),
    ]  # fmt: skip
    assert [pair.winner for pair in ranked] == ["b", "c", "f", "g", "j"]
    (kept,) = case.kept
    # winners score 2, 4, 8, 4, 2; losers (a, d, e, h, i) 1, 1, 6, 3, 2
    assert kept.sides[0] == "f"
    assert kept.sides[1] in ("a", "d")
    assert kept.margin == pytest.approx((8 - 1) / 9)
    assert case.scored is not None
    assert case.scored.dimensions["overall"]["f"] == 8
    assert case.scored.scales == {"overall": (1, 10)}
    assert case.said["pair_rank"]["calls"] == 10
    assert case.said["point_sift"]["calls"] == 10


def test_published_goes_from_prompts_to_pairs():
    policy, judge = GreyPolicy(), judge_of()
    steps = published(policy, judge, n=6, seed=3, form="sift")
    cases = run(chain(steps), [Case(prompt=prompt) for prompt in prompts_of(5)])
    assert [case.id for case in cases] == [f"p{n}" for n in range(5)]
    assert [len(case.candidates) for case in cases] == [6] * 5
    for case in cases:
        assert [pair.step for pair in case.kept] == (["point_sift"] if case.alive else [])
    again = run(chain(published(GreyPolicy(), judge, n=6, seed=3, form="sift")),
                [Case(prompt=prompt) for prompt in prompts_of(5)][::-1])  # fmt: skip
    assert [case.kept for case in again][::-1] == [case.kept for case in cases]


def test_ten_is_more_than_nine():
    """Defect: scores stayed strings, and "10" < "9"."""
    judge = points({200: "Final Score: 10", 100: "Final Score: 9"})
    case = sift(case_of([100, 200]), judge)
    (kept,) = case.kept
    assert kept.sides == ("b", "a")
    assert kept.marks["point_sift"]["scores"] == {"b": 1.0, "a": pytest.approx(8 / 9)}


def test_nine_against_ten_is_no_pair():
    """The same the other way: as text "9" > "10" would have kept it."""
    judge = points({200: "Final Score: 9", 100: "Final Score: 10"})
    case = sift(case_of([100, 200]), judge)
    assert case.kept == ()
    assert str(case.dropped).startswith("score is not greater (0.888889 against 1")


def test_a_decimal_is_not_cut():
    """Defect: 8.5 became 8."""
    judge = points({200: "Final Score: 8.5", 100: "Final Score: 8"})
    (kept,) = sift(case_of([100, 200]), judge).kept
    assert kept.margin == pytest.approx(0.5 / 9)


def test_equal_scores_keep_nothing():
    judge = points({200: "Final Score: 8", 100: "Final Score: 8"})
    assert sift(case_of([100, 200]), judge).dropped.reason == "score is not greater"


def test_an_unread_score_is_no_zero_and_takes_its_candidate_out():
    """Defect: an unreadable score became 0, and the worst loser for it."""
    judge = points(
        {200: "Final Score: 9", 100: "I would rather not say", 180: "Final Score: 8",
         90: "Final Score: 4"}
    )  # fmt: skip
    case = sift(case_of([200, 100, 180, 90]), judge)
    (kept,) = case.kept
    assert kept.sides == ("a", "d")
    assert {name: out.reason for name, out in case.left_out.items()} == {"b": "unparsed"}


def test_words_among_numbers_raise_nothing():
    """Defect: a number beside a string raised TypeError."""
    judge = points({200: "Final Score: ten", 100: "Final Score: 3"})
    case = sift(case_of([200, 100]), judge)
    assert case.dropped.reason == "no winner was scored"
    assert case.left_out["a"].step == "point_sift"


def test_a_tie_is_nobodys_win():
    """Defect: any verdict but "Image 2 ..." made the first the winner."""
    case = one(PairRank(judge_of("Both images are equally good")), case_of([100, 200]))
    assert (case.kept, case.dropped.reason) == ((), "tie")
    assert case.pairs[0].winner is None


def test_an_unread_verdict_is_nobodys_win():
    case = one(PairRank(judge_of("hard to tell")), case_of([100, 200]))
    assert (case.kept, case.dropped.reason) == ((), "unparsed")


def test_who_always_says_the_first_wins_nothing():
    """Defect: one order only, so that a judge's habit became the label."""
    case = one(PairRank(judge_of("Image 1 is better")), case_of([100, 200]))
    assert (case.kept, case.dropped.reason) == ((), "tie")
    mark = case.pairs[0].marks["pair_rank"]
    assert (mark["orders"], mark["agreement"], mark["status"]) == (2, False, "ok")
    alone = one(PairRank(judge_of("Image 1 is better"), both_orders=False), case_of([100, 200]))
    assert (alone.kept[0].winner, alone.kept[0].marks["pair_rank"]["orders"]) == ("a", 1)


def test_half_of_a_group_unread_leaves_the_other_half():
    judge = judge_of(faults={0: "error", 2: "truncated"})
    case = one(PairRank(judge), case_of([10, 60, 110, 30, 160, 200]))
    assert [pair.winner for pair in case.pairs] == [None, None, "f"]
    assert [str(p.dropped.reason) for p in case.pairs[:2]] == ["error", "truncated"]
    assert case.alive
    assert case.said["pair_rank"]["statuses"] == {"error": 1, "truncated": 1, "ok": 1}


def test_two_that_were_ranked_together_keep_their_confidence():
    (kept,) = sift(case_of([100, 200]), points({200: "Final Score: 9", 100: "Final Score: 2"})).kept
    assert (kept.confidence, kept.agreement) == (1.0, True)
    far = sift(case_of([100, 200, 40, 120]), judge_of())
    assert far.kept[0].sides == ("b", "c")
    assert (far.kept[0].confidence, far.kept[0].agreement) == (None, None)


def test_ranks_that_say_the_reverse_of_scores_keep_nothing():
    """Of all pairs best and worst have met: a is a winner for having beaten b, and lost to c."""

    def says(ask):
        levels = levels_in(ask)
        if len(levels) == 1:
            return {30: "Final Score: 9", 20: "Final Score: 5", 10: "Final Score: 1"}[levels[0]]
        beats = {(30, 20), (20, 10), (10, 30)}  # in a ring
        return f"Image {1 if tuple(levels) in beats else 2} is better"

    judge = judge_of(says)
    case = one(PointSift(judge, form="sift"), one(PairRank(judge, "all"), case_of([30, 20, 10])))
    assert case.dropped.reason == "ranks and scores disagree"


def test_best_and_worst_do_not_hang_on_places():
    """Among equal scores the surer pair, then the lot decides: over many prompts not the first."""
    judge = points({200: "Final Score: 9", 100: "Final Score: 2"})
    firsts = 0
    for number in range(64):
        case = sift(case_of([200, 100, 200, 100], number), judge)
        firsts += case.kept[0].sides[0] == "a"
    assert 16 <= firsts <= 48


def test_a_form_the_family_lacks_is_an_error_of_that_candidate():
    judge = judge_of()
    case = one(PointSift(judge, form="nonsense"), one(PairRank(judge), case_of([10, 60])))
    assert case.dropped.reason == "no winner was scored"
    assert "has no form 'nonsense'" in case.dropped.detail


def test_policies_that_hide_what_was_not_read_are_refused():
    for policy in ("drop", "half"):
        with pytest.raises(UsageError, match=f"policy {policy}, and curation counts"):
            PairRank(judge_of(policy=policy))
