"""Every family of diffusers takes a step here: real classes of random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.policies.pipelines import MAKERS, made
from tests.training.generators import body
from unireward.policies.pipelines import adapter_of
from unireward.training.config import GeneratorConfig, parse_config
from unireward.training.dry_run import dry_run
from unireward.training.generator_trainee import GeneratorTrainee
from unireward.training.objectives import make_objective
from unireward.training.reference import Reference
from unireward.training.subjects.generator import prepare


@pytest.mark.parametrize("family", MAKERS)
def test_preference_reaches_the_adapters_and_nothing_else(family: str) -> None:
    adapter = adapter_of(made(MAKERS[family]))
    model = {"path": "unread", "generator": True, "lora": {"r": 2}, "gradient_checkpointing": True}
    prepare(adapter, GeneratorConfig.model_validate(model), 0)
    trainee = GeneratorTrainee(adapter).train()
    assert not any(part.training for part in adapter.frozen().values())
    shape = (32, 32) if adapter.task == "image_generation" else (9, 3, 32, 32)
    shape = (3, *shape) if len(shape) == 2 else shape
    batch: dict[str, Any] = {
        "inputs": {"pixels": torch.randint(256, (2, *shape)).to(torch.uint8)},
        "prompts": ["two red circles"] * 2, "seeds": torch.tensor([9, 9]),
        "chosen": torch.tensor([0]), "rejected": torch.tensor([1]),
        "error_weights": torch.tensor([1.0, 0.0]),
    }  # fmt: skip
    batch = dict(Reference(trainee).added_to(batch))
    outputs = trainee(batch)
    torch.testing.assert_close(outputs.errors, batch["reference_errors"])
    objective = make_objective({"diffusion-dpo": {}, "denoise": {}})
    loss, _ = objective(outputs, batch, objective.weights(batch))
    loss.backward()
    reached = {name for name, w in trainee.named_parameters() if w.grad is not None}
    learning = {name for name, w in trainee.named_parameters() if w.requires_grad}
    # The last block of some says nothing more of the text: its adapters have no part.
    assert reached <= learning
    assert len(reached) > 0.7 * len(learning)
    assert all("lora_" in name for name in learning)
    assert sum(w.grad.abs().sum() for w in trainee.parameters() if w.grad is not None) > 0


@pytest.mark.parametrize("family", ["sd3", "stable_diffusion"])
def test_a_dry_run_counts_what_is_in_the_folder(family: str, tmp_path: Path) -> None:
    pipeline = made(MAKERS[family])
    pipeline.save_pretrained(tmp_path / "pipeline")
    model = {"path": str(tmp_path / "pipeline"), "generator": {"height": 32, "width": 32},
             "lora": {"r": 2}}  # fmt: skip
    given = body(tmp_path / "out", model=model, objective={"diffusion-dpo": {}},
                 data={"sources": [{"world": "image_generation/pair"}]})  # fmt: skip
    found = dry_run(parse_config(given))
    assert found.ok
    assert (found.what, found.family) == ("generator", None)
    adapter = adapter_of(pipeline)
    prepare(adapter, GeneratorConfig.model_validate(model), 0)
    real = dict(GeneratorTrainee(adapter).named_parameters())
    assert found.parameters["total"] == {
        "all": sum(w.numel() for w in real.values()),
        "trained": sum(w.numel() for w in real.values() if w.requires_grad),
    }
    vae = sum(w.numel() for w in pipeline.vae.parameters())
    assert found.parameters["vae"] == {"all": vae, "trained": 0}
    assert found.parameters["denoiser"]["trained"] == 0
    (memory,) = found.stages[0].memory
    assert memory.held["gradients"] == 4 * found.parameters["total"]["trained"]
    # Adapters that begin as nothing are their own reference.
    assert "reference" not in memory.held
    text = "\n".join(found.lines())
    assert "not in it, and not estimated: activations of the denoiser" in " ".join(text.split())
    assert "32 x 32 pixels, 2 an example" in text
    assert max(map(len, text.splitlines())) <= 80
    data = found.to_dict()["stages"][0]["data"]
    assert data["examples"] + sum(data["skipped"].values()) == 4 * 8
    assert data["rows"] == 2 * data["examples"]


def test_a_dry_run_says_what_would_stop(tmp_path: Path) -> None:
    given = body(tmp_path / "out", objective={"sft": {}}, trainer={"fsdp": True})
    found = dry_run(parse_config(given))
    told = [problem.text for problem in found.problems if problem.fatal]
    assert not found.ok
    assert any("a generator's weights are not shared out" in text for text in told)
    assert any("sft is nothing that a generator learns by" in text for text in told)
    # A copy of the weights that learn, where there are no adapters to leave out.
    compared = dry_run(parse_config(body(tmp_path / "out", objective={"diffusion-dpo": {}},
        data={"sources": [{"world": "image_generation/pair", "level": 1}]})))  # fmt: skip
    held = compared.stages[0].memory[0].held
    assert held["reference"] == held["weights"] == held["gradients"]
