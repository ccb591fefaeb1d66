"""Pairings: what each scheme asks, that none asks twice, and what becomes of what is not read."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.errors import InputError, UsageError
from unireward.stats import Match, Pairing, Standing, make_pairing, win_rates

NAMES = ["all", "all-one-order", "anchors:2", "knockout", "swiss:3", "active", "active:best",
         "active:top:3"]  # fmt: skip


def drive(pairing: Pairing, judge) -> tuple[Standing, list[Match]]:
    asked = []
    while matches := pairing.ask():
        for match in matches:
            asked.append(match)
            pairing.tell(match, judge(match.first, match.second))
    return pairing.standing(), asked


def perfect(a: int, b: int) -> float:
    return float(a < b)


@pytest.mark.parametrize(
    ("name", "n", "calls"),
    [
        ("all", 7, 42),
        ("all-one-order", 7, 21),
        ("anchors:2", 7, 2 * 5 + 1),
        ("anchors:1", 7, 6),
        ("knockout", 7, 6),
        ("swiss:3", 7, 9),
        ("swiss:3", 8, 12),
    ],
)
def test_schedules_cost_what_they_say(name, n, calls):
    standing, asked = drive(make_pairing(name, n), perfect)
    assert (standing.spent, len(set(asked)), standing.full) == (calls, calls, n * (n - 1))
    assert standing.reason == "asked"
    assert standing.order[0] == 0 or name.startswith(("swiss", "anchors"))


def test_one_order_shows_the_lower_index_first():
    _, asked = drive(make_pairing("all-one-order", 6), perfect)
    assert {(m.first, m.second) for m in asked} == {
        (i, j) for i in range(6) for j in range(i + 1, 6)
    }


def test_all_pairs_rank_by_win_rates_and_know_it():
    rng = np.random.default_rng(4)
    table = (rng.random((9, 9)) < 0.6).astype(float)
    standing, _ = drive(make_pairing("all", 9), lambda a, b: table[a, b])
    off = ~np.eye(9, dtype=bool)
    points = (table * off).sum(1) + ((1 - table) * off).sum(0)
    assert standing.win_rates == pytest.approx(points / 16)
    assert standing.shares == pytest.approx(points / 16)
    ranked = sorted({float(p) for p in points}, reverse=True)
    assert [set(tier) for tier in standing.tiers] == [
        {k for k in range(9) if points[k] == p} for p in ranked
    ]
    for k, (a, b) in enumerate(pairwise(standing.order)):
        assert standing.certainty[k] == pytest.approx(1.0 if points[a] > points[b] else 0.5)


def test_a_swiss_tournament_pairs_those_of_like_points():
    pairing = make_pairing("swiss:3", 8, seed=3)
    points = Counter(dict.fromkeys(range(8), 0.0))
    met, firsts = set(), Counter()
    for played in range(3):
        matches = pairing.ask()
        assert sorted(k for m in matches for k in (m.first, m.second)) == list(range(8))
        if played == 1:
            assert all(points[m.first] == points[m.second] for m in matches)
        for match in matches:
            assert frozenset((match.first, match.second)) not in met
            met.add(frozenset((match.first, match.second)))
            firsts[match.first] += 1
            points[min(match.first, match.second)] += 1
            pairing.tell(match, perfect(match.first, match.second))
    assert pairing.ask() == []
    assert max(firsts[k] for k in range(8)) - min(firsts[k] for k in range(8)) <= 2


def test_a_knockout_finds_the_best_and_claims_no_more():
    standing, _ = drive(make_pairing("knockout", 13, seed=5), perfect)
    assert standing.order[0] == 0
    assert not any(standing.settled[1:])


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(NAMES),
    st.integers(1, 9),
    st.integers(0, 1000),
    st.one_of(st.none(), st.integers(0, 30)),
    st.integers(1, 3),
)
def test_every_scheme_ends_asks_nothing_twice_and_keeps_its_budget(name, n, seed, budget, batch):
    rng = np.random.default_rng(seed)
    said = [0.0, 1.0, 0.5, None, 0.3]
    table = rng.integers(0, 5, (n, n))
    pairing = make_pairing(name, n, seed=seed, budget=budget, batch=batch)
    standing, asked = drive(pairing, lambda a, b: said[table[a, b]])
    assert len(asked) == len(set(asked)) == standing.spent
    ends = {k for m in asked for k in (m.first, m.second)}
    assert ends <= set(range(n))
    assert all(m.first != m.second for m in asked)
    assert standing.spent <= (n * (n - 1) if budget is None else min(budget, n * (n - 1)))
    assert standing.unread == sum(said[table[m.first, m.second]] is None for m in asked)
    assert standing.reason in ("asked", "settled", "exhausted", "budget")
    assert sorted(standing.order) == list(range(n))
    assert tuple(k for tier in standing.tiers for k in tier) == standing.order
    assert len(standing.certainty) == n - 1
    numbers = [*standing.certainty, *standing.win_rates, *(e.value for e in standing.strengths)]
    assert np.isfinite(numbers).all()
    again, repeated = drive(
        make_pairing(name, n, seed=seed, budget=budget, batch=batch),
        lambda a, b: said[table[a, b]],
    )
    assert (repeated, again.order) == (asked, standing.order)


def test_the_outcome_of_what_was_not_read_is_no_number():
    """Candidate 0 is never read: it has no share, and the others stand as if it were not there."""
    standing, _ = drive(make_pairing("all", 5), lambda a, b: None if 0 in (a, b) else perfect(a, b))
    assert standing.unread == 8
    assert standing.shares[0] is None
    assert [k for k in standing.order if k] == [1, 2, 3, 4]
    assert standing.strengths[0].value == pytest.approx(0, abs=1e-9)
    assert not all(standing.settled)


def test_an_unread_knockout_match_is_asked_the_other_way_round():
    seen = []

    def judge(a: int, b: int) -> float | None:
        seen.append((a, b))
        return None if a < b else 0.0

    standing, _ = drive(make_pairing("knockout", 8, seed=1), judge)
    assert standing.order[0] == 0
    assert all((b, a) in seen for a, b in seen if a < b)


def test_a_round_that_was_not_told_is_handed_out_again():
    pairing = make_pairing("active", 8, batch=3)
    first = pairing.ask()
    assert len(first) == 3
    assert len({k for m in first for k in (m.first, m.second)}) == 6
    pairing.tell(first[1], 1.0)
    assert pairing.ask() == [first[0], first[2]]
    with pytest.raises(UsageError, match="was not asked, or is told already"):
        pairing.tell(first[1], 1.0)
    with pytest.raises(InputError, match=r"an outcome of 1\.5"):
        pairing.tell(first[0], 1.5)
    with pytest.raises(InputError, match="an outcome of nan"):
        pairing.tell(first[0], float("nan"))


def test_one_candidate_needs_no_call_and_none_is_refused():
    standing, asked = drive(make_pairing("active", 1), perfect)
    assert (asked, standing.order, standing.tiers, standing.settled) == ([], (0,), ((0,),), (True,))
    with pytest.raises(InputError, match="at least one candidate"):
        make_pairing("all", 0)


@pytest.mark.parametrize(
    "name", ["", "al", "swiss", "swiss:0", "swiss:x", "anchors:-1", "active:top", "active:worst"]
)
def test_unknown_names_say_which_there_are(name):
    with pytest.raises(UsageError, match=r"no pairing .* active:top:K"):
        make_pairing(name, 4)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"confidence": 0.5}, "confidence is 0.5"),
        ({"confidence": 1.0}, "confidence is 1.0"),
        ({"budget": -1}, "budget is -1"),
        ({"batch": 0}, "batch is 0"),
    ],
)
def test_options_outside_their_range_are_refused(options, said):
    with pytest.raises(UsageError, match=said):
        make_pairing("active", 4, **options)


def test_published_win_rates_by_hand():
    """Four candidates, pairs 01 02 03 12 13 23: won, tie, not read, lost, won, won."""
    rows = [(0, 1, 1.0), (0, 2, 0.5), (0, 3, None), (1, 2, 0.0), (1, 3, 1.0), (2, 3, 1.0)]
    assert win_rates(4, rows, unread="half", decimals=3) == [0.667, 0.333, 0.833, 0.167]
    assert win_rates(4, rows) == pytest.approx([0.75, 1 / 3, 2.5 / 3, 0.0])
    assert win_rates(3, [(0, 1, 1.0)]) == [1.0, 0.0, None]
    with pytest.raises(InputError, match="comparison 1: a share of 2"):
        win_rates(2, [(0, 1, 1.0), (1, 0, 2.0)])
