"""Mix: what each strategy takes, weights, repeats, and the order that comes out."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.samples import scored
from unireward.data.mix import Mix, Part, Strategy, parse_part
from unireward.errors import UsageError


def rows(name, count):
    return [scored(id=f"{name}{i}") for i in range(count)]


def part(name, count, strategy="all"):
    records = rows(name, count)
    return Part(name, lambda: records, Strategy.parse(strategy))


def ids(mix):
    return [record.id for record in mix]


@pytest.mark.parametrize(
    ("text", "of", "taken"),
    [
        ("all", 10, 10),
        ("first:3", 10, 3),
        ("end:3", 10, 3),
        ("random:4", 10, 4),
        ("first:30%", 10, 3),
        ("random:25%", 10, 3),
        ("end:0.1%", 10, 1),
        ("random:100%", 7, 7),
        ("first:0", 7, 0),
    ],
)
def test_strategies_take_what_they_say(text, of, taken):
    strategy = Strategy.parse(text)
    assert strategy.count(of) == taken
    assert str(strategy) == text
    found = ids(Mix([part("x", of, text)]))
    assert len(found) == len(set(found)) == taken
    everything = [r.id for r in rows("x", of)]
    if strategy.kind == "first":
        assert found == everything[:taken]
    if strategy.kind == "end":
        assert found == everything[of - taken :]


@given(st.integers(1, 200), st.integers(0, 100))
def test_a_share_is_rounded_up_but_never_for_a_rounding_error(have, percent):
    exact = -(-percent * have // 100)
    assert Strategy.parse(f"random:{percent}%").count(have) == exact


@pytest.mark.parametrize(
    "text",
    ["some", "first", "first:", "first:-1", "random:1.5", "nan", "0", "-1", "inf", "end:101%", ""],
)
def test_other_words_are_refused(text):
    with pytest.raises(UsageError):
        Strategy.parse(text)


def test_lots_grow_by_adding_and_follow_the_seed():
    small = set(ids(Mix([part("x", 200, "random:20")])))
    assert small < set(ids(Mix([part("x", 200, "random:60")])))
    assert small != set(ids(Mix([part("x", 200, "random:20")], seed=1)))
    assert ids(Mix([part("x", 200, "random:20")])) == ids(Mix([part("x", 200, "random:20")]))
    # Not the first ones: the mean place of 60 of 200 by lot is near the middle.
    places = [int(name[1:]) for name in ids(Mix([part("x", 200, "random:60")]))]
    assert 75 < sum(places) / 60 < 125


def test_weights_are_shares_of_the_mix():
    mix = Mix([part("x", 100, "3"), part("y", 100, "1")], total=40)
    assert Counter(name[0] for name in ids(mix)) == {"x": 30, "y": 10}
    most = Mix([part("x", 90, "3"), part("y", 100, "1")])
    assert [taken.taken for taken in most.taken] == [90, 30]
    thirds = Mix([part("x", 9, "1"), part("y", 9, "1"), part("z", 9, "1")], total=10)
    assert sorted(taken.taken for taken in thirds.taken) == [3, 3, 4]
    along = Mix([part("x", 100, "1"), part("y", 100, "1"), part("z", 5)], total=10)
    assert [taken.taken for taken in along.taken] == [5, 5, 5]


def test_repeats_are_whole_rounds_and_then_a_part():
    with pytest.raises(UsageError, match="x holds 10 records, not 25; allow repeats"):
        Mix([part("x", 10, "1")], total=25)
    mix = Mix([part("x", 10, "1")], total=25, repeat=True)
    found = ids(mix)
    assert len(found) == len(set(found)) == 25
    assert Counter(name.partition("-")[0] for name in found).most_common()[0][1] == 3
    assert set(found[:10]) == {f"x{i}" for i in range(10)}
    assert set(found[10:20]) == {f"x{i}-2" for i in range(10)}
    assert mix.taken[0].rounds == 2.5


@pytest.mark.parametrize(
    ("parts", "options", "message"),
    [
        ([part("x", 3, "first:4")], {}, "x holds 3 records, not 4; ask for less"),
        ([part("x", 3)], {"total": 2}, "a total needs weights"),
        ([part("x", 3, "1")], {"total": 0}, "total is 0"),
        ([part("x", 0, "1")], {"total": 2, "repeat": True}, "x holds 0 records"),
        ([], {}, "a mix needs a file"),
    ],
)
def test_wrong_use(parts, options, message):
    with pytest.raises(UsageError, match=message):
        Mix(parts, **options)


def test_files_are_riffled_each_in_its_own_order():
    found = ids(Mix([part("x", 300), part("y", 300)]))
    for name in "xy":
        mine = [int(i[1:]) for i in found if i[0] == name]
        assert mine == list(range(300))
    # Of 600 turns a fair riffle changes files about 300 times.
    changes = sum(a[0] != b[0] for a, b in pairwise(found))
    assert 250 < changes < 350
    assert ids(Mix([part("x", 2), part("y", 2)], in_order=True)) == ["x0", "x1", "y0", "y1"]


def test_ids_that_clash_are_made_unique():
    twice = [Part("one", lambda: rows("x", 3)), Part("two", lambda: rows("x", 3))]
    mix = Mix(twice, in_order=True)
    assert ids(mix) == ["x0", "x1", "x2", "two:x0", "two:x1", "two:x2"]
    assert [taken.renamed for taken in mix.taken] == [0, 3]


def test_a_file_and_its_strategy(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    share = Strategy("random", 10, True)
    assert parse_part("a.jsonl=random:10%") == (Path("a.jsonl"), share)
    assert parse_part("a.jsonl")[1] == Strategy()
    (tmp_path / "a=2.jsonl").touch()
    assert parse_part("a=2.jsonl") == (Path("a=2.jsonl"), Strategy())
    with pytest.raises(UsageError, match=r"'2\.jsonl' is no way to take a file"):
        parse_part("b=2.jsonl")
