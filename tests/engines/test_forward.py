"""Stretches in padded batches, on either side, on prefixes held: the numbers of a plain forward."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.engines.hand_lines import FIRST, axes, hand_line, load
from unireward.engines.forward import Forward, Stretch
from unireward.engines.kv import RoomyLayer, plain_layers


@pytest.fixture(scope="module", params=["qwen2_5_vl", "llava_onevision"])
def model(request, tmp_path_factory):
    return load(request.param, tmp_path_factory.mktemp(request.param))[0]


def prompts(*lengths: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(FIRST, FIRST + 60, n) for n in lengths]


@torch.inference_mode()
def alone(model, ids: np.ndarray) -> torch.Tensor:
    """Log-probabilities after the last token: no cache, no padding, no batch."""
    return model(input_ids=torch.from_numpy(ids)[None]).logits[0, -1].log_softmax(-1)


def whole(line) -> Stretch:
    return Stretch(line, 0, len(line.ids))


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("lengths", [(9,), (9, 9), (9, 4, 13, 1)])
@pytest.mark.parametrize("keep", [False, True])
@torch.inference_mode()
def test_a_padded_batch(model, side, lengths, keep) -> None:
    forward = Forward(model, side=side)
    ids = prompts(*lengths)
    passed = forward([whole(hand_line(i, axes(model))) for i in ids], keep=keep)
    assert (passed.held is not None) == keep
    found = passed.logits.log_softmax(-1)
    for row, one in enumerate(ids):
        torch.testing.assert_close(found[row], alone(model, one), atol=1e-5, rtol=0)


@pytest.mark.parametrize("side", ["right", "left"])
@torch.inference_mode()
def test_stretches_go_on_from_prefixes(model, side) -> None:
    """Three levels, unequal everywhere, rows of a parent used twice, once and never."""
    forward = Forward(model, side=side)
    first, second = prompts(11, 6)
    tails = prompts(3, 8, 1, 5)
    lines = [
        hand_line(np.concatenate([head, tail]), axes(model))
        for head, tail in zip([first, second, first, first], tails)
    ]
    roots = forward([Stretch(lines[0], 0, 11), Stretch(lines[1], 0, 6)], logits=False, keep=True)
    middle = forward(
        [Stretch(lines[3], 11, 13), Stretch(lines[1], 6, 9)], roots.held, [0, 1], keep=True
    )
    ends = forward(
        [Stretch(lines[3], 13, 16), Stretch(lines[1], 9, 14)], middle.held, [0, 1], keep=True
    )
    others = forward([Stretch(lines[2], 11, 12), Stretch(lines[0], 11, 14)], roots.held, [0, 0])
    for passed, row, line in (
        (ends, 0, 3), (ends, 1, 1), (others, 0, 2), (others, 1, 0),
    ):  # fmt: skip
        found = passed.logits[row].log_softmax(-1)
        torch.testing.assert_close(found, alone(model, lines[line].ids), atol=1e-5, rtol=0)
    assert roots.held.columns == 11
    assert ends.held.columns == 11 + 3 + 5


@pytest.mark.parametrize("side", ["right", "left"])
@torch.inference_mode()
def test_tokens_one_by_one_with_and_without_room(model, side) -> None:
    """Nine steps on from a padded batch, rows selected on the way."""
    forward = Forward(model, side=side)
    ids = prompts(7, 12, 4)
    lines = [hand_line(i, axes(model)) for i in ids]
    held = forward([whole(line) for line in lines], keep=True, room=3).held
    (said,) = prompts(9)
    rows = [0, 1, 2]
    for step, token in enumerate(said):
        if step == 4:
            rows = [2, 0, 0]
            held = held.select(torch.tensor(rows), room=1)
        places = torch.tensor([[len(ids[row]) + step] for row in rows])
        logits = forward.more(held, torch.full((3, 1), int(token)), places)[:, -1].log_softmax(-1)
        for k, row in enumerate(rows):
            expected = alone(model, np.concatenate([ids[row], said[: step + 1]]))
            torch.testing.assert_close(logits[k], expected, atol=1e-5, rtol=0)


def test_a_roomy_layer_is_transformers_own() -> None:
    """Random appends and selections against concatenation."""
    rng = torch.Generator().manual_seed(0)
    layer, keys, values = RoomyLayer(2), torch.empty(3, 2, 0, 4), torch.empty(3, 2, 0, 4)
    for step in range(40):
        width = int(torch.randint(1, 6, (1,), generator=rng))
        new = [torch.randn(len(keys), 2, width, 4, generator=rng) for _ in range(2)]
        keys, values = torch.cat([keys, new[0]], 2), torch.cat([values, new[1]], 2)
        found = layer.update(*new)
        if step % 7 == 3:
            rows = torch.randint(0, len(keys), (3,), generator=rng)
            before, old = layer, keys
            layer, keys, values = layer.selected(rows, step % 3), keys[rows], values[rows]
            assert torch.equal(before.keys, old)
            found = layer.keys, layer.values
        assert torch.equal(found[0], keys)
        assert torch.equal(found[1], values)
        assert layer.get_seq_length() == keys.shape[2]


def test_layers_that_hold_something_else_are_known_by_their_cache(tmp_path) -> None:
    names = ("gemma3", "qwen3_5", "qwen2_5_vl")
    found = [plain_layers(load(name, tmp_path / name)[0].config) for name in names]
    assert found == [None, None, 2]
