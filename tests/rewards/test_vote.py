"""Votes: what they say by hand, that stopping early never changes a winner, what they cost."""

import itertools
import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from tests.rewards.conftest import VERDICTS, family_of, record
from unireward.ask import Ask
from unireward.engines.scripted import ScriptedEngine
from unireward.errors import UsageError
from unireward.rewards.judge import Judge
from unireward.rewards.ranking import Ranking
from unireward.rewards.vote import STRIDE, Seat, Votes, majority, next_votes, settled


def drawn(shares=(0.5, 0.3, 0.1), spoil: float = 0.1, salt: int = 0):
    """A judge whose reply is drawn by the ask's own seed, order and words, never by the moment."""
    import random

    def reply(ask: Ask) -> str:
        key = (salt, ask.sampling.seed, *(part.image.digest for part in ask.media), ask.text)
        at = random.Random(repr(key)).random()
        for word, share in zip((*VERDICTS, "what"), (*shares, spoil)):
            at -= share
            if at < 0:
                return word
        return "what"

    return reply


def test_votes_by_hand(family, pictures):
    said = {0: "first", 1: "first", 2: "second", 3: "gibberish", 4: "first"}

    def reply(ask):
        return said[ask.sampling.seed // STRIDE]

    judge = Judge(ScriptedEngine(reply), family, both_orders=False, votes=Votes(5, early=False))
    out = judge.compare("x", *pictures[:2])
    assert (out.status, out.winner, out.confidence) == ("ok", "a", 0.75)
    assert out.preference == {"a": 0.75, "b": 0.25, "tie": 0.0}
    assert out.scores == {"a": 0.75, "b": 0.25}
    assert out.calls == 5
    assert [row.reply for row in out.asks] == [said[k] for k in range(5)]
    assert out.notes == ("of 5 votes on a, b 4 could be read (1 unparsed)",)
    assert out.rationale == "first"


def test_seeds_and_temperature_are_in_the_ask(family, pictures):
    engine = ScriptedEngine("first")
    Judge(engine, family, votes=3, seed=7, temperature=0.4).compare("x", *pictures[:2])
    assert Counter(ask.sampling.seed for ask in engine.seen) == {7: 2, 1007: 2, 2007: 2}
    assert {ask.sampling.temperature for ask in engine.seen} == {0.4}
    assert len({ask.digest for ask in engine.seen}) == 6
    greedy = ScriptedEngine("first")
    Judge(greedy, family).compare("x", *pictures[:2])
    assert {ask.sampling.temperature for ask in greedy.seen} == {0.0}


def test_it_stops_where_nothing_can_change(family, pictures):
    # In one order 3 of 5 settle it; opposed orders, a sure tie, are asked to the end.
    one = Judge(ScriptedEngine("first"), family, votes=5, both_orders=False)
    assert one.compare("x", *pictures[:2]).calls == 3
    both = Judge(ScriptedEngine("first"), family, votes=5).compare("x", *pictures[:2])
    assert (both.calls, both.winner, both.agreement) == (10, "tie", False)


def test_unread_votes_are_no_votes(family, pictures):
    out = Judge(ScriptedEngine("what"), family, votes=3).compare("x", *pictures[:2])
    assert (out.status, out.reason, out.winner) == ("unparsed", "no verdict", None)
    assert (
        out.calls == 5
    )  # an order that nobody answered ends the pair: the sixth would not mend it
    assert out.preference == {}
    cut = Judge(ScriptedEngine("first", faults=lambda n, ask: "truncated"), family, votes=3)
    assert cut.compare("x", *pictures[:2]).status == "truncated"


@given(
    salt=st.integers(0, 10_000),
    most=st.integers(2, 7),
    shares=st.sampled_from([(0.5, 0.3, 0.1), (0.34, 0.33, 0.33), (0.8, 0.1, 0.0), (0.2, 0.2, 0.2)]),
    both=st.booleans(),
    window=st.sampled_from([1, 5]),
)
@settings(max_examples=60, deadline=None)
def test_stopping_early_never_changes_the_winner(salt, most, shares, both, window):
    from unireward.record import Candidate, Part, Record

    rows = [
        Record(
            id=f"r{n}",
            task="text",
            prompt=(Part.of_text(f"which one is it, number {n}?"),),
            candidates=tuple(
                Candidate(id=name, content=(Part.of_text(f"{name} {n}"),)) for name in "ab"
            ),
        )
        for n in range(6)
    ]

    def judged(early: bool, seed: int):
        engine = ScriptedEngine(drawn(shares, salt=salt), window=window, seed=seed)
        votes = Votes(most, early=early)
        return Judge(engine, family_of(), votes=votes, both_orders=both)(rows)

    whole, short, again = judged(False, 0), judged(True, 0), judged(True, 99)
    assert [one.model_copy(update={"seconds": 0}) for one in short] == [
        one.model_copy(update={"seconds": 0}) for one in again
    ], "a judgment depends on when replies come"
    for full, early in zip(whole, short):
        assert full.calls == most * (1 + both)
        assert early.calls <= full.calls
        if full.ok:
            assert (early.status, early.winner) == ("ok", full.winner)
            assert (
                max(early.preference.values()) == pytest.approx(early.confidence)
                or early.winner == "tie"
            )
        else:
            assert early.status == full.status


@pytest.mark.parametrize(("first", "second"), [(3, 0), (4, 0), (5, 2), (9, 4), (2, 2)])
def test_the_majority_is_scipys_beta(first, second):
    assert majority(first, second) == pytest.approx(
        float(beta.sf(0.5, first + 1, second + 1)), abs=1e-12
    )


def test_the_posterior_stops_sooner(family, pictures):
    # Beta(5, 1) has 31/32 of its mass above a half, Beta(4, 1) 15/16.
    judge = Judge(
        ScriptedEngine("first"), family, both_orders=False, votes=Votes(41, confidence=0.95)
    )
    assert judge.compare("x", *pictures[:2]).calls == 4
    exact = Judge(ScriptedEngine("first"), family, both_orders=False, votes=41)
    assert exact.compare("x", *pictures[:2]).calls == 21


def test_rounds_spend_no_more_than_one_by_one():
    """Every sequence of five votes in one order: rounds end where asking singly would."""
    votes, keys = Votes(5), ("a", "b", "tie")
    for sequence in itertools.product(keys, repeat=5):
        singly, alone = 0, Seat(5)
        while not settled([alone], keys, votes):
            alone.take({sequence[singly]: 1.0})
            singly += 1
        seat = Seat(5)
        while counts := next_votes([seat], keys, votes):
            for _ in range(counts[0]):
                seat.take({sequence[seat.spent]: 1.0})
        assert seat.spent == singly, sequence


def test_votes_of_scores_are_averaged(family, pictures):
    def reply(ask):
        return {0: "4", 1: "8", 2: "none"}[ask.sampling.seed // STRIDE]

    out = Judge(ScriptedEngine(reply), family, votes=3).score("x", pictures[0])
    assert (out.status, out.calls) == ("ok", 3)
    assert out.score == pytest.approx(0.6)
    assert list(out.dimensions["overall"].values()) == [6.0]


def test_log_probabilities_are_read_once_and_that_is_said(choosing, pictures, capsys):
    logs = {word: math.log(p) for word, p in zip(VERDICTS, (0.7, 0.2, 0.1))}
    out = Judge(ScriptedEngine(lambda ask: logs), choosing, votes=5).compare("x", *pictures[:2])
    assert out.calls == 2
    assert "read by its log-probabilities, once" in capsys.readouterr().err


def test_a_group_votes_pair_by_pair(family, pictures):
    judge = Judge(ScriptedEngine(drawn()), family, votes=3)
    judgment = judge([record(pictures[:3])], mode="rank")[0]
    assert judgment.ok
    assert 12 <= judgment.calls <= 18
    assert Ranking.of(judgment, 3).comparisons == 3


def test_retries_are_of_a_vote(family, pictures):
    engine = ScriptedEngine(lambda ask: "first" if ask.sampling.seed % STRIDE else "what")
    judge = Judge(engine, family, votes=3, both_orders=False, policy="retry:1")
    out = judge.compare("x", *pictures[:2])
    assert (out.winner, out.calls) == ("a", 4)  # two votes, each asked twice
    assert {ask.sampling.seed for ask in engine.seen} == {0, 1, 1000, 1001}


def test_a_picture_that_is_not_there_is_not_voted_on(family, pictures, tmp_path):
    pictures[1].unlink()
    engine = ScriptedEngine("first")
    (out,) = Judge(engine, family, votes=5)([record(pictures[:2])])
    assert (out.status, out.calls, engine.calls) == ("error", 0, 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"votes": 0}, "votes is 0"),
        ({"votes": 3, "temperature": 0.0}, "all alike"),
        ({"temperature": -1.0}, "from 0 to 2"),
        ({"votes": 3, "expected": True}, "leave votes out"),
    ],
)
def test_wrong_options_are_named(family, options, said):
    with pytest.raises(UsageError, match=said):
        Judge(ScriptedEngine("first"), family, **options)
    with pytest.raises(UsageError, match="give a share above"):
        Votes(5, confidence=0.5)


def test_a_plan_counts_the_most_there_may_be(family, pictures):
    judge = Judge(ScriptedEngine("first"), family, votes=5)
    assert judge.plan([record(pictures[:3])], "rank").calls == 30
    assert Judge(ScriptedEngine("first"), family).plan([record(pictures[:3])], "rank").calls == 6
    tiny = Judge(ScriptedEngine("x"), "tiny", expected=True)
    assert tiny.plan([record(pictures[:1])], "score").calls == 5
