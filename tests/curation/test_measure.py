from __future__ import annotations

import pytest

from tests.curation.conftest import case_of, judge_of, run
from tests.curation.test_filters import brightness
from unireward.curation import PairRank, PointSift, Verify, chain, measure_pairs
from unireward.curation.kept import kept_record
from unireward.curation.lot import lot
from unireward.curation.measure import measure_arms
from unireward.record import Candidate, Label, Part, Record
from unireward.stats import wilson


def record(name: str, winner: str, **truth: float) -> Record:
    """A pair of a and b that ``winner`` won, and what a checker says."""
    loser = "b" if winner == "a" else "a"
    return Record(
        id=name,
        task="text",
        prompt=(Part.of_text("?"),),
        candidates=tuple(Candidate(id=n, content=(Part.of_text(n),)) for n in "ab"),
        label=Label(ranking=((winner,), (loser,))),
        meta={"curation": {"prompt": name.split(":")[0], "truth": truth}},
    )


def test_accuracy_and_gap_of_pairs():
    records = [
        record("p1", "a", a=3.0, b=1.0),
        record("p2", "b", a=3.0, b=2.5),
        record("p3", "a", a=2.0, b=2.0),
        record("p4", "b", a=1.0, b=4.0),
        record("p5", "a", a=1.0),
    ]
    found = measure_pairs(records)
    assert (found.pairs, found.known, found.right, found.wrong, found.tied) == (5, 4, 2, 1, 1)
    assert found.accuracy == wilson(2, 3)
    assert found.gap.value == pytest.approx((2 - 0.5 + 0 + 3) / 4)
    assert found.gap.low < found.gap.value < found.gap.high
    other = measure_pairs(records, truth=lambda r: {"a": 1.0, "b": 0.0})
    assert (other.right, other.wrong) == (3, 2)


def test_pairs_of_one_prompt_are_no_independent_ones():
    """Eight right pairs of one prompt and a wrong one of each of two others say less than eleven
    prompts would."""
    clustered = [record(f"p0:{n}", "a", a=1.0, b=0.0) for n in range(8)]
    clustered += [record(f"p{n}", "a", a=0.0, b=1.0) for n in (1, 2)]
    found = measure_pairs(clustered)
    assert found.accuracy.value == pytest.approx(0.8)
    assert found.accuracy.low < wilson(8, 10).low
    assert measure_pairs(clustered) == found


def test_nothing_known_is_no_number():
    found = measure_pairs([record("p1", "a")])
    assert (found.pairs, found.known, found.accuracy, found.gap) == (1, 0, None, None)
    assert found.to_dict()["gap"] is None


def test_arms_of_one_curation():
    """A judge of eight-valued points and noisy ranks: each step is better than the one before."""

    def ranks(ask):
        from tests.curation.conftest import by_brightness, levels_in

        levels = levels_in(ask)
        if len(levels) == 2 and lot(1, str(sorted(levels))) < 0.25:
            return f"Image {1 if levels[0] < levels[1] else 2} is better"
        return by_brightness(ask)

    judge = judge_of(ranks)
    cases = [case_of([int(250 * lot(5, str(n), str(k))) for k in range(10)], n) for n in range(60)]
    steps = chain([Verify(brightness), PairRank(judge), PointSift(judge, form="sift")])
    cases = run(steps, cases)
    arms = measure_arms(cases)
    assert list(arms) == ["random", "pair_rank", "point_sift"]
    random, ranked, sifted = arms.values()
    assert 0.4 < random.accuracy.value < 0.6
    assert 0.7 < ranked.accuracy.value < 0.8
    ties = sum(pair.winner is None for case in cases for pair in case.pairs)
    assert (ranked.pairs, ties < 10) == (300 - ties, True)
    assert ranked.accuracy.low > random.accuracy.high
    assert sifted.accuracy.low > ranked.accuracy.high
    assert random.gap.high < ranked.gap.low < ranked.gap.high < sifted.gap.low


def test_a_kept_record_is_measured_by_its_own_meta():
    case = run(chain([Verify(brightness), PairRank(judge_of())]), [case_of([10, 60])])[0]
    made = kept_record(case, case.kept[0], "p0", ["verify", "pair_rank"], 0)
    assert measure_pairs([made]).gap.value == pytest.approx(50.0)
