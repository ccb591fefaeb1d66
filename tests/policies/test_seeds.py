"""Every candidate's own seed: known numbers, in range, and hanging on nothing else."""

from __future__ import annotations

import hashlib

from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.policies import seed_of

whole = st.integers(-(2**63), 2**63)
names = st.text(max_size=8)


def test_known_numbers() -> None:
    """Written down: another number would make finished runs other runs."""
    assert [seed_of(0, "p1", k) for k in range(3)] == [2058235851, 1670952758, 1748093221]
    assert seed_of(1, "p1", 0) == 1865918218


@settings(max_examples=50)
@given(whole, names, st.integers(0, 10**6))
def test_31_bits_of_blake2b(seed: int, name: str, index: int) -> None:
    digest = hashlib.blake2b(
        f"{seed} {name} {index}".encode("utf-8", "surrogatepass"), digest_size=4
    ).hexdigest()
    assert seed_of(seed, name, index) == int(digest, 16) // 2
    assert 0 <= seed_of(seed, name, index) < 2**31


def test_candidates_prompts_and_runs_draw_apart() -> None:
    """20,000 of 2^31 numbers: under one pair in ten expected to be equal, none is here."""
    drawn = [
        seed_of(seed, f"p{name}", index)
        for seed in range(10) for name in range(250) for index in range(8)
    ]  # fmt: skip
    assert len(set(drawn)) == len(drawn)
    assert abs(sum(drawn) / len(drawn) / 2**30 - 1) < 0.02
