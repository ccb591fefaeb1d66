"""References: the weights of the stage's beginning, whatever is learned meanwhile."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.generators import body
from unireward.training.config import parse_config
from unireward.training.objectives import make_objective
from unireward.training.reference import Reference, reference_for
from unireward.training.subjects import subject_of
from unireward.training.trainee import trained_state


def trainee_of(**model: Any) -> Any:
    given = {"factory": "tests.training.generators:picture", "generator": True, **model}
    subject = subject_of(parse_config(body(Path("unwritten"), model=given)))
    subject.build(first=True)
    return subject.trainee


BATCH = {
    "inputs": {"pixels": torch.linspace(0, 1, 4 * 3 * 256).reshape(4, 3, 16, 16)},
    "prompts": ["two red circles"] * 2 + ["one blue star"] * 2,
    "seeds": torch.tensor([3, 3, 4, 4]),
    "chosen": torch.tensor([0, 2]), "rejected": torch.tensor([1, 3]),
}  # fmt: skip


def shaken(trainee: Any, by: float = 0.1) -> None:
    """Every weight that learns, moved, as by steps of training."""
    generator = torch.manual_seed(1)
    with torch.no_grad():
        for weight in trained_state(trainee).values():
            weight.add_(by * torch.randn(weight.shape, generator=generator))


@pytest.mark.parametrize("lora", [None, {"r": 2}])
@pytest.mark.parametrize("begun", [False, True])
def test_it_stays_what_it_was_and_leaves_the_policy_as_it_is(
    lora: dict[str, int] | None, begun: bool
) -> None:
    trainee = trainee_of(lora=lora)
    if begun:
        shaken(trainee)
    with torch.no_grad():
        before = trainee(BATCH).errors
    reference = Reference(trainee)
    shaken(trainee)
    with torch.no_grad():
        now = trainee(BATCH).errors
    kept = {name: weight.clone() for name, weight in trained_state(trainee).items()}
    found = reference.added_to(BATCH)
    torch.testing.assert_close(found["reference_errors"], before)
    assert (now - before).abs().max() > 1e-3
    # The policy is as it was, its gradients on, and sees the same noise.
    assert all(torch.equal(kept[name], w) for name, w in trained_state(trainee).items())
    errors = trainee(found).errors
    torch.testing.assert_close(errors.detach(), now)
    errors.sum().backward()
    assert trainee.training


def test_it_holds_nothing_that_does_not_learn() -> None:
    trainee = trainee_of(generator={"freeze": ["words"]})
    start = Reference(trainee)._way.__self__
    held = sum(weight.numel() for weight in start._held)
    assert held == sum(w.numel() for w in trainee.trained["denoiser"].parameters())


def test_sharded_weights_are_beside_a_whole_copy() -> None:
    trainee = trainee_of()
    reference = Reference(trainee, sharded=True)
    assert reference.trainee is not trainee
    with torch.no_grad():
        before = trainee(BATCH).errors
    shaken(trainee)
    torch.testing.assert_close(reference.added_to(BATCH)["reference_errors"], before)


def test_only_losses_that_compare_have_one() -> None:
    trainee = trainee_of()
    assert reference_for(make_objective({"denoise": {}}), trainee) is None
    assert reference_for(make_objective({"dpo": {"reference_free": True}}), trainee) is None
    found = reference_for(make_objective({"denoise": {}, "diffusion-dpo": {}}), trainee)
    assert found is not None
    single = {name: value for name, value in BATCH.items() if name not in ("chosen", "rejected")}
    assert found.added_to(single) is single
    given = {**BATCH, "reference_errors": torch.zeros(4)}
    assert found.added_to(given) is given


def test_it_computes_as_the_policy_does_under_autocast() -> None:
    """The same precision on both sides: at the beginning the difference is exactly nought."""
    trainee = trainee_of()
    forward = copy.copy(trainee.forward)

    def halved(batch: Any) -> Any:
        with torch.autocast("cpu", torch.bfloat16):
            return forward(batch)

    trainee.forward = halved  # as accelerate does it
    found = Reference(trainee).added_to(BATCH)
    with torch.no_grad():
        errors = trainee(BATCH).errors
    assert torch.equal(found["reference_errors"], errors)
