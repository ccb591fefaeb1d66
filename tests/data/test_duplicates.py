"""Duplicates: what is found, what stays, and labels that contradict each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.samples import pair, scored
from unireward.data.duplicates import Duplicates, are_opposite, verdict_of
from unireward.data.near import NearContent
from unireward.data.swap import swapped
from unireward.errors import InputError, UsageError
from unireward.record import Candidate, Label, Part


def found_in(records, **options):
    found = Duplicates(**options)
    for record in records:
        found.add(record)
    report = found.settle()
    return [r.id for r in found.kept(records)], report, list(found.removed())


def test_the_first_copy_stays_whatever_the_order_and_names_of_candidates():
    first = pair(id="r1")
    turned = swapped(first)
    renamed = first.model_copy(
        update={
            "id": "r2",
            "candidates": [c.model_copy(update={"id": f"x{c.id}"}) for c in first.candidates],
            "label": Label(ranking=[["xa"], ["xb"]]),
        }
    )
    others = [
        pair(id="r3", a="one."), pair(id="r4", prompt="Two red circles"),
        pair(id="r5").model_copy(update={"task": "else"}), scored(id="r6", answer="one"),
    ]  # fmt: skip
    kept, report, removed = found_in([first, turned, renamed, *others])
    assert kept == ["r1", "r3", "r4", "r5", "r6"]
    assert (report.read, report.kept, report.exact, report.near) == (7, 5, 2, 0)
    assert (report.conflicts, report.opposite, report.dropped) == (0, 0, 0)
    assert {(r.id, r.kept, r.kind) for r in removed} == {
        ("r1-swapped", "r1", "exact"), ("r2", "r1", "exact"),
    }  # fmt: skip


def test_a_labelled_copy_is_worth_more_than_an_earlier_one_without():
    kept, report, _ = found_in([pair(id="r1", winner=None), pair(id="r2"), pair(id="r3")])
    assert kept == ["r2"]
    assert report.conflicts == 0


VOTES = [("r1", "a"), ("r2", "b"), ("r3", "b"), ("r4", "tie"), ("r5", None)]


@pytest.mark.parametrize(
    ("policy", "kept", "dropped"),
    [("first", ["r1"], 0), ("majority", ["r2"], 0), ("drop", [], 5),
     ("keep", ["r1", "r2", "r4"], 0)],
)  # fmt: skip
def test_what_becomes_of_a_conflict(policy, kept, dropped):
    records = [pair(id=name, winner=winner) for name, winner in VOTES]
    stays, report, removed = found_in(records, conflicts=policy)
    assert stays == kept
    assert (report.conflicts, report.opposite, report.dropped) == (1, 1, dropped)
    assert report.exact == 5 - len(kept) - dropped
    assert {r.id for r in removed} == {name for name, _ in VOTES} - set(kept)
    assert all(r.conflict for r in removed)


def test_a_majority_that_is_none_drops():
    records = [pair(id="r1", winner="a"), pair(id="r2", winner="b"), pair(id="r3", a="z")]
    stays, report, _ = found_in(records, conflicts="majority")
    assert stays == ["r3"]
    assert report.dropped == 2


def test_a_tie_against_a_win_is_a_conflict_but_no_opposite():
    _, report, _ = found_in([pair(id="r1", winner="tie"), pair(id="r2", winner="a")])
    assert (report.conflicts, report.opposite) == (1, 0)


def test_scores_that_differ_are_a_conflict():
    rows = [scored(id="r1", x=3.0), scored(id="r2", x=3.0), scored(id="r3", x=4.0)]
    assert found_in(rows)[1].conflicts == 1
    assert found_in(rows[:2])[1].conflicts == 0
    kept, report, _ = found_in(rows, conflicts="majority")
    assert (kept, report.opposite) == (["r1"], 0)


def keyed(label, names="abc"):
    record = pair().model_copy(
        update={
            "candidates": [Candidate(id=n, content=[Part.of_text(n)]) for n in names],
            "label": label,
        }
    )
    return verdict_of(record, {n: n.encode() * 16 for n in names})


@given(
    st.permutations("abcd").flatmap(
        lambda names: st.lists(st.integers(1, 3), min_size=1, max_size=3).map(
            lambda cuts: (names, cuts)
        )
    ),
    st.permutations("abcd"),
)
def test_opposites_by_every_pair(tiered, order):
    """Against the definition: some pair one way in the one and the other way in the other."""
    names, cuts = tiered
    tiers, at = [], 0
    for cut in cuts:
        tiers.append(names[at : at + cut])
        at += cut
    left = [list(tier) for tier in tiers if tier]
    right = [[name] for name in order]
    place = {n: i for i, tier in enumerate(left) for n in tier}
    other = {n: i for i, tier in enumerate(right) for n in tier}
    expected = any((place[x] - place[y]) * (other[x] - other[y]) < 0 for x in place for y in place)
    labels = [keyed(Label(ranking=tiers), "abcd") for tiers in (left, right)]
    assert are_opposite(labels) == expected


def test_votes_count_as_an_order():
    assert keyed(Label(preference={"a": 0.2, "b": 0.7, "c": 0.1})) == keyed(
        Label(ranking=[["b"], ["a"], ["c"]])
    )
    assert keyed(Label(preference={"a": 0.5, "b": 0.5, "c": 0.0})) == keyed(
        Label(ranking=[["b", "a"], ["c"]])
    )
    assert keyed(Label(strength=0.5)) is None
    assert keyed(None) is None


def test_near_copies_are_found_and_their_labels_compared():
    long = "a photograph of two red circles that stand on the left of a large blue square"
    records = [
        pair(id="r1", prompt=long, a="an answer of some length, quite good", b="bad one"),
        pair(id="r2", prompt=long + "!", a="An answer of some length - quite good", b="bad one",
             winner="b"),
        pair(id="r3", prompt=long, a="an answer of some other length entirely", b="bad one"),
    ]  # fmt: skip
    kept, report, removed = found_in(records, content=NearContent())
    assert kept == ["r1", "r3"]
    assert (report.near, report.exact, report.conflicts, report.opposite) == (1, 0, 1, 1)
    assert [(r.id, r.kept, r.kind) for r in removed] == [("r2", "r1", "near")]
    assert found_in(records)[1].kept == 3


def test_near_candidates_of_one_record_are_not_merged():
    long = "an answer of some length that ends in the same way but for one {}"
    record = pair(a=long.format("letters"), b=long.format("letterz"))
    again = record.model_copy(update={"id": "r2", "label": Label(ranking=[["b"], ["a"]])})
    _, report, _ = found_in([record, again], content=NearContent())
    assert (report.exact, report.conflicts, report.opposite) == (1, 1, 1)


def test_wrong_use():
    with pytest.raises(UsageError, match="conflicts 'vote' is unknown; use first, majority"):
        Duplicates(conflicts="vote")
    found = Duplicates()
    found.add(pair())
    found.settle()
    with pytest.raises(InputError, match="the records changed"):
        list(found.kept([]))
