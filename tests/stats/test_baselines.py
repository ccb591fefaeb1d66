"""Baselines: what answers that look at nothing would say."""

from unireward.stats import accuracy, first_position, longer, majority, random_choice

IDS = [("a", "b"), ("a", "b"), ("b", "a"), ("x", "y")]
TRUTHS = ["b", "tie", "a", "x"]


def test_majority_answers_by_position():
    # By place: second, tie, second, first.
    assert majority(IDS, TRUTHS) == ["b", "b", "a", "y"]
    assert majority(IDS, ["tie", "tie", "b", None]) == ["tie"] * 4
    assert majority(IDS, [None] * 4) == [None] * 4


def test_majority_is_the_best_constant_answer():
    best = accuracy(majority(IDS, TRUTHS), TRUTHS)
    constants = [first_position(IDS), [ids[1] for ids in IDS], ["tie"] * 4]
    shares = [accuracy(constant, TRUTHS) for constant in constants]
    assert best is not None
    assert best.value == max(share.value for share in shares if share is not None) == 0.5


def test_longer_calls_equal_lengths_a_tie():
    assert longer(IDS, [(1, 2), (3, 3), (9, 1), (0, 0)]) == ["b", "tie", "b", "tie"]


def test_random_is_seeded_and_fair():
    many = [("a", "b")] * 2000
    assert random_choice(many, 4) == random_choice(many, 4) != random_choice(many, 5)
    assert 920 <= random_choice(many).count("a") <= 1080
