"""The numbers a local model computes in: what may be said, what it does, what the cache knows."""

from __future__ import annotations

import math

import pytest
import torch

from unireward.engines.int8 import Int8Linear, to_int8
from unireward.engines.machine import advice, product_rates
from unireward.engines.settings import Settings
from unireward.engines.transformers import TransformersEngine
from unireward.errors import UsageError
from unireward.rewards.load import load, tiny_folder
from unireward.world import iter_items

RECORDS = [item.record for item in iter_items("image_generation", 6, 11)]


def verdicts(**settings: object) -> list[float]:
    with load("tiny", cache=False, **settings) as judge:  # pyright: ignore[reportArgumentType]
        return [max(j.preference.values()) for j in judge(RECORDS, "rank")]


def test_bfloat16_judges_nearly_the_same() -> None:
    plain, half = verdicts(), verdicts(dtype="bfloat16")
    assert half != plain, "nothing was changed"
    assert half == pytest.approx(plain, abs=0.15)


def test_weights_take_the_dtype_that_was_asked_for() -> None:
    with TransformersEngine(tiny_folder(), dtype="bfloat16") as engine:
        assert engine.model.dtype == torch.bfloat16
    with TransformersEngine(tiny_folder()) as engine:
        assert engine.model.dtype == torch.float32


def test_other_numbers_are_another_identity() -> None:
    with TransformersEngine(tiny_folder()) as plain:
        identity = plain.identity
    with TransformersEngine(tiny_folder(), dtype="bfloat16") as half:
        assert half.identity == f"{identity}+bfloat16"
    assert Settings.of(quantise="int8", compile=True).tag == "+int8+compiled"
    assert Settings().tag == ""


@pytest.mark.parametrize("kind", ["int8", "int8-weights"])
def test_eight_bits_judge_nearly_the_same(kind: str) -> None:
    if kind == "int8-weights":
        pytest.importorskip("torchao")
    plain, eight = verdicts(), verdicts(quantise=kind)
    assert eight != plain, "nothing was changed"
    assert eight == pytest.approx(plain, abs=0.15)


def test_a_layer_of_eight_bits_is_off_by_its_steps_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    linear = torch.nn.Linear(64, 16)
    linear.weight.data = torch.randn(16, 64, generator=generator)
    linear.weight.data[3] = 0
    x = torch.randn(5, 7, 64, generator=generator)
    found = Int8Linear(linear)(x)
    # Half a step of each weight, and a step of 7 bits of each activation.
    weight = linear.weight.detach().abs()
    of_weights = (weight.amax(1) / 127 / 2) * x.abs().sum(-1, keepdim=True)
    of_inputs = (x.max() - x.min()) / 127 * (weight + weight.amax(1, keepdim=True) / 254).sum(1)
    wrong = (found - linear(x)).abs()
    assert (wrong <= of_weights + of_inputs).all()
    assert wrong.mean() < 0.15 * linear(x).std()
    assert torch.equal(found[..., 3], linear.bias[3].expand(5, 7))
    assert Int8Linear(linear)(x.bfloat16()).dtype == torch.bfloat16


def test_every_linear_layer_goes_to_eight_bits_and_nothing_else() -> None:
    inner = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.LayerNorm(4))
    model = torch.nn.ModuleDict({"inner": inner, "out": torch.nn.Linear(4, 2, bias=False)})
    to_int8(model)
    kinds = [type(module).__name__ for module in model.modules()]
    assert kinds == ["ModuleDict", "Sequential", "Int8Linear", "LayerNorm", "Int8Linear"]


@pytest.mark.slow
def test_a_compiled_model_judges_the_same() -> None:
    assert verdicts(compile=True) == pytest.approx(verdicts(), abs=1e-4)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"dtype": "bf16"}, "dtype is 'bf16'; use auto, float32, bfloat16, float16"),
        ({"quantise": "int4"}, "quantise is 'int4'; use int8, int8-weights"),
    ],
)
def test_settings_that_are_none(settings: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load("tiny", cache=False, **settings)  # pyright: ignore[reportArgumentType]


def test_a_server_computes_as_it_likes() -> None:
    with pytest.raises(UsageError, match=r"is no model in this process; leave dtype out"):
        load("http://127.0.0.1:9/v1", family="zero-shot", dtype="bfloat16")


def test_what_a_server_takes_is_nothing_to_a_model_here() -> None:
    with pytest.raises(UsageError, match=r"server is 'vllm' but tiny is no server's URL"):
        load("tiny", cache=False, server="vllm")


def test_products_are_timed_and_advice_follows_from_them() -> None:
    rates = product_rates("cpu", seconds=1e-4)
    assert rates.keys() == {"bfloat16"}
    assert all(math.isfinite(ratio) and ratio > 0 for ratio in rates["bfloat16"].values())
    assert "leave --dtype alone" in advice({"bfloat16": {"prompt": 1.1, "reply": 1.0}})
    assert "for judges that think" in advice({"bfloat16": {"prompt": 3.0, "reply": 0.5}})
    assert "try --dtype bfloat16" in advice({"bfloat16": {"prompt": 3.0, "reply": 1.0}})
