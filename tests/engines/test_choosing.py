"""Choices scored over a tree, against a forward for each."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.engines.hand_lines import FIRST, axes, hand_line, load
from unireward.engines.choosing import CLOSE, Tree, score
from unireward.engines.forward import Forward, Stretch
from unireward.errors import InputError

ENDS = (3, 5)
SETS = [
    ((90,), (91,)),
    ((90, 91, 92), (90, 93, 92), (94, 95, 96, 97)),
    ((90, CLOSE), (90, 91, CLOSE), (90, 91, 92, CLOSE), (93, CLOSE)),
    ((90, 91), (90, 91), (92,)),
]


@pytest.fixture(scope="module", params=["qwen2_5_vl", "llava_onevision"])
def loaded(request, tmp_path_factory):
    return load(request.param, tmp_path_factory.mktemp(request.param))


@torch.inference_mode()
def alone(model, ids: np.ndarray, sequence: tuple[int, ...]) -> float:
    fed = [*ids.tolist(), *(t for t in sequence if t != CLOSE)]
    logs = model(input_ids=torch.tensor([fed])).logits[0].log_softmax(-1)
    total = 0.0
    for k, token in enumerate(sequence):
        said = logs[len(ids) + k - 1, list(ENDS) if token == CLOSE else [token]]
        total += said.logsumexp(-1).item()
    return total


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("attention", ["sdpa", "eager", "chains"])
@torch.inference_mode()
def test_whole_sequences(loaded, side, attention, monkeypatch) -> None:
    """Rows of unequal prompts and unequal sets of choices in one batch."""
    model = loaded[0]
    before = model.config.get_text_config()._attn_implementation
    if attention == "chains":
        monkeypatch.setattr("unireward.engines.choosing.MASKED", ())
    else:
        model.set_attn_implementation(attention)
    rng = np.random.default_rng(1)
    prompts = [rng.integers(FIRST, FIRST + 60, n) for n in (8, 3, 12, 5)]
    lines = [hand_line(ids, axes(model)) for ids in prompts]
    trees = [Tree(choices) for choices in SETS]
    forward = Forward(model, side=side)
    stretches = [Stretch(line, 0, len(line.ids)) for line in lines]
    passed = forward(stretches, keep=True)
    starts = [line.next_position for line in lines]
    found = score(forward, passed.logits, passed.held, starts, trees, ENDS)
    model.set_attn_implementation(before)
    for ids, tree, values in zip(prompts, trees, found):
        assert values == pytest.approx([alone(model, ids, s) for s in tree.sequences], abs=2e-5)


@torch.inference_mode()
def test_one_token_each_needs_nothing_held(loaded) -> None:
    model = loaded[0]
    ids = np.arange(FIRST, FIRST + 9)
    line = hand_line(ids, axes(model))
    forward = Forward(model)
    passed = forward([Stretch(line, 0, 9)])
    (found,) = score(forward, passed.logits, None, [9], [Tree(SETS[0])], ENDS)
    assert found == pytest.approx([alone(model, ids, s) for s in SETS[0]], abs=1e-5)


@torch.inference_mode()
def test_all_that_can_be_said_adds_up_to_one(loaded) -> None:
    """Every token either ends the tree or is one of its branches: the masses are a partition."""
    model = loaded[0]
    vocabulary = model.get_output_embeddings().weight.shape[0]
    twice = ((90, t) for t in range(vocabulary))
    tree = Tree((*((t,) for t in range(vocabulary) if t != 90), *twice))
    line = hand_line(np.arange(FIRST, FIRST + 6), axes(model))
    forward = Forward(model)
    passed = forward([Stretch(line, 0, 6)], keep=True)
    (found,) = score(forward, passed.logits, passed.held, [6], [tree], ENDS)
    assert math.fsum(map(math.exp, found)) == pytest.approx(1, abs=1e-5)


def test_what_a_tree_feeds_it_feeds_once() -> None:
    tree = Tree(SETS[1])
    assert tree.prefixes == ((90,), (94,), (90, 91), (90, 93), (94, 95), (94, 95, 96))
    assert tree.edges[1] == ((0, 90), (1, 93), (4, 92))
    assert tree.sees.sum(1).tolist() == [1, 1, 2, 2, 2, 3]
    assert Tree(SETS[0]).size == 0


def test_choices_become_tokens_or_a_reason(loaded) -> None:
    tokenizer = loaded[1]
    one, better = (tokenizer(t, add_special_tokens=False).input_ids[0] for t in ("1", "better"))
    assert Tree.of(tokenizer, ("1", "1 better")).sequences == ((one, CLOSE), (one, better, CLOSE))
    assert Tree.of(tokenizer, ("1", "better")).sequences == ((one,), (better,))
    with pytest.raises(InputError, match="empty under this tokenizer"):
        Tree.of(tokenizer, ("1", " "))
