"""Adapters by peft: what is learned here is what diffusers and peft load."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import diffusers
import peft
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.policies.pipelines import MAKERS, shared, stirred
from unireward.errors import InputError
from unireward.policies.lora import (
    add_lora,
    has_adapters,
    load_lora,
    lora_tensors,
    merge_lora,
    save_lora,
    without_adapters,
)
from unireward.policies.pipelines import adapter_of
from unireward.policies.pipelines.base import PipelineAdapter
from unireward.policies.pipelines.tiny import TinyPipeline

KINDS = ("image", "video")


def fresh(family: str) -> PipelineAdapter:
    if family in KINDS:
        built = TinyPipeline.build(family, 0, width=24, layers=2, heads=2)  # pyright: ignore
        return adapter_of(stirred(built))
    return adapter_of(copy.deepcopy(shared(family)))


def says(adapter: PipelineAdapter, denoiser: Any = None) -> Tensor:
    """A prediction, of another denoiser's weights where one is given."""
    size = (32, 32) if adapter.task == "image_generation" else (32, 32, 9)
    if adapter.pipeline_class == "TinyPipeline" and adapter.task == "video_generation":
        size = (32, 32, 8)
    latents = torch.randn(2, *adapter.latent_shape(*size), generator=torch.manual_seed(3))
    times = adapter.path.times(torch.tensor([0.3, 0.9]))
    kept = adapter.denoiser
    if denoiser is not None:
        adapter.denoiser = denoiser
    with torch.no_grad():
        out = adapter.predict(latents, times, adapter.conditions(["two red circles", "one star"]))
    if denoiser is not None:
        adapter.denoiser = kept
    return out


def trained(family: str) -> PipelineAdapter:
    """As after training: the second matrices are no longer zero."""
    adapter = fresh(family)
    add_lora(adapter, r=2, alpha=6.0)
    generator = torch.manual_seed(1)
    for name, weight in adapter.denoiser.named_parameters():
        if "lora_B" in name:
            weight.data = 0.2 * torch.randn(weight.shape, generator=generator)
    return adapter


@pytest.mark.parametrize("family", [*MAKERS, *KINDS])
def test_saved_adapters_are_the_same_in_plain_diffusers_peft_and_here(
    family: str, tmp_path: Path
) -> None:
    adapter = trained(family)
    wanted = says(adapter)
    save_lora(adapter, tmp_path)

    plain = fresh(family)
    base = says(plain)
    assert (wanted - base).abs().max() > 1e-2
    if family in KINDS:
        plain.denoiser.load_lora_adapter(str(tmp_path), use_safetensors=True)
    else:
        plain.pipeline.load_lora_weights(str(tmp_path))
    torch.testing.assert_close(says(plain), wanted, atol=1e-5, rtol=0)

    by_peft = fresh(family)
    wrapped = peft.PeftModel.from_pretrained(by_peft.denoiser, str(tmp_path))
    torch.testing.assert_close(says(by_peft, wrapped.base_model.model), wanted, atol=1e-5, rtol=0)

    here = fresh(family)
    load_lora(here, tmp_path)
    torch.testing.assert_close(says(here), wanted, atol=1e-5, rtol=0)
    with without_adapters(here):
        assert torch.equal(says(here), base)
    assert not any(weight.requires_grad for weight in lora_weights(here))


def lora_weights(adapter: PipelineAdapter) -> list[Tensor]:
    return [w for name, w in adapter.denoiser.named_parameters() if "lora_" in name]


@pytest.mark.parametrize("family", [*MAKERS, *KINDS])
def test_every_block_gets_adapters_on_all_its_kinds_of_layers(family: str) -> None:
    adapter = fresh(family)
    add_lora(adapter, r=2)
    names = [name.rpartition(".lora_A")[0] for name in lora_tensors(adapter) if "lora_A" in name]
    for target in adapter.lora_targets:
        assert any(name.endswith(f".{target}") for name in names), target


def test_new_adapters_change_nothing_and_are_all_that_learns() -> None:
    adapter = fresh("sd3")
    before = says(adapter)
    add_lora(adapter, r=2, seed=5)
    assert torch.equal(says(adapter), before)
    learning = [n for n, w in adapter.denoiser.named_parameters() if w.requires_grad]
    assert learning
    assert all(".lora_" in name for name in learning)
    other = fresh("sd3")
    add_lora(other, r=2, seed=5)
    for name, tensor in lora_tensors(other).items():
        assert torch.equal(tensor, lora_tensors(adapter)[name])


def test_the_formula() -> None:
    """W + alpha / r B A (arXiv 2106.09685)."""
    adapter = trained("sd3")
    tensors, place = lora_tensors(adapter), "transformer_blocks.0.attn.to_q"
    layer = adapter.denoiser.get_submodule(place)
    x = torch.randn(3, 32)
    change = 6.0 / 2 * tensors[f"{place}.lora_B.weight"] @ tensors[f"{place}.lora_A.weight"]
    wanted = x @ (layer.base_layer.weight + change).T + layer.base_layer.bias
    torch.testing.assert_close(layer(x), wanted)


def test_without_adapters_puts_everything_back_even_after_an_error() -> None:
    adapter = trained("sd3")
    wanted = says(adapter)
    with pytest.raises(RuntimeError), without_adapters(adapter):
        raise RuntimeError
    assert torch.equal(says(adapter), wanted)
    assert all(weight.requires_grad for weight in lora_weights(adapter))
    with without_adapters(adapter):
        loss = says_with_gradient(adapter)
        assert not loss.requires_grad


def says_with_gradient(adapter: PipelineAdapter) -> Tensor:
    latents = torch.zeros(1, *adapter.latent_shape(16, 16))
    return adapter.predict(latents, torch.ones(1), adapter.conditions(["one star"])).sum()


def test_merged_adapters_are_in_the_weights() -> None:
    adapter = trained("sdxl")
    wanted = says(adapter)
    merge_lora(adapter)
    assert not has_adapters(adapter)
    torch.testing.assert_close(says(adapter), wanted, atol=1e-4, rtol=0)


def test_loaded_adapters_may_learn_on(tmp_path: Path) -> None:
    save_lora(trained("wan"), tmp_path)
    adapter = fresh("wan")
    load_lora(adapter, tmp_path, trained=True)
    assert {n for n, w in adapter.denoiser.named_parameters() if w.requires_grad} == {
        n for n, _ in adapter.denoiser.named_parameters() if ".lora_" in n
    }
    save_lora(adapter, tmp_path / "again")
    told = json.loads((tmp_path / "again" / "adapter_config.json").read_text())
    assert (told["r"], told["lora_alpha"]) == (2, 6.0)


def test_a_model_in_halves_has_adapters_in_float32() -> None:
    adapter = fresh("sd3")
    adapter.pipeline.to(torch.bfloat16)
    add_lora(adapter, r=2)
    assert adapter.denoiser.dtype == torch.bfloat16
    assert {weight.dtype for weight in lora_weights(adapter)} == {torch.float32}
    says_with_gradient(adapter).backward()
    assert {w.grad.dtype for w in lora_weights(adapter) if w.grad is not None} == {torch.float32}


def test_files_of_plain_peft_are_read(tmp_path: Path) -> None:
    adapter = fresh("flux")
    model = peft.get_peft_model(
        adapter.denoiser,
        peft.LoraConfig(
            r=2, lora_alpha=3, target_modules=["attn.to_q", "proj_mlp"], init_lora_weights=False
        ),
    )
    wanted = says(adapter, model.base_model.model)
    model.save_pretrained(tmp_path)
    here = fresh("flux")
    load_lora(here, tmp_path)
    torch.testing.assert_close(says(here), wanted, atol=1e-5, rtol=0)


def test_the_old_names_of_diffusers_are_read(tmp_path: Path) -> None:
    adapter = trained("stable_diffusion")
    wanted = says(adapter)
    swapped = {
        f"unet.{name}".replace("lora_A", "lora.down").replace("lora_B", "lora.up"): tensor
        for name, tensor in lora_tensors(adapter).items()
    }
    # Without a config alpha is the rank: the factor goes into a matrix.
    swapped = {n: t * 3 if "lora.up" in n else t for n, t in swapped.items()}
    save_file(swapped, tmp_path / "pytorch_lora_weights.safetensors")
    here = fresh("stable_diffusion")
    load_lora(here, tmp_path / "pytorch_lora_weights.safetensors")
    torch.testing.assert_close(says(here), wanted, atol=1e-5, rtol=0)


def test_adapters_of_another_model_are_refused_by_name_and_shape(tmp_path: Path) -> None:
    save_lora(trained("sd3"), tmp_path / "sd3")
    with pytest.raises(InputError, match=r"FluxTransformer2DModel has no layer for \S+lora_A"):
        load_lora(fresh("flux"), tmp_path / "sd3")

    narrow = adapter_of(TinyPipeline.build("image", 0, width=24, layers=1, heads=2))
    add_lora(narrow, r=2)
    save_lora(narrow, tmp_path / "narrow")
    wide = adapter_of(TinyPipeline.build("image", 0, width=32, layers=1, heads=2))
    with pytest.raises(InputError, match=r"lora_A.weight is \[2, 24\] and its layer .*\[32, 32\]"):
        load_lora(wide, tmp_path / "narrow")
    assert not has_adapters(wide)

    with pytest.raises(InputError, match=r"diffusers cannot read it|has no layer|has .*only"):
        load_lora(fresh("stable_diffusion"), tmp_path / "sd3")


def test_adapters_of_a_text_encoder_are_refused(tmp_path: Path) -> None:
    save_lora(trained("stable_diffusion"), tmp_path)
    file = tmp_path / "pytorch_lora_weights.safetensors"
    name = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj.lora_A.weight"
    save_file({**load_file(file), name: torch.ones(2, 32)}, file)
    with pytest.raises(InputError, match=r"has text_encoder.*only adapters of the unet"):
        load_lora(fresh("stable_diffusion"), tmp_path)


def test_bad_folders_say_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no such folder"):
        load_lora(fresh("sd3"), tmp_path / "absent")
    with pytest.raises(
        InputError, match=r"no pytorch_lora_weights.safetensors and no adapter_model"
    ):
        load_lora(fresh("sd3"), tmp_path)
    (tmp_path / "pytorch_lora_weights.safetensors").write_bytes(b"junk")
    with pytest.raises(InputError, match=r"diffusers cannot read it"):
        load_lora(fresh("sd3"), tmp_path)


def test_adapters_are_there_once() -> None:
    adapter = trained("sd3")
    with pytest.raises(InputError, match=r"has adapters already"):
        add_lora(adapter)
    with pytest.raises(InputError, match=r"no layer has them"):
        add_lora(fresh("sd3"), targets=["no_such_layer"])
    assert isinstance(adapter.pipeline, diffusers.StableDiffusion3Pipeline)
