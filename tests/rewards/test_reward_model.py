"""RewardModel on tiny backbones: padding and batches change nothing; gradients; features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.rewards.reward_backbones import batch_of, checkpoint, scores
from unireward.engines.states import inner
from unireward.errors import InputError
from unireward.rewards.heads import RidgeMoments, make_head
from unireward.rewards.reward_model import RewardModel, features, hidden_states

BACKBONES = ("qwen2_5_vl", "qwen3_vl", "llava_onevision")
HEADS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear", "names": ["a", "b"]},
    "mean": {"kind": "mean-pool"},
    "attention": {"kind": "attention-pool", "layers": [1, -1], "heads": 4},
}


@pytest.fixture(scope="module", params=BACKBONES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return checkpoint(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return checkpoint("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))


def started(folder: Path, head: dict[str, Any], **options: Any) -> RewardModel:
    return RewardModel.start(folder, head, device="cpu", **options).eval()


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("images", [True, False])
def test_neither_padding_nor_the_batch_changes_a_score(folder: Path, head: str, images: bool):
    model = started(folder, HEADS[head])
    alone = torch.cat([scores(model, batch_of(folder, [r], images=images)) for r in range(3)])
    assert alone.std(0).min() > 1e-3
    for side in ("left", "right"):
        together = scores(model, batch_of(folder, [0, 1, 2], side, images=images))
        torch.testing.assert_close(together, alone, atol=1e-6, rtol=1e-6)
        turned = scores(model, batch_of(folder, [2, 0], side, images=images))
        torch.testing.assert_close(turned, alone[[2, 0]], atol=1e-6, rtol=1e-6)


def test_linear_is_the_base_model_times_its_weight(folder: Path):
    """The last hidden state after the norm, at the last real token, times score.weight."""
    model = started(folder, {"kind": "linear", "names": ["a", "b"]})
    whole = transformers.AutoModelForImageTextToText.from_pretrained(folder).eval()
    batch = batch_of(folder, [1])
    with torch.no_grad():
        states = whole(**batch, output_hidden_states=True).hidden_states[-1]
    expected = states[0, -1].double().numpy() @ model.head.score.weight.double().detach().numpy().T
    np.testing.assert_allclose(scores(model, batch)[0].numpy(), expected, rtol=1e-4, atol=1e-5)


def test_layers_are_those_of_transformers(folder: Path):
    model = started(folder, HEADS["linear"])
    batch = batch_of(folder, [0])
    with torch.no_grad():
        every = inner(model.backbone)(**batch, output_hidden_states=True).hidden_states
        found = hidden_states(model.backbone, batch, (0, 1, 2, -1))
    for state, expected in zip(found, (every[0], every[1], every[2], every[2])):
        torch.testing.assert_close(state, expected)
    with pytest.raises(InputError, match=r"layer 3 is asked for, the backbone has 2 layers"):
        hidden_states(model.backbone, batch, (3,))


def test_the_whole_model_and_the_bare_one_are_the_same(qwen: Path):
    bare = started(qwen, HEADS["attention"])
    whole = transformers.AutoModelForImageTextToText.from_pretrained(qwen)
    model = RewardModel(whole, bare.head).eval()
    batch = batch_of(qwen, [0, 1])
    torch.testing.assert_close(scores(model, batch), scores(bare, batch), atol=0, rtol=0)


def test_a_head_for_another_width_is_refused(qwen: Path):
    whole = transformers.AutoModelForImageTextToText.from_pretrained(qwen)
    with pytest.raises(InputError, match="hidden size of 64, the backbone has 32"):
        RewardModel(whole, make_head({"kind": "linear"}, 64))


def test_one_seed_one_head(qwen: Path):
    weights = [started(qwen, {"kind": "mlp"}, seed=s).head.net[0].weight for s in (0, 0, 1)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


# Gradients ----------------------------------------------------------------------------------


def grown(model: RewardModel) -> set[str]:
    """The parts (and the head) that a gradient reaches."""
    from unireward.rewards.heads import part_of

    out = set()
    for name, weight in model.named_parameters():
        if weight.grad is not None and weight.grad.abs().sum() > 0:
            out.add("head" if name.startswith("head.") else part_of(name))
    return out


@pytest.mark.parametrize(
    ("frozen", "reached"),
    [
        ((), {"vision", "projector", "language", "head"}),
        (("vision",), {"projector", "language", "head"}),
        (("vision", "projector"), {"language", "head"}),
        (("vision", "projector", "language"), {"head"}),
    ],
)
def test_gradients_reach_what_learns_and_nothing_frozen(
    folder: Path, frozen: tuple[str, ...], reached: set[str]
):
    model = started(folder, HEADS["attention"])
    counts = model.freeze(frozen)
    assert all(counts[part] > 0 for part in frozen)
    model(batch_of(folder, [0, 1])).scores.sum().backward()
    assert grown(model) == reached


def test_the_mean_pool_recipe_freezes_eyes_and_projector(qwen: Path):
    model = started(qwen, HEADS["mean"])
    model.freeze()
    assert model.frozen == ("projector", "vision")
    model(batch_of(qwen, [0])).scores.sum().backward()
    assert grown(model) == {"language", "head"}


def test_no_such_part(qwen: Path):
    model = started(qwen, HEADS["linear"])
    with pytest.raises(InputError, match="'eyes' is no part; use vision, projector, language"):
        model.freeze(["eyes"])


@pytest.mark.parametrize("kind", ["mlp", "multi-output", "gaussian", "gated", "attention-pool"])
def test_every_weight_of_a_head_learns(kind: str):
    torch.manual_seed(0)
    options: dict[str, Any] = {
        "multi-output": {"names": ["a", "b"], "weights": [1, 2]},
        "gated": {"aspects": {"x": ["a", "b"], "y": ["c", "d"]}, "gate_width": 8},
        "attention-pool": {"layers": [0, 1, -1], "heads": 2},
    }.get(kind, {})
    head = make_head({"kind": kind, **options}, 8)
    states = [torch.randn(4, 5, 8) for _ in head.layers]
    out = head(states, torch.ones(4, 5))
    loss = (out.scores**2).sum() + (0 if out.sigma is None else out.sigma.sum())
    loss.backward()
    # A key's bias shifts all logits of a query alike: softmax takes it out.
    silent = {n for n, w in head.named_parameters() if w.grad is None or not w.grad.abs().sum()}
    assert silent == set()


# Marks --------------------------------------------------------------------------------------


def test_a_mark_is_read_where_it_stands_last(qwen: Path):
    head = {"kind": "linear", "pool": "mark", "marks": {"<|Reward|>": None}}
    model = started(qwen, head)
    number = model.head.marks["<|Reward|>"]
    assert model.tokenizer.convert_tokens_to_ids("<|Reward|>") == number
    assert model.tokenizer.convert_tokens_to_ids("<|image_pad|>") is not None
    batch = batch_of(qwen, [0, 1], "left", images=False)
    batch["input_ids"][0, -3] = number
    batch["input_ids"][1, [2, 4]] = number
    with torch.no_grad():
        states = hidden_states(model.backbone, batch)[0]
    expected = states[[0, 1], [-3, 4]] @ model.head.score.weight.T
    torch.testing.assert_close(scores(model, batch), expected.detach())
    batch["input_ids"][1, [2, 4]] = 5
    with pytest.raises(InputError, match=r"sequence 1: has no <\|Reward\|>"):
        model(batch)


def test_new_marks_get_rows_and_known_ones_keep_theirs(qwen: Path):
    rows = started(qwen, {"kind": "linear"}).backbone.get_input_embeddings().weight
    head = {"kind": "linear", "names": ["a", "b"], "pool": "mark",
            "marks": {"<|A|>": None, "<|vision_end|>": None}}  # fmt: skip
    model = started(qwen, head)
    grown = model.backbone.get_input_embeddings().weight
    assert model.head.marks["<|vision_end|>"] < len(rows) <= model.head.marks["<|A|>"]
    assert len(grown) == model.head.marks["<|A|>"] + 1
    torch.testing.assert_close(grown[: len(rows)], rows)
    near = grown[-1] - rows.mean(0)
    assert 0 < near.abs().max() < 0.1 * rows.std()
    with pytest.raises(InputError, match=r"marks say <\|A\|> is 3, the tokenizer has"):
        started(qwen, {**head, "marks": {"<|A|>": 3, "<|vision_end|>": None}})


# Features -----------------------------------------------------------------------------------


def test_features_are_what_the_head_reads(qwen: Path):
    model = started(qwen, {"kind": "mlp"}).train()
    batches = [batch_of(qwen, [0, 1]), batch_of(qwen, [2])]
    found = list(features(model, batches))
    assert model.training
    assert [tuple(part.shape) for part in found] == [(2, 32), (1, 32)]
    assert not found[0].requires_grad
    model.eval()
    with torch.no_grad():
        for part, batch in zip(found, batches):
            read = model.head.read(part.clone()).scores
            torch.testing.assert_close(read, scores(model, batch))


def test_ridge_on_features_scores_as_fitted(qwen: Path):
    model = started(qwen, {"kind": "ridge", "names": ["a", "b"]})
    batches = [batch_of(qwen, [r]) for r in (0, 1, 2)]
    moments, targets = RidgeMoments(), torch.tensor([[1.0, 0.0], [2.0, 5.0], [4.0, 1.0]])
    for part, target in zip(features(model, batches), targets):
        moments.add(part, target[None])
    assert model.head.fit(moments, alpha=1e-6) == 1e-6
    found = torch.cat([scores(model, batch) for batch in batches])
    torch.testing.assert_close(found, targets, atol=1e-3, rtol=1e-3)
