"""Optimiser and rate against PyTorch's own and against the formula."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from unireward.errors import InputError
from unireward.training.config import OptimiserConfig, ScheduleConfig
from unireward.training.optimiser import Together, make_optimiser, make_schedule, rate


class Small(nn.Module):
    """Two hidden matrices, an embedding, an output layer and a norm, named as in a model."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.embed_tokens = nn.Embedding(7, 6)
        self.up = nn.Linear(6, 12)
        self.down = nn.Linear(12, 6, bias=False)
        self.norm = nn.LayerNorm(6)
        self.lm_head = nn.Linear(6, 7, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.lm_head(self.norm(self.down(torch.relu(self.up(self.embed_tokens(ids))))))


def stepped(module: Small, optimiser: torch.optim.Optimizer, steps: int, first: int = 0) -> None:
    for k in range(first, first + steps):
        ids = torch.randint(0, 7, (5,), generator=torch.Generator().manual_seed(k))
        optimiser.zero_grad()
        module(ids).square().sum().backward()
        optimiser.step()


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))


def test_adamw_is_pytorch_s_with_decay_on_matrices_alone() -> None:
    config = OptimiserConfig(lr=0.01, weight_decay=0.1, betas=(0.8, 0.9))
    ours, theirs = Small(), Small()
    decayed = [theirs.up.weight, theirs.down.weight, theirs.lm_head.weight]
    plain = [theirs.embed_tokens.weight, theirs.up.bias, theirs.norm.weight, theirs.norm.bias]
    expected = torch.optim.AdamW(
        [{"params": decayed}, {"params": plain, "weight_decay": 0.0}],
        lr=0.01, betas=(0.8, 0.9), weight_decay=0.1,
    )  # fmt: skip
    stepped(ours, make_optimiser(ours, config), 5)
    stepped(theirs, expected, 5)
    assert same(ours, theirs)


def test_muon_takes_hidden_matrices_and_adamw_the_rest() -> None:
    config = OptimiserConfig(name="muon", lr=0.01, adam_lr=0.002, betas=(0.9, 0.98))
    ours, theirs = Small(), Small()
    muon = torch.optim.Muon([theirs.up.weight, theirs.down.weight], lr=0.01, momentum=0.95,
                            weight_decay=0.0, adjust_lr_fn="match_rms_adamw")  # fmt: skip
    rest = [theirs.embed_tokens.weight, theirs.up.bias, theirs.norm.weight, theirs.norm.bias,
            theirs.lm_head.weight]  # fmt: skip
    adam = torch.optim.AdamW(rest, lr=0.002, betas=(0.9, 0.98), weight_decay=0.0)
    stepped(ours, make_optimiser(ours, config), 4)
    for k in range(4):
        ids = torch.randint(0, 7, (5,), generator=torch.Generator().manual_seed(k))
        theirs.zero_grad()
        theirs(ids).square().sum().backward()
        muon.step()
        adam.step()
    assert same(ours, theirs)


def test_together_goes_on_from_its_state() -> None:
    config = OptimiserConfig(name="muon", lr=0.01)
    whole, cut = Small(), Small()
    one = make_optimiser(whole, config)
    stepped(whole, one, 6)
    first = make_optimiser(cut, config)
    stepped(cut, first, 3)
    state = first.state_dict()
    second = make_optimiser(cut, config)
    second.load_state_dict(state)
    stepped(cut, second, 3, first=3)
    assert same(whole, cut)


def test_a_schedule_sets_the_inner_rates() -> None:
    module = Small()
    optimiser = make_optimiser(module, OptimiserConfig(name="muon", lr=0.4, adam_lr=0.1))
    assert isinstance(optimiser, Together)
    schedule = make_schedule(optimiser, ScheduleConfig(warmup=0, decay=1.0), steps=4)
    for expected in (1.0, 0.75, 0.5, 0.25):
        rates = [group["lr"] for part in optimiser.parts for group in part.param_groups]
        assert rates == pytest.approx([0.4 * expected, *[0.1 * expected] * (len(rates) - 1)])
        optimiser.step()
        schedule.step()
    assert max(group["lr"] for group in optimiser.param_groups) == 0.0


def test_the_rate_is_its_formula() -> None:
    config = ScheduleConfig(warmup=0.1, decay=0.5)
    found = [rate(config, step, 100) for step in range(100)]
    assert found[:10] == pytest.approx([(k + 1) / 10 for k in range(10)])
    assert found[10:51] == pytest.approx([1.0] * 41)
    assert found[75] == pytest.approx(0.5)
    assert found[99] == pytest.approx(0.02)
    cosine = ScheduleConfig(kind="cosine", warmup=0, decay=1.0)
    assert rate(cosine, 25, 100) == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.25)))
    level = ScheduleConfig(warmup=0, decay=0)
    assert {rate(level, step, 10) for step in range(10)} == {1.0}


def test_nothing_left_to_train_is_said() -> None:
    module = Small()
    for weight in module.parameters():
        weight.requires_grad_(False)
    with pytest.raises(InputError, match="nothing is left to train"):
        make_optimiser(module, OptimiserConfig())


def test_muon_in_float32_is_pytorch_s_but_for_its_precision() -> None:
    """Steps apart by what bfloat16 rounds, with the same momentum. The gradients are of full
    rank: of others, bfloat16 makes noise where there is nothing."""
    half = OptimiserConfig(name="muon", lr=0.01, weight_decay=0.1)
    full = half.model_copy(update={"orthogonalise": "float32"})
    theirs, ours = Small(), Small()
    start = ours.up.weight.detach().clone()
    first, second = make_optimiser(theirs, half), make_optimiser(ours, full)
    torch.manual_seed(4)
    for _ in range(3):
        for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        first.step()
        second.step()
    moved = (ours.up.weight - start).norm()
    assert moved > 0.01
    assert (ours.up.weight - theirs.up.weight).norm() < 0.02 * moved
    buffers = [part.state[part.param_groups[0]["params"][0]]["momentum_buffer"]
               for part in (first.parts[0], second.parts[0])]  # fmt: skip
    assert torch.equal(*buffers)
    # The state of one is taken up by the other.
    second.load_state_dict(first.state_dict())
    stepped(ours, second, 1)


def test_orthogonal_matrices_have_singular_values_near_one() -> None:
    """As the quintic's coefficients promise (0.7 to 1.2), whichever side is longer."""
    from unireward.training.muon import orthogonal

    torch.manual_seed(3)
    for shape in ((3, 8, 20), (3, 20, 8), (1, 9, 9)):
        given = torch.randn(shape)
        found = orthogonal(given, (3.4445, -4.775, 2.0315), 5, 1e-7)
        assert found.shape == given.shape
        values = torch.linalg.svdvals(found)
        assert values.max() < 1.25
        assert values[:, : min(shape[1:]) - 1].min() > 0.3
        left, _, right = torch.linalg.svd(given, full_matrices=False)
        # The same singular vectors: nothing but the values has changed.
        turned = left.mT @ found @ right.mT
        assert (turned - torch.diag_embed(turned.diagonal(dim1=1, dim2=2))).abs().max() < 1e-4
