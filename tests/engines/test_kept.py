"""Kept prompts: rounds of a few asks go on from what earlier rounds have left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.engines.architectures import save_checkpoint
from tests.engines.test_quick import CHOICES, alike, asked, both_orders, mixed
from unireward.engines.kept import MOST, Kept
from unireward.engines.kv import Row
from unireward.engines.transformers import TransformersEngine, Ways
from unireward.errors import InputError


@pytest.fixture(scope="module", params=["qwen2_5_vl", "qwen3_vl", "llava_onevision"])
def pair(request, tmp_path_factory) -> Iterator[tuple[TransformersEngine, TransformersEngine]]:
    torch.set_num_threads(1)
    path = save_checkpoint(request.param, tmp_path_factory.mktemp(request.param))
    quick = TransformersEngine(path, device="cpu")
    plain = TransformersEngine.of(
        quick.model, quick.processor, name="plain", ways=Ways(encode_once=False)
    )
    quick._quick.limits = replace(quick._quick.limits, worth=1, part=0.0)
    yield quick, plain
    quick.close()


def test_rounds_of_a_ranking_compute_each_beginning_once(pair) -> None:
    quick, plain = pair
    quick.forget()
    asks = both_orders(CHOICES)
    computed = quick._quick.computed
    found = [reply for k in range(0, 12, 2) for reply in quick.choose(asks[k : k + 2])]
    lines = [quick._quick.lines.of(ask) for ask in asks]
    beginnings = {line.symbols[:k] for line in lines for k in range(1, len(line))}
    assert quick._quick.computed - computed == len(beginnings) + 12
    alike(found, plain.choose(asks))


@pytest.mark.parametrize("side", ["right", "left"])
def test_prompts_of_all_lengths_go_on_from_several_at_once(pair, side) -> None:
    """Rows of one batch begin with kept prompts of different lengths, or with none."""
    quick, plain = pair
    quick.forget()
    quick._quick.forward.side = side
    try:
        first, then = mixed(3, 9), mixed(4, 20)
        quick.choose(first)
        longer = [asked((0, 1, 2), "two red circles left of one green star", CHOICES)]
        asks = [*then, *longer, *first[:3]]
        computed = quick._quick.computed
        found = quick.choose(asks)
        assert quick._quick.computed - computed < sum(reply.prompt_tokens for reply in found)
        alike(found, plain.choose(asks))
        # What went on from kept prompts is kept whole again, and is the same when gone on from.
        alike(quick.choose(asks), found)
    finally:
        quick._quick.forward.side = "right"


def test_replies_are_those_of_a_prompt_computed_whole(pair) -> None:
    quick, plain = pair
    quick.forget()
    asks = [replace(ask, choices=()) for ask in mixed(5, 6, max_tokens=7)]
    quick.choose(mixed(5, 6))
    found, expected = quick.generate(asks), plain.generate(asks)
    assert [reply.text for reply in found] == [reply.text for reply in expected]
    assert [r.text for r in quick.generate(asks)] == [reply.text for reply in expected]


def test_a_full_window_keeps_nothing(pair) -> None:
    quick, _ = pair
    quick.forget()
    quick.choose(mixed(6, MOST + 1))
    assert len(quick._quick.kept) == 0
    quick.choose(mixed(6, 3))
    assert len(quick._quick.kept) == 3


def test_a_model_whose_weights_may_change_keeps_nothing_between_streams(pair) -> None:
    quick, _ = pair
    engine = TransformersEngine.of(quick.model, quick.processor, name="trained")
    asks = mixed(7, 2)
    before = engine.choose(asks)
    with torch.no_grad():
        weight = next(quick.model.parameters())
        old = weight.clone()
        weight.mul_(1.5)
        try:
            after = engine.choose(asks)
        finally:
            weight.copy_(old)
    assert before[0].choices != pytest.approx(after[0].choices, abs=1e-4)
    again = engine.choose(asks)
    assert again[0].choices == pytest.approx(before[0].choices, abs=1e-6)


def test_more_bytes_than_memory_are_refused(pair) -> None:
    quick, _ = pair
    with pytest.raises(InputError, match=r"prefix_bytes is .* give a smaller prefix_bytes"):
        TransformersEngine(quick.path, device="cpu", prefix_bytes=1 << 60)


# The store alone -----------------------------------------------------------------------------


class Batch:
    """Stands for a Held of prompts of ``lengths`` tokens."""

    def __init__(self, *lengths: int) -> None:
        self.lengths = lengths

    def row(self, place: int) -> Row:
        state = torch.zeros(2, self.lengths[place], 4)
        return Row(((state, state),))


def codes(*values: int) -> np.ndarray:
    return np.asarray(values, np.int64)


def found(kept: Kept, prompt: np.ndarray, whole=(), worth: int = 1, share: float = 0.0):
    begun = kept.find(prompt, whole, worth=worth, share=share)
    return None if begun is None else begun.length


def test_the_longest_beginning_is_found_and_never_all_of_a_prompt() -> None:
    kept = Kept()
    kept.keep([codes(1, 2, 3), codes(1, 2, 3, 4, 5)], Batch(3, 5))  # pyright: ignore
    assert found(kept, codes(1, 2, 3, 4, 9, 9)) == 4
    assert found(kept, codes(1, 2, 3, 4, 5)) == 4
    assert found(kept, codes(1, 2)) == 1
    assert found(kept, codes(9, 2, 3)) is None
    assert found(kept, codes(1, 2, 3, 4, 9, 9), worth=5) is None
    assert found(kept, codes(1, 2, 3, 4, 9, 9), share=0.7) is None


def test_a_medium_is_never_cut() -> None:
    kept = Kept()
    kept.keep([codes(1, -5, -6, -7, 2)], Batch(5))  # pyright: ignore
    assert found(kept, codes(1, -5, -6, -9, 2), whole=[(1, 4)]) == 1
    assert found(kept, codes(1, -5, -6, -7, 3), whole=[(1, 4)]) == 4


def test_those_used_longest_ago_go_first() -> None:
    one = 2 * 2 * 3 * 4 * 4  # keys and values of two heads, three columns, four numbers of 4 bytes
    kept = Kept(max_bytes=2 * one)
    for first in (1, 2):
        kept.keep([codes(first, 8, 9)], Batch(3))  # pyright: ignore
    assert kept.bytes == 2 * one
    assert found(kept, codes(1, 8, 7)) == 2
    kept.keep([codes(3, 8, 9)], Batch(3))  # pyright: ignore
    assert found(kept, codes(2, 8, 7)) is None
    assert found(kept, codes(1, 8, 7)) == 2
    kept.keep([codes(*range(100))], Batch(100))  # pyright: ignore
    assert found(kept, codes(1, 8, 7)) == 2, "what is too large turns nothing out"
    kept.clear()
    assert (kept.bytes, len(kept)) == (0, 0)


def test_a_prompt_is_kept_once_and_no_more_than_the_most() -> None:
    kept = Kept()
    kept.keep([codes(1, 2), codes(1, 2)], Batch(2, 2))  # pyright: ignore
    kept.keep([codes(1, 2)], Batch(2))  # pyright: ignore
    assert len(kept) == 1
    for first in range(MOST + 5):
        kept.keep([codes(first, 50)], Batch(2))  # pyright: ignore
    assert len(kept) == MOST
    none = Kept(0)
    none.keep([codes(1, 2)], Batch(2))  # pyright: ignore
    assert len(none) == 0
