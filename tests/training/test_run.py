"""A training as its user runs it: cut and gone on, cut into shares, stopped by what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import unireward as ur
from tests.full_disk import python_on_full_disk
from tests.training.runs import body, command, config, furthest, weights
from unireward.errors import InputError
from unireward.training.run import train
from unireward.training.storage import SaveError, is_complete, last_complete
from unireward.training.trainer import NonFiniteLossError


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def uncut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("uncut")
    train(config(out))
    return out


def test_a_killed_run_goes_on_to_the_weights_of_an_uncut_one(uncut: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(body(out)))
    process = command(file)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("train 3 "):  # after the checkpoint of step 2, before the end
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    assert not (out / "judge").exists()
    said: list[str] = []
    train(config(out), said.append)
    assert said[0] == "stage train: 4 steps, from step 2"
    assert furthest(weights(uncut), weights(out)) == 0.0


def test_a_torn_checkpoint_is_passed_over(uncut: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(uncut, out)
    stage = out / "stages" / "1-train"
    (stage / "done.json").unlink()
    shutil.rmtree(stage / "final")
    torn = stage / "checkpoint-4" / "optimizer.pt"
    torn.write_bytes(torn.read_bytes()[:1000])
    assert last_complete(stage) == stage / "checkpoint-2"
    train(config(out))
    assert furthest(weights(uncut), weights(out)) == 0.0


# Adam divides a gradient by its own size, so that where it is nothing but rounding, rounding is
# what moves the weight. With a large eps it does not, and equal means equal.
SMOOTH = {"name": "adamw", "lr": 0.3, "eps": 0.1}


@pytest.fixture(scope="module")
def smooth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("smooth")
    train(config(out, optimiser=SMOOTH))
    return out


def moved(out: Path) -> float:
    """How far the furthest weight went from where it began."""
    from recipes.tiny_judge.model import build

    return furthest(build(0).model.state_dict(), weights(out))


def test_accumulation_does_not_change_the_step(smooth: Path, tmp_path: Path) -> None:
    train(config(tmp_path, optimiser=SMOOTH, batch={"accumulation": 4}))
    assert furthest(weights(smooth), weights(tmp_path)) < 1e-4 * moved(smooth)
    ours, whole = log(tmp_path), log(smooth)
    for mine, other in zip(ours, whole, strict=True):
        assert mine["loss"] == pytest.approx(other["loss"], rel=1e-4)
        assert mine["sft/accuracy"] == pytest.approx(other["sft/accuracy"], abs=1e-6)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_train_what_one_does(smooth: Path, tmp_path: Path, accumulation: int) -> None:
    out, file = tmp_path / "run", tmp_path / "config.yaml"
    given = body(out, optimiser=SMOOTH, batch={"accumulation": accumulation})
    file.write_text(yaml.safe_dump(given))
    process = command(file, processes=2)
    _, faults = process.communicate()
    assert process.returncode == 0, faults
    assert furthest(weights(smooth), weights(out)) < 1e-4 * moved(smooth)
    for mine, other in zip(log(out), log(smooth), strict=True):
        assert mine["sft/loss"] == pytest.approx(other["sft/loss"], rel=1e-4)


def test_the_average_is_its_formula(tmp_path: Path) -> None:
    """Weights after each step from checkpoints, averaged in NumPy."""
    train(config(tmp_path, steps=3, save={"every": 1, "limit": 9}, optimiser={"lr": 1e-2}))
    stage = tmp_path / "stages" / "1-train"
    from safetensors.numpy import load_file

    steps = [load_file(stage / f"checkpoint-{k}" / "trained.safetensors") for k in (1, 2, 3)]
    torch.manual_seed(0)
    from recipes.tiny_judge.model import build

    name = "model.language_model.layers.0.mlp.up_proj.weight"
    mean = build(0).model.state_dict()[name].numpy().astype(np.float64)
    for weights_of in steps:
        mean = 0.9 * mean + 0.1 * weights_of[f"model.{name}"]
    final = load_file(stage / "final" / "trained.safetensors")[f"model.{name}"]
    np.testing.assert_allclose(final, mean, atol=1e-6)


def test_a_loss_that_is_not_finite_stops_with_the_batch_named(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(NonFiniteLossError, match=r"not_finite_step_3\.json") as caught:
        train(
            config(
                out,
                data={"factory": "tests.training.spoilt:spoilt_steps", "step": 2},
                save={"every": 1},
            )
        )
    assert "\n" not in str(caught.value)
    told = json.loads((out / "stages/1-train/not_finite_step_3.json").read_text())
    assert told["step"] == 3
    assert told["record_ids"] == [f"image pair 1/2/{n}" for n in range(2)]
    kept = last_complete(out / "stages" / "1-train")
    assert kept is not None
    assert kept.name == "checkpoint-2"


def test_a_disk_that_fills_leaves_the_last_checkpoint_whole(tmp_path: Path) -> None:
    """The first checkpoint fits."""
    out, file = tmp_path / "run", tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(body(out)))
    train(config(out, steps=2))
    shutil.rmtree(out / "judge")
    stage = out / "stages" / "1-train"
    (stage / "done.json").unlink()
    (out / "config.yaml").unlink()
    done = python_on_full_disk(3_000_000, "-m", "unireward", "train", str(file))
    assert done.returncode == 1
    (line,) = done.stderr.strip().splitlines()
    assert "checkpoint-4" in line
    assert "checkpoint-2 is whole" in line
    assert not (stage / "checkpoint-4").exists()
    assert is_complete(stage / "checkpoint-2")
    train(config(out))
    assert (out / "judge" / "judge.json").is_file()


def test_another_config_does_not_take_over_a_folder(uncut: Path) -> None:
    with pytest.raises(InputError, match=r"another training lies there \(seed differs\)"):
        train(config(uncut, seed=5))


def test_weights_of_another_architecture_are_refused(uncut: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(uncut, out)
    (out / "config.yaml").unlink()
    other = body(out)
    other["model"]["auxiliary"] = {"score": 5}
    from unireward.training.config import parse_config

    with pytest.raises(InputError, match=r"auxiliary.score.weight is \[4, 128\]"):
        train(parse_config(other))


def test_the_result_loads_as_a_judge(uncut: Path) -> None:
    judge = ur.load(uncut / "judge", cache=False)
    assert judge.name == "mine"
    assert judge.family.id == "tiny"
    from unireward.families.judge_json import load_judge_json

    told = load_judge_json(uncut / "judge").meta["training"]
    assert told["stages"] == [{"name": "train", "steps": 4}]
    assert told["seconds"] >= 1


def test_save_error_is_an_os_error() -> None:
    assert issubclass(SaveError, OSError)
