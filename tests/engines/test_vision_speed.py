"""Quick vision against transformers' own tower, and against plain convolutions."""

from __future__ import annotations

import copy
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.architectures import save_checkpoint
from unireward.engines.checkpoint import load_model
from unireward.engines.vision_speed import PACKED, _Product, quicken, stacked

QWENS = ("qwen2_vl", "qwen2_5_vl", "qwen3_vl", "qwen3_5")
GRIDS = {
    "one": [(1, 4, 6)],
    "equal": [(1, 8, 8)] * 5,
    "mixed": [(1, 8, 8), (1, 4, 6), (1, 8, 8), (1, 6, 4), (1, 2, 2)],
    "windows that do not fill": [(1, 10, 14), (1, 6, 10), (1, 10, 14)],
    "clips": [(3, 4, 6), (1, 4, 6), (2, 6, 4)],
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    torch.set_num_threads(1)
    return {
        name: load_model(str(save_checkpoint(name, tmp_path_factory.mktemp(name))), "float32")
        for name in (*QWENS, "llava_onevision", "llava")
    }


def patches(grids: list[tuple[int, int, int]], seed: int = 0) -> tuple[Any, Any]:
    draw = torch.Generator().manual_seed(seed)
    count = sum(t * h * w for t, h, w in grids)
    return torch.randn(count, 3 * 2 * 8 * 8, generator=draw), torch.tensor(grids)


def features(model: Any, inputs: tuple[Any, ...]) -> list[Any]:
    with torch.inference_mode():
        out = model.get_image_features(*inputs, return_dict=True)
    deeper = getattr(out, "deepstack_features", None) or []
    return [torch.cat(list(layer)) for layer in (out.pooler_output, *deeper)]


def far(one: list[Any], other: list[Any]) -> float:
    """The largest difference, relative to the largest number there."""
    assert len(one) == len(other)
    return max(
        float((a.double() - b.double()).abs().max() / b.double().abs().max())
        for a, b in zip(one, other)
    )


@pytest.mark.parametrize("grids", sorted(GRIDS))
@pytest.mark.parametrize("name", QWENS)
def test_the_towers_numbers_stay(models: dict[str, Any], name: str, grids: str) -> None:
    model, inputs = models[name], patches(GRIDS[grids])
    plain = features(model, inputs)
    assert len(plain) == (3 if name == "qwen3_vl" else 1)
    with quicken(model) as quicker:
        assert quicker
        quick = features(model, inputs)
    assert far(quick, plain) < 3e-6
    # It is exact again afterwards, and was not nothing.
    assert all(torch.equal(a, b) for a, b in zip(features(model, inputs), plain))
    assert min(float(layer.std()) for layer in plain) > 0.01


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", ["qwen2_5_vl", "qwen3_vl"])
def test_half_the_bits(models: dict[str, Any], name: str, dtype: torch.dtype) -> None:
    """Both are as far from float32 as the numbers' grain makes them."""
    inputs = patches(GRIDS["windows that do not fill"])
    exact = features(models[name], inputs)
    model = copy.deepcopy(models[name]).to(dtype)
    plain = features(model, inputs)
    with quicken(model):
        quick = features(model, inputs)
    assert quick[0].dtype == dtype
    grain = torch.finfo(dtype).eps
    assert far(quick, exact) < 2 * far(plain, exact) + grain < 12 * grain


@pytest.mark.parametrize("name", ["llava_onevision", "llava"])
def test_towers_that_are_batched_already(models: dict[str, Any], name: str) -> None:
    model = models[name]
    pixels = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    inputs = (pixels, torch.tensor([[32, 32]] * 3)) if name == "llava_onevision" else (pixels,)
    more = {"batch_num_images": [3]} if name == "llava_onevision" else {}
    with torch.inference_mode():
        plain = model.get_image_features(*inputs, **more, return_dict=True).pooler_output
        with quicken(model) as quicker:
            quick = model.get_image_features(*inputs, **more, return_dict=True).pooler_output
    assert quicker
    assert far(list(quick), list(plain)) < 3e-6


def test_gradients_are_the_same_too(models: dict[str, Any]) -> None:
    model, (pixels, grid) = models["qwen2_5_vl"], patches(GRIDS["mixed"])
    weight = model.model.visual.patch_embed.proj.weight
    found = []
    for quick in (False, True):
        leaf = pixels.clone().requires_grad_()
        with quicken(model) if quick else torch.enable_grad():
            out = torch.cat(list(model.get_image_features(leaf, grid).pooler_output))
        found.append(torch.autograd.grad(out.square().sum(), [leaf, weight]))
    assert far(list(found[1]), list(found[0])) < 1e-5


def test_nothing_is_left_behind_by_an_error(models: dict[str, Any]) -> None:
    tower = models["qwen3_vl"].model.visual
    grid = torch.tensor([[1, 4, 4]])
    with quicken(models["qwen3_vl"]):
        assert tower.config._attn_implementation == PACKED
    with pytest.raises(RuntimeError), quicken(models["qwen3_vl"]):
        tower(torch.zeros(15, 384), grid)  # a patch too few
    assert tower.config._attn_implementation == "sdpa"
    assert "forward" not in vars(tower.patch_embed.proj)


def test_a_tower_that_was_asked_to_be_eager_stays_so(tmp_path: Path) -> None:
    path = str(save_checkpoint("qwen3_vl", tmp_path))
    model = load_model(path, "float32", attention="eager")
    inputs = patches(GRIDS["mixed"])
    plain = features(model, inputs)
    with quicken(model):
        assert model.model.visual.config._attn_implementation == "eager"
        assert far(features(model, inputs), plain) < 3e-6


@given(st.lists(st.integers(1, 9), min_size=1, max_size=12), st.integers(0, 2**31))
def test_attention_within_pieces(lengths: list[int], seed: int) -> None:
    """Against softmax(QK'/w)V of each piece in NumPy."""
    draw = np.random.default_rng(seed)
    borders = np.cumsum([0, *lengths])
    q, k, v = draw.normal(size=(3, 2, borders[-1], 4))
    wanted = np.empty((borders[-1], 2, 4))
    for start, stop in pairwise(borders):
        for head in range(2):
            scores = q[head, start:stop] @ k[head, start:stop].T * 0.3
            masses = np.exp(scores - scores.max(1, keepdims=True))
            shares = masses / masses.sum(1, keepdims=True)
            wanted[start:stop, head] = shares @ v[head, start:stop]
    given = [torch.from_numpy(x)[None] for x in (q, k, v)]
    found, _ = stacked(None, *given, scaling=0.3, cu_seq_lens_q=torch.from_numpy(borders))
    assert found.shape == (1, borders[-1], 2, 4)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-12)


@given(
    st.integers(2, 3), st.integers(1, 3), st.integers(1, 2), st.booleans(),
    st.lists(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(0, 2)),
             min_size=3, max_size=3),
)  # fmt: skip
def test_a_convolution_as_a_product(
    rank: int, channels: int, out: int, bias: bool, sides: list[tuple[int, int, int]]
) -> None:
    kernel = tuple(k for k, _, _ in sides[:rank])
    shape = [k * count + min(over, k - 1) for k, count, over in sides[:rank]]
    kind = torch.nn.Conv2d if rank == 2 else torch.nn.Conv3d
    torch.manual_seed(0)
    conv = kind(channels, out, kernel, stride=kernel, bias=bias).double()  # type: ignore[arg-type]
    x = torch.randn(2, channels, *shape).double()
    torch.testing.assert_close(_Product(conv)(x), conv(x), atol=1e-12, rtol=0)
