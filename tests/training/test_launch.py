"""Several processes: the launch files as accelerate reads them, and FSDP by PyTorch itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command_parser
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from accelerate.utils.launch import prepare_deepspeed_cmd_env, prepare_multi_gpu_env
from safetensors.torch import load_file

import unireward as ur
from tests.training.runs import ROOT, command, furthest, weights
from unireward.errors import InputError
from unireward.training.config import parse_config
from unireward.training.run import train
from unireward.training.sharding import sharding
from unireward.training.storage import is_complete

LAUNCH = ROOT / "recipes" / "launch"
KINDS = {
    "ddp": DistributedType.MULTI_GPU,
    "fsdp": DistributedType.FSDP,
    "zero2": DistributedType.DEEPSPEED,
    "zero3": DistributedType.DEEPSPEED,
}


def launched(name: str) -> dict[str, str]:
    """The environment that ``accelerate launch --config_file`` gives each process."""
    from accelerate.commands.launch import _validate_launch_command

    words = ["--config_file", str(LAUNCH / f"{name}.yaml"), "-m", "unireward", "train", "x.yaml"]
    parser = launch_command_parser()
    args = parser.parse_args(words)
    defaults: Any
    args, defaults, precise = _validate_launch_command(args)
    if name.startswith("zero"):
        # As its ``launch_command`` says it on.
        fields = [*defaults.deepspeed_config, *(["mixed_precision"] if precise else [])]
        args.deepspeed_fields_from_accelerate_config = ",".join(fields)
        return prepare_deepspeed_cmd_env(args)[1]
    return prepare_multi_gpu_env(args)


@pytest.mark.parametrize("name", KINDS)
def test_a_launch_file_is_read_by_accelerate(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Any = load_config_from_file(str(LAUNCH / f"{name}.yaml"))
    assert found.distributed_type == KINDS[name]
    assert found.num_processes == 8
    monkeypatch.chdir(ROOT)
    told = launched(name)
    # No precision of its own: transformers' TrainingArguments says the config's.
    assert told["ACCELERATE_MIXED_PRECISION"] == "no"
    for key, value in told.items():
        if key.startswith(("ACCELERATE_", "FSDP_")):
            monkeypatch.setenv(key, value)
    assert sharding({}) == (None if name == "ddp" else name)


def test_the_fsdp_file_gathers_whole_states(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in launched("fsdp").items():
        if key.startswith("FSDP_"):
            monkeypatch.setenv(key, value)
    plugin = FullyShardedDataParallelPlugin()
    assert plugin.fsdp_version == 2
    assert plugin.reshard_after_forward is True
    assert "FULL_STATE_DICT" in str(plugin.state_dict_type)
    assert not plugin.activation_checkpointing


@pytest.mark.parametrize("stage", [2, 3])
def test_a_zero_file_says_its_stage(stage: int) -> None:
    file = LAUNCH / f"zero{stage}.json"
    assert sharding({"deepspeed": str(file)}) == f"zero{stage}"
    body = json.loads(file.read_text())
    assert body["zero_allow_untested_optimizer"] is True
    zero = body["zero_optimization"]
    assert zero.get("stage3_gather_16bit_weights_on_model_save", stage == 2) is True
    # "auto" sizes are taken from ``model.config``, which a trainee has not.
    assert "auto" not in zero.values()


# FSDP ------------------------------------------------------------------------------------------

SMOOTH = {"name": "adamw", "lr": 0.3, "eps": 0.1}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the tiny judge's architecture, not trained."""
    from recipes.tiny_judge.model import build

    folder = tmp_path_factory.mktemp("tiny")
    parts = build(0)
    parts.save_processor(folder)
    parts.model.save_pretrained(folder)
    return folder


def config_of(tiny: Path, out: Path, **given: Any) -> dict[str, Any]:
    return {
        "output": str(out),
        "model": {"path": str(tiny), "family": "tiny"},
        "data": {"sources": [{"world": "image_generation/pair"}]},
        "objective": {"sft": {}},
        "optimiser": SMOOTH,
        "steps": 2,
        "batch": {"size": 4},
        "save": {"every": 1},
        "log_every": 1,
        "workers": 0,
        "threads": 1,
        "device": "cpu",
        "tensorboard": False,
        **given,
    }


SHARDED = {"fsdp": True, "fsdp_config": {"auto_wrap_policy": "TRANSFORMER_BASED_WRAP"}}


def sharded(config: dict[str, Any], folder: Path) -> subprocess.CompletedProcess[str]:
    """The training in two processes that share out the weights."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({**config, "trainer": SHARDED}))
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node", "2",
               "-m", "tests.training.fsdp_cpu", "train", str(file)]  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_sharded_training_ends_with_the_weights_of_one_process(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "sharded"
    done = sharded(config_of(tiny, out), tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    train(parse_config(config_of(tiny, tmp_path / "alone")))
    found, alone = weights(out), weights(tmp_path / "alone")
    moved = furthest(alone, load_file(tiny / "model.safetensors"))
    assert furthest(found, alone) < 1e-4 * moved
    assert ur.load(str(out / "judge"), device="cpu") is not None


@pytest.mark.slow
def test_a_sharded_run_that_was_cut_goes_on(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "sharded"
    done = sharded(config_of(tiny, out), tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = weights(out)
    stage = out / "stages" / "1-train"
    assert is_complete(stage / "checkpoint-1")
    for gone in (stage / "checkpoint-2", stage / "final", out / "judge"):
        shutil.rmtree(gone)
    (stage / "done.json").unlink()
    done = sharded(config_of(tiny, out), tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "from step 1" in done.stdout
    assert furthest(weights(out), found) < 1e-5


@pytest.mark.slow
def test_sharded_adapters_and_a_head_are_exported_whole(tiny: Path, tmp_path: Path) -> None:
    model = {"path": str(tiny), "family": "tiny", "lora": {"r": 4}, "head": {"kind": "linear"}}
    given = {"model": model, "objective": {"bradley-terry": {}}}
    out = tmp_path / "sharded"
    done = sharded(config_of(tiny, out, **given), tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    train(parse_config(config_of(tiny, tmp_path / "alone", **given)))
    files = [
        sorted((folder / "judge").glob("*.safetensors")) for folder in (out, tmp_path / "alone")
    ]
    assert [file.name for file in files[0]] == [file.name for file in files[1]]
    for one, other in zip(*files):
        a, b = load_file(one), load_file(other)
        assert a.keys() == b.keys()
        assert all(torch.allclose(a[name], b[name], atol=1e-4) for name in a)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"average": 0.9}, "sharded are not averaged"),
        ({"optimiser": {"name": "muon"}}, "sharded; use adamw"),
        ({"evaluation": {"every": 1, "world": {"image_generation": 2}}}, "not judged in the loop"),
    ],
)
def test_what_cannot_be_sharded_is_refused(
    given: dict[str, Any], said: str, tiny: Path, tmp_path: Path
) -> None:
    config = parse_config(config_of(tiny, tmp_path / "out", trainer={"fsdp": True}, **given))
    with pytest.raises(InputError, match=said):
        train(config)


# DDP -------------------------------------------------------------------------------------------


def test_two_processes_train_a_head_that_leaves_the_output_layer_unused(
    tiny: Path, tmp_path: Path
) -> None:
    given = {"objective": {"bradley-terry": {}}}
    given["model"] = {"path": str(tiny), "family": "tiny", "head": {"kind": "linear"}}
    file = tmp_path / "config.yaml"
    file.write_text(yaml.safe_dump(config_of(tiny, tmp_path / "two", **given)))
    process = command(file, processes=2)
    _, said = process.communicate()
    assert process.returncode == 0, said[-3000:]
    train(parse_config(config_of(tiny, tmp_path / "alone", **given)))
    found, alone = (weights(tmp_path / name) for name in ("two", "alone"))
    assert furthest(found, alone) < 1e-4
