"""Trainings of generators: cut and gone on, cut into shares, stopped, exported."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file

from tests.training.generators import body, config, picture, weights
from tests.training.runs import command, furthest
from unireward.errors import InputError
from unireward.training.run import train
from unireward.training.trainer import NonFiniteLossError
from unireward.world import iter_items

PAIRS = {"sources": [{"world": "image_generation/pair", "level": 1}]}
# Adam divides a gradient by its own size; with a large eps, equal means equal.
SMOOTH = {"name": "adamw", "lr": 0.3, "eps": 0.1}
DPO = {"diffusion-dpo": {"beta": 50.0, "sft_weight": 0.1}}
PREFERS: dict[str, Any] = {"data": PAIRS, "objective": DPO, "optimiser": SMOOTH, "steps": 2}


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A generator trained for four steps, its weights averaged."""
    out = tmp_path_factory.mktemp("drawn")
    train(config(out, average=0.5))
    return out


def test_a_cut_run_goes_on_to_the_weights_of_an_uncut_one(drawn: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(drawn, out)
    stage = out / "stages" / "1-train"
    for gone in (stage / "checkpoint-4", stage / "final", out / "generator"):
        shutil.rmtree(gone)
    (stage / "done.json").unlink()
    said: list[str] = []
    train(config(out, average=0.5), said.append)
    assert said[0] == "stage train: 4 steps, from step 2"
    assert furthest(weights(drawn), weights(out)) == 0.0


def test_the_result_is_a_pipeline_of_the_averaged_weights(drawn: Path) -> None:
    from unireward.policies.generator import load_generator
    from unireward.prompt import Prompt
    from unireward.record import Part

    mean = load_file(drawn / "stages/1-train/checkpoint-4/average.safetensors")
    made = weights(drawn)
    parts = {"denoiser": "transformer", "words": "words"}
    for name, weight in mean.items():
        _, part, own = name.split(".", 2)
        assert torch.equal(made[f"{parts[part]}.{own}"], weight)
    told = json.loads((drawn / "generator" / "training.json").read_text())
    assert told["stages"] == [{"name": "train", "steps": 4}]
    policy = load_generator(str(drawn / "generator"), device="cpu", steps=2)
    asked = Prompt(id="p", task="image_generation", prompt=(Part.of_text("two red circles"),))
    assert len(policy.sample([asked], 2, 0)[0].candidates) == 2


def test_the_loss_falls(tmp_path: Path) -> None:
    train(config(tmp_path, steps=40, log_every=10))
    errors = [row["denoise/error"] for row in log(tmp_path)]
    assert errors[-1] < 0.7 * errors[0]


@pytest.fixture(scope="module")
def preferred(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("preferred")
    train(config(out, **PREFERS))
    return out


def moved(out: Path) -> float:
    """How far the furthest weight of the transformer went from where it began."""
    before = {f"transformer.{n}": w for n, w in picture(0).transformer.state_dict().items()}
    return max((weights(out)[name] - weight).abs().max().item() for name, weight in before.items())


def test_preference_begins_at_its_reference(preferred: Path) -> None:
    first = log(preferred)[0]
    anchor = 0.1 * 50 * first["diffusion-dpo/chosen_error"]
    assert first["diffusion-dpo/loss"] == pytest.approx(math.log(2) + anchor, rel=1e-4)
    assert first["diffusion-dpo/margin"] == pytest.approx(0.0, abs=1e-4)
    assert moved(preferred) > 1e-3


def test_accumulation_does_not_change_the_step(preferred: Path, tmp_path: Path) -> None:
    train(config(tmp_path, **PREFERS, batch={"size": 8, "accumulation": 4}))
    assert furthest(weights(preferred), weights(tmp_path)) < 1e-4 * moved(preferred)
    for mine, other in zip(log(tmp_path), log(preferred), strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert mine["diffusion-dpo/chosen_error"] == pytest.approx(
            other["diffusion-dpo/chosen_error"], rel=1e-4
        )


def test_two_processes_train_what_one_does(preferred: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "run", tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(body(out, **PREFERS)))
    process = command(file, processes=2)
    _, faults = process.communicate()
    assert process.returncode == 0, faults[-3000:]
    assert furthest(weights(preferred), weights(out)) < 1e-4 * moved(preferred)
    for mine, other in zip(log(out), log(preferred), strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)


# Adapters --------------------------------------------------------------------------------------


def adapted(drawn: Path, out: Path, export: str, **more: Any) -> Path:
    """Adapters on the drawn generator, trained in two stages: to draw, then to prefer."""
    model = {"path": str(drawn / "generator"), "generator": {"export": export},
             "lora": {"r": 2, "alpha": 8}}  # fmt: skip
    stages = [{"name": "draw"}, {"name": "prefer", "objective": DPO, "data": PAIRS}]
    train(config(out, model=model, steps=2, optimiser={"lr": 0.02}, stages=stages, **more))
    return out


@pytest.fixture(scope="module")
def beside(drawn: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return adapted(drawn, tmp_path_factory.mktemp("beside"), "beside")


def test_only_adapters_learn(drawn: Path, beside: Path) -> None:
    kept = load_file(beside / "stages" / "2-prefer" / "final" / "trained.safetensors")
    assert kept
    assert all("lora_" in name for name in kept)
    assert furthest(weights(drawn), _without_lora(weights(beside))) == 0.0


def _without_lora(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in found.items() if not name.startswith("lora.")}


def test_a_later_stage_prefers_from_where_it_began(beside: Path) -> None:
    """Not from the model without adapters, which the first stage has left."""
    first = next(row for row in log(beside) if row["stage"] == "prefer")
    anchor = 0.1 * 50 * first["diffusion-dpo/chosen_error"]
    assert first["diffusion-dpo/loss"] == pytest.approx(math.log(2) + anchor, rel=1e-4)


def test_adapters_load_into_plain_diffusers(drawn: Path, beside: Path, tmp_path: Path) -> None:
    from diffusers import SD3Transformer2DModel

    merged = adapted(drawn, tmp_path, "merged")
    assert not (merged / "generator" / "lora").exists()
    plain = SD3Transformer2DModel.from_pretrained(drawn / "generator", subfolder="transformer")
    whole = SD3Transformer2DModel.from_pretrained(merged / "generator", subfolder="transformer")
    inputs = {
        "hidden_states": torch.randn(2, 3, 16, 16), "encoder_hidden_states": torch.randn(2, 4, 24),
        "pooled_projections": torch.randn(2, 24), "timestep": torch.tensor([100.0, 900.0]),
    }  # fmt: skip
    with torch.no_grad():
        before = plain(**inputs).sample
        plain.load_lora_adapter(str(beside / "generator" / "lora"), use_safetensors=True)
        found, expected = plain(**inputs).sample, whole(**inputs).sample
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert (found - before).abs().max() > 1e-3


# Stopped ---------------------------------------------------------------------------------------


def test_a_picture_that_is_not_finite_stops_with_the_records_named(tmp_path: Path) -> None:
    data = {"factory": "tests.training.generators:spoilt", "step": 1}
    with pytest.raises(NonFiniteLossError, match=r"not_finite_step_2\.json"):
        train(config(tmp_path, data=data, save={"every": 1}))
    stage = tmp_path / "stages" / "1-train"
    told = json.loads((stage / "not_finite_step_2.json").read_text())
    assert told == {"step": 2, "record_ids": ["p1-0", "p1-1"]}
    assert (stage / "checkpoint-1" / "complete.json").is_file()


def test_a_latent_that_is_not_finite_stops_too(tmp_path: Path) -> None:
    model = {"factory": "tests.training.generators:blind", "generator": True}
    with pytest.raises(NonFiniteLossError):
        train(config(tmp_path, model=model, batch={"size": 2}))
    told = json.loads((tmp_path / "stages/1-train/not_finite_step_1.json").read_text())
    assert len(told["record_ids"]) == 2
    assert all(name.startswith("image_generation-right-") for name in told["record_ids"])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"objective": {"sft": {}}}, "sft is nothing that a generator learns by; use one of den"),
        ({"trainer": {"fsdp": True}}, "a generator's weights are not shared out"),
        (
            {"evaluation": {"every": 2, "world": {"image_generation": 2}}},
            "evaluation: a generator has no evaluation of its own; name a function",
        ),
        (
            {"model": {"factory": "tests.training.generators:picture",
                       "generator": {"freeze": ["vae"]}}},
            "freeze: 'vae' is no part that could learn; it has denoiser, words",
        ),
        (
            {"model": {"factory": "tests.training.generators:picture",
                       "generator": {"height": 14}}},
            "model.generator: height: 14 is not a multiple of 4; set it to",
        ),
        (
            {"model": {"factory": "tests.training.generators:chain",
                       "generator": {"shift": 3.0}}},
            "model.generator.shift: belongs to a flow, and this generator predicts epsilon",
        ),
        (
            {"data": {"sources": [{"world": "image_understanding/pair"}]}},
            "is of image_understanding, the generator of image_generation",
        ),
        ({"data": {"sources": [{"world": "image_editing/right"}]}}, "have a right candidate"),
        (
            {"data": {"sources": [{"world": "image_generation/right", "level": 2}]}},
            "the prompt cannot be drawn: .* words, and it reads 4",
        ),
    ],
)  # fmt: skip
def test_what_a_generator_cannot_be_trained_by(
    given: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        train(config(tmp_path / "run", **given))
    assert "\n" not in str(caught.value)


# Looked at -------------------------------------------------------------------------------------


def test_a_function_of_ones_own_decides_which_weights_are_best(tmp_path: Path) -> None:
    evaluation = {
        "every": 1, "world": {"image_generation": 3}, "metric": "size",
        "evaluator": "tests.training.generators:looked_at", "options": {"offset": 5.0},
    }  # fmt: skip
    save = {"every": 1, "limit": 1}
    result = train(config(tmp_path, steps=3, evaluation=evaluation, save=save))
    sizes = [row["eval_size"] for row in log(tmp_path) if "eval_size" in row]
    assert len(set(sizes)) == 3
    final = load_file(tmp_path / "stages/1-train/final/trained.safetensors")
    size = final["trained.denoiser.pos_embed.proj.weight"].abs().sum().item()
    assert size + 5.0 == pytest.approx(max(sizes), rel=1e-5)
    # The generator reads four words.
    asked = [item.record.text for item in iter_items("image_generation", 3, 0, split="train")]
    read = sum(len(text.split()) <= 4 for text in asked)
    assert 0 < read < 3
    assert result.metrics["eval_drawn"] == pytest.approx(read / 3)
    wrong = {**evaluation, "metric": "beauty"}
    with pytest.raises(InputError, match="gave size, drawn and no 'beauty'; name one"):
        train(config(tmp_path / "other", steps=3, evaluation=wrong, save=save))
