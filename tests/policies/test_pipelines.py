"""What the adapters say of their pipelines."""

from __future__ import annotations

import copy
import dataclasses
from types import SimpleNamespace
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor, nn

from tests.policies.pipelines import CHANNELS, MAKERS, flux, made, shared, stable_diffusion, wan
from unireward.errors import InputError
from unireward.policies.noise import FlowPath
from unireward.policies.pipelines import ADAPTERS, adapter_class, adapter_of
from unireward.policies.pipelines.base import PipelineAdapter, joined, rows_of
from unireward.policies.pipelines.latents import packed, unpacked
from unireward.policies.pipelines.schedules import path_of, resolution_shift

PROMPTS = ["two red circles", "one large striped blue star"]
PICTURES = [f for f in MAKERS if f not in ("wan", "ltx")]


def adapter(family: str) -> PipelineAdapter:
    return adapter_of(shared(family))


def latents_of(one: PipelineAdapter, rows: int = 2) -> Tensor:
    frames = 1 if one.task == "image_generation" else 9
    shape = one.latent_shape(32, 32, frames)
    return torch.randn(rows, *shape, generator=torch.manual_seed(4))


@pytest.mark.parametrize("family", MAKERS)
def test_pixels_go_to_latents_by_the_vae_and_its_scale(family: str) -> None:
    one = adapter(family)
    shape = (2, 3, 32, 32) if one.task == "image_generation" else (2, 9, 3, 32, 32)
    pixels = torch.rand(shape, generator=torch.manual_seed(5))
    latents = one.encode(pixels)
    assert latents.shape == latents_of(one).shape

    vae, like = one.pipeline.vae, 2 * pixels - 1
    if family == "qwen_image":
        like = like[:, :, None]
    elif one.task == "video_generation":
        like = like.transpose(1, 2)
    with torch.no_grad():
        z = vae.encode(like).latent_dist.mode()
    if family == "qwen_image":
        z = z[:, :, 0]
    if family in ("sd3", "flux", "z_image"):
        wanted = (z - 0.06) * 1.5
    elif family in ("stable_diffusion", "sdxl"):
        wanted = z * 1.5
    else:
        mean = torch.tensor([0.1, -0.2, 0.3, 0.0]).view(1, CHANNELS, *[1] * (z.ndim - 2))
        deviation = torch.tensor([1.5, 0.8, 1.0, 2.0]).view(mean.shape)
        wanted = (z - mean) / deviation * (1.3 if family == "ltx" else 1.0)
    torch.testing.assert_close(latents, wanted, atol=1e-5, rtol=1e-5)
    # Decoding undoes the scale (that decode is the pipeline's own is tested with the sampler).
    assert one.decode(latents).shape == pixels.shape


@pytest.mark.parametrize("family", MAKERS)
def test_rows_do_not_see_each_other_nor_their_padding(family: str) -> None:
    one = adapter(family)
    latents, times = latents_of(one), one.path.times(torch.tensor([0.2, 0.8]))
    together = one.conditions(PROMPTS)
    apart = joined([one.conditions([prompt]) for prompt in PROMPTS])
    with torch.no_grad():
        wanted = one.predict(latents, times, together)
        torch.testing.assert_close(one.predict(latents, times, apart), wanted, atol=1e-5, rtol=0)
        alone = one.predict(latents[1:], times[1:], one.conditions(PROMPTS[1:]))
        first = one.predict(latents[:1], times[:1], one.conditions(PROMPTS[:1]))
        swapped = one.predict(latents.flip(0), times.flip(0), rows_of(together, [1, 0]))
    torch.testing.assert_close(alone, wanted[1:], atol=1e-5, rtol=0)
    torch.testing.assert_close(first, wanted[:1], atol=1e-5, rtol=0)
    torch.testing.assert_close(swapped.flip(0), wanted, atol=1e-5, rtol=0)
    assert wanted.shape == latents.shape


@pytest.mark.parametrize("family", MAKERS)
def test_time_and_caption_are_heard(family: str) -> None:
    one = adapter(family)
    latents, conditions = latents_of(one), one.conditions(PROMPTS)
    times = one.path.times(torch.tensor([0.5, 0.5]))
    with torch.no_grad():
        wanted = one.predict(latents, times, conditions)
        other_time = one.predict(latents, one.path.times(torch.tensor([0.9, 0.9])), conditions)
        other_caption = one.predict(latents, times, rows_of(conditions, [1, 0]))
    assert (wanted - other_time).abs().max() > 1e-4
    assert (wanted - other_caption).abs().max() > 1e-4


@pytest.mark.parametrize("family", MAKERS)
def test_halves_run_and_come_back_as_float32(family: str) -> None:
    one = adapter_of(copy.deepcopy(shared(family)))
    latents, times = latents_of(one), one.path.times(torch.tensor([0.3, 0.7]))
    with torch.no_grad():
        wanted = one.predict(latents, times, one.conditions(PROMPTS))
        one.denoiser.to(torch.bfloat16)
        found = one.predict(latents, times, one.conditions(PROMPTS))
    assert found.dtype == torch.float32
    assert (found - wanted).abs().mean() < 0.1 * wanted.abs().mean()


@pytest.mark.parametrize("family", MAKERS)
def test_only_the_denoiser_learns(family: str) -> None:
    one = adapter_of(made(MAKERS[family]))
    assert set(one.trained()) == {"denoiser"}
    assert one.trained()["denoiser"] is one.denoiser
    assert {"vae", "text_encoder"} <= set(one.frozen())
    learning = {
        name
        for name, part in one.pipeline.components.items()
        if isinstance(part, nn.Module) and any(p.requires_grad for p in part.parameters())
    }
    assert learning == {one.denoiser_name}
    assert not one.conditions(PROMPTS)["prompt_embeds"].requires_grad


@pytest.mark.parametrize("family", MAKERS)
def test_the_familys_defaults_are_the_pipelines(family: str) -> None:
    """Read off the signature of its call; sizes where it has any."""
    import inspect

    one = adapter(family)
    call = inspect.signature(type(one.pipeline).__call__).parameters
    told = one.defaults
    scale = "true_cfg_scale" if family == "qwen_image" else "guidance_scale"
    assert told.steps == call["num_inference_steps"].default
    assert told.guidance_scale == call[scale].default
    if one.task == "video_generation":
        given = (told.height, told.width, told.frames)
        assert given == tuple(call[k].default for k in ("height", "width", "num_frames"))
    if family == "ltx":
        assert told.fps == call["frame_rate"].default


def test_the_denoiser_may_be_wrapped() -> None:
    one = adapter_of(made(MAKERS["sd3"]))

    class Doubled(nn.Module):
        def __init__(self, inner: Any) -> None:
            super().__init__()
            self.inner, self.config = inner, inner.config
            self.dtype, self.device = inner.dtype, inner.device

        def forward(self, **inputs: Any) -> Any:
            return (2 * self.inner(**inputs)[0],)

    latents, times = latents_of(one), torch.tensor([0.2, 0.9])
    with torch.no_grad():
        wanted = one.predict(latents, times, one.conditions(PROMPTS))
        one.denoiser = Doubled(one.denoiser)
        assert torch.equal(one.predict(latents, times, one.conditions(PROMPTS)), 2 * wanted)


def test_embedded_guidance_is_told_and_else_ignored() -> None:
    dev, sd3 = adapter("flux"), adapter("sd3")
    for one, heard in ((dev, True), (sd3, False)):
        latents, times = latents_of(one), torch.tensor([0.5, 0.5])
        conditions = one.conditions(PROMPTS)
        with torch.no_grad():
            low = one.predict(latents, times, conditions, guidance=1.0)
            high = one.predict(latents, times, conditions, guidance=8.0)
        assert torch.equal(low, high) is not heard
    assert dev.guidance == "embedded"
    assert adapter_of(made(lambda: flux(guidance=False))).guidance == "none"


def test_sdxl_zeroes_what_no_caption_says_where_its_config_has_it_so() -> None:
    one = adapter("sdxl")
    found = one.conditions(["", "one star"])
    assert not found["prompt_embeds"][0].any()
    assert not found["pooled"][0].any()
    assert found["prompt_embeds"][1].any()
    own = adapter_of(made(MAKERS["sdxl"]))
    own.pipeline.register_to_config(force_zeros_for_empty_prompt=False)
    assert own.conditions([""])["prompt_embeds"].any()


def test_a_time_for_each_token_is_the_same_time() -> None:
    one = adapter_of(made(wan))
    latents, times = latents_of(one), torch.tensor([0.3, 0.6])
    with torch.no_grad():
        wanted = one.predict(latents, times, one.conditions(PROMPTS))
        one.pipeline.register_to_config(expand_timesteps=True)
        found = one.predict(latents, times, one.conditions(PROMPTS))
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


def test_ltx_hears_the_rate_of_frames() -> None:
    one = adapter_of(made(MAKERS["ltx"]))
    latents, times = latents_of(one), torch.tensor([0.3, 0.6])
    with torch.no_grad():
        wanted = one.predict(latents, times, one.conditions(PROMPTS))
        one.fps = 5.0
        assert not torch.equal(one.predict(latents, times, one.conditions(PROMPTS)), wanted)


def test_two_transformers_are_refused() -> None:
    pipeline = made(wan)
    pipeline.register_modules(transformer_2=pipeline.transformer)
    with pytest.raises(InputError, match=r"transformer_2 is there.*Wan 2.2 A14B.*use Wan 2.1"):
        adapter_of(pipeline)


def test_sizes_that_cannot_be_made_name_the_nearest() -> None:
    with pytest.raises(InputError, match=r"height: 33 is not a multiple of 4; set it to 32"):
        adapter("sd3").latent_shape(33, 32)
    with pytest.raises(InputError, match=r"width: 1 is not a multiple of 4; set it to 4"):
        adapter("flux").latent_shape(32, 1)
    with pytest.raises(InputError, match=r"knows places up to 64"):
        adapter("sd3").latent_shape(32, 128)
    with pytest.raises(InputError, match=r"frames: 8 is not 1 more than a multiple of 4.*to 9"):
        adapter("wan").latent_shape(32, 32, 8)
    with pytest.raises(InputError, match=r"frames: 5, but StableDiffusionXLPipeline makes pict"):
        adapter("sdxl").latent_shape(32, 32, 5)


def test_paths_are_those_that_the_scheduler_was_trained_with() -> None:
    assert adapter("sd3").path == FlowPath(shift=3.0)
    # A shift by resolution is of sampling.
    assert adapter("flux").path == FlowPath(shift=1.0)
    changed = dataclasses.replace(adapter("sd3").path, logit_normal=(0.0, 1.0))  # pyright: ignore
    assert changed.times(torch.tensor([0.5])).item() == pytest.approx(0.75)
    heun = SimpleNamespace(config=diffusers.CMStochasticIterativeScheduler().config)
    with pytest.raises(InputError, match=r"scheduler_config.json.*prediction_type None is unknown"):
        path_of(heun)


def test_the_shift_by_resolution_lies_on_its_line() -> None:
    config = {"base_image_seq_len": 256, "max_image_seq_len": 4096, "base_shift": 0.5}
    assert resolution_shift(config, 256) == pytest.approx(0.5)
    assert resolution_shift(config, 4096) == pytest.approx(1.15)
    assert resolution_shift(config, 2176) == pytest.approx(0.825)


def test_an_unknown_class_lists_the_known() -> None:
    with pytest.raises(InputError, match=r"'KandinskyPipeline' is not supported; use one of Flux"):
        adapter_class("KandinskyPipeline", "model_index.json")
    for name in ADAPTERS:
        assert adapter_class(name, "here").pipeline_class == name


def test_tokens_of_two_by_two_places_and_back() -> None:
    latents = torch.arange(2 * 3 * 4 * 6.0).reshape(2, 3, 4, 6)
    tokens = packed(latents)
    theirs = diffusers.FluxPipeline._pack_latents(latents, 2, 3, 4, 6)
    assert torch.equal(tokens, theirs)
    assert torch.equal(unpacked(tokens, latents), latents)


def test_what_the_safety_checker_refuses_is_said() -> None:
    pipeline = made(stable_diffusion)
    one = adapter_of(pipeline)
    pixels = torch.rand(2, 3, 16, 16)
    assert one.flagged(pixels) == [False, False]
    seen: list[Tensor] = []

    def check(image: Tensor, device: Any, dtype: Any) -> tuple[Tensor, list[bool]]:
        seen.append(image)
        return image, [False, True]

    # The real one takes the weights of a CLIP; what is given to it and read of it is this.
    pipeline.register_modules(safety_checker=nn.Identity())
    pipeline.run_safety_checker = check
    assert one.flagged(pixels) == [False, True]
    torch.testing.assert_close(seen[0], 2 * pixels - 1)
