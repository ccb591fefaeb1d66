"""A step's examples are a function of the seed and the step: exact shares, whole epochs."""

from __future__ import annotations

import pickle
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.errors import InputError
from unireward.training.plan import Draw, Plan, Stratum, webster
from unireward.training.share import Share

weights = st.lists(st.floats(1e-3, 1), min_size=1, max_size=8)


@given(weights, st.integers(0, 400))
def test_webster_is_the_divisor_method_seat_by_seat(own: list[float], seats: int) -> None:
    shares = np.array(own) / sum(own)
    counts = np.zeros(len(own), dtype=int)
    for _ in range(seats):
        counts[np.argmax(shares / (2 * counts + 1))] += 1
    assert webster(shares, seats).tolist() == counts.tolist()


@given(weights, st.integers(0, 10**9))
def test_no_seat_is_taken_back(own: list[float], seats: int) -> None:
    shares = np.array(own) / sum(own)
    before, after = webster(shares, seats), webster(shares, seats + 1)
    assert before.sum() == seats
    assert sorted(after - before) == [0] * (len(own) - 1) + [1]
    assert np.abs(before - shares * seats).max() < len(own)


def plan(group: int = 0, batch: int = 8, seed: int = 0) -> Plan:
    lengths = np.random.default_rng(5).integers(10, 2000, 101)
    strata = [Stratum(101, 5, lengths), Stratum(7, 2), Stratum(None, 1)]
    return Plan(strata, batch=batch, seed=seed, group=group)


@pytest.mark.parametrize("group", [0, 6])
def test_a_step_depends_on_the_seed_and_its_number_alone(group: int) -> None:
    forward = [plan(group)[k] for k in range(40)]
    one = plan(group)
    assert [one[k] for k in reversed(range(40))] == forward[::-1]
    resumed = pickle.loads(pickle.dumps(one))
    assert [resumed[k] for k in range(17, 40)] == forward[17:]
    assert [plan(group, seed=1)[k] for k in range(40)] != forward


@pytest.mark.parametrize("group", [0, 6])
def test_an_epoch_has_everything_once(group: int) -> None:
    drawn = [draw for k in range(60) for draw in plan(group)[k]]
    assert len(drawn) == 480
    counts = Counter(draw.stratum for draw in drawn)
    assert counts == {0: 300, 1: 120, 2: 60}
    for stratum, size in ((0, 101), (1, 7)):
        own = [draw for draw in drawn if draw.stratum == stratum]
        epochs = max(draw.epoch for draw in own)
        assert epochs == (counts[stratum] - 1) // size
        for epoch in range(epochs):
            assert sorted(d.index for d in own if d.epoch == epoch) == list(range(size))
        last = [d.index for d in own if d.epoch == epochs]
        assert len(last) == len(set(last))
    assert sorted(d.index for d in drawn if d.stratum == 2) == list(range(60))
    # Two epochs are not in the same order.
    first, second = ([d.index for d in drawn if d[::2] == (1, e)] for e in (0, 1))
    assert first != second


@pytest.mark.parametrize("group", [0, 6])
def test_every_step_has_its_quotas(group: int) -> None:
    one = plan(group, batch=8)
    for k in range(60):
        counts = Counter(draw.stratum for draw in one[k])
        assert counts == {0: 5, 1: 2, 2: 1}
    odd = Plan([Stratum(50, 1), Stratum(50, 1), Stratum(50, 1)], batch=4, seed=0, group=group)
    for k in range(60):
        counts = Counter(draw.stratum for draw in odd[k])
        assert sum(counts.values()) == 4
        assert set(counts.values()) <= {1, 2}


def test_grouped_steps_hold_like_lengths_and_the_same_examples() -> None:
    lengths = np.random.default_rng(0).integers(1, 4000, 1000)
    strata = [Stratum(1000, 1.0, lengths)]
    plain, grouped = (Plan(strata, batch=10, seed=3, group=group) for group in (0, 20))

    def padding(one: Plan) -> float:
        sizes = [[lengths[draw.index] for draw in one[k]] for k in range(100)]
        return 1 - sum(map(sum, sizes)) / sum(10 * max(own) for own in sizes)

    assert padding(plain) > 0.4
    assert padding(grouped) < 0.06
    for k in range(0, 100, 20):
        drawn = [{d for j in range(20) for d in one[k + j]} for one in (plain, grouped)]
        assert drawn[0] == drawn[1]
    # The long ones are not all at one end.
    means = [np.mean([lengths[draw.index] for draw in grouped[k]]) for k in range(20)]
    assert means != sorted(means)
    assert means != sorted(means, reverse=True)


@pytest.mark.parametrize(("world", "accumulation"), [(1, 1), (1, 4), (2, 2), (3, 1), (4, 3)])
def test_processes_and_accumulation_cut_the_same_global_batch(
    world: int, accumulation: int
) -> None:
    one = plan(batch=16)
    for step in range(5):
        found: list[Draw] = []
        for rank in range(world):
            share = Share(5, 16, 0, rank, world, accumulation)
            assert len(share) == 5 * accumulation
            for micro in range(accumulation):
                assert share.place(step * accumulation + micro) == (step, micro)
                own = share.of(one[step], micro)
                assert len(own) in (16 // (world * accumulation), -(-16 // (world * accumulation)))
                found += own
        assert Counter(found) == Counter(one[step])


def test_nothing_to_draw_from() -> None:
    with pytest.raises(InputError, match="nothing to train on"):
        Plan([], batch=1, seed=0)
    with pytest.raises(InputError, match="stratum 1 holds no example"):
        Plan([Stratum(1), Stratum(0)], batch=1, seed=0)
    with pytest.raises(IndexError):
        plan()[-1]
