"""Heads of other trainers, made by hand: TRL's value head, classifiers, and what is refused."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.rewards.reward_backbones import batch_of, checkpoint
from unireward.errors import InputError
from unireward.rewards.reward_model import RewardModel, hidden_states

WEIGHT = torch.linspace(-1, 1, 32)[None]
BIAS = torch.tensor([0.25])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return checkpoint("qwen2_5_vl", tmp_path_factory.mktemp("base"))


@pytest.fixture
def base(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "base"))


def inside(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    whole = load_file(folder / "model.safetensors") | tensors
    save_file(whole, folder / "model.safetensors", metadata={"format": "pt"})


def configured(folder: Path, **more: Any) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | more))


def check(folder: Path, weight: torch.Tensor, bias: torch.Tensor | float) -> RewardModel:
    """The scores are the last token's state times the head, by hand."""
    model = RewardModel.load(folder, device="cpu")
    batch = batch_of(folder, [0, 1], "right", images=False)
    last = batch["attention_mask"].sum(1) - 1
    with torch.no_grad():
        state = hidden_states(model.backbone, batch)[0][[0, 1], last]
        found = model(batch).scores
    torch.testing.assert_close(found, state @ weight.T + bias, atol=1e-5, rtol=1e-5)
    return model


def test_trl_value_head_beside_the_weights(base: Path):
    save_file({"v_head.summary.weight": WEIGHT, "v_head.summary.bias": BIAS},
              base / "value_head.safetensors")  # fmt: skip
    model = check(base, WEIGHT, BIAS)
    assert model.head.names == ("score",)
    assert model.head.config() == {"kind": "linear", "names": ["score"], "bias": True}


def test_trl_value_head_as_bin(base: Path):
    torch.save({"v_head.summary.weight": WEIGHT, "v_head.summary.bias": BIAS},
               base / "value_head.bin")  # fmt: skip
    check(base, WEIGHT, BIAS)


def test_trl_value_head_among_the_weights(base: Path):
    inside(base, {"v_head.summary.weight": WEIGHT, "v_head.summary.bias": BIAS})
    check(base, WEIGHT, BIAS)


@pytest.mark.parametrize("module", ["score", "classifier", "value_head", "reward_head", "rm_head"])
def test_one_linear_layer_under_its_usual_names(base: Path, module: str):
    inside(base, {f"{module}.weight": WEIGHT})
    check(base, WEIGHT, 0.0)


def test_openrlhf_says_its_name_in_the_config(base: Path):
    inside(base, {"my_head.weight": WEIGHT})
    configured(base, value_head_prefix="my_head")
    check(base, WEIGHT, 0.0)


def test_labels_of_several_outputs(base: Path):
    weight = torch.cat([WEIGHT, 2 * WEIGHT, -WEIGHT])
    inside(base, {"score.weight": weight})
    configured(base, id2label={"0": "vq", "1": "mq", "2": "ta"})
    assert check(base, weight, 0.0).head.names == ("vq", "mq", "ta")
    configured(base, id2label={"0": "one"})
    assert check(base, weight, 0.0).head.names == ("score_0", "score_1", "score_2")


def test_a_read_head_with_a_bias_is_saved_beside(base: Path, tmp_path: Path):
    inside(base, {"score.weight": WEIGHT, "score.bias": BIAS})
    out = check(base, WEIGHT, BIAS).save(tmp_path / "out", family="unifiedreward-2")
    assert (out / "head.safetensors").exists()
    check(out, WEIGHT, BIAS)


class Harmful:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("harmed"),))


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({}, "has no judge.json with a head, and no head among its"),
        ({"score.weight": torch.ones(1, 16)},
         "model.safetensors: score.weight is [1, 16], the backbone has a hidden size of 32"),
        ({"score.weight": torch.full((1, 32), float("nan"))}, "score.weight has NaN or infinity"),
        ({"score.weight": WEIGHT, "score.bias": torch.tensor([float("inf")])},
         "score.bias has NaN or infinity"),
        ({"score.weight": WEIGHT, "rm_head.weight": 2 * WEIGHT},
         "tensor rm_head.weight is no part of a Qwen2_5_VLModel"),
    ],
)  # fmt: skip
def test_what_is_no_head(base: Path, tensors: dict[str, torch.Tensor], said: str):
    inside(base, tensors)
    with pytest.raises(InputError) as raised:
        RewardModel.load(base, device="cpu")
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_nothing_is_unpickled(base: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(base)
    torch.save({"v_head.summary.weight": Harmful()}, base / "value_head.bin")
    with pytest.raises(InputError, match=r"value_head.bin: cannot be read as weights"):
        RewardModel.load(base, device="cpu")
    (base / "value_head.bin").write_bytes(pickle.dumps(Harmful()))
    with pytest.raises(InputError, match=r"value_head.bin: cannot be read as weights"):
        RewardModel.load(base, device="cpu")
    torch.save([WEIGHT], base / "value_head.bin")
    with pytest.raises(InputError, match="holds no table of tensors"):
        RewardModel.load(base, device="cpu")
    assert not (base / "harmed").exists()
