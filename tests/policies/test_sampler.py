"""What is sampled here is what each pipeline's own call gives."""

from __future__ import annotations

from itertools import product
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from torch import Tensor

from tests.policies.pipelines import BETAS, MAKERS, flux, made, shared, stable_diffusion, wan
from unireward.errors import InputError
from unireward.policies.pipelines import adapter_of
from unireward.policies.pipelines.base import PipelineAdapter
from unireward.policies.pipelines.latents import packed, unpacked
from unireward.policies.sampler import check_guidance, denoised, is_guided_twice, start_noise

PROMPTS = ["two red circles", "one large striped blue star"]
SEEDS = [7, 2**31 - 1]
STEPS = 3


def size_of(adapter: PipelineAdapter) -> dict[str, int]:
    size = {"height": 32, "width": 64}
    return size if adapter.task == "image_generation" else {**size, "frames": 9}


def ours(
    adapter: PipelineAdapter, scale: float, rows: slice = slice(None), steps: int = STEPS
) -> Tensor:
    prompts, seeds = PROMPTS[rows], SEEDS[rows]
    with torch.no_grad():
        return denoised(
            adapter,
            start_noise(adapter.latent_shape(**size_of(adapter)), seeds),
            adapter.conditions(prompts),
            steps=steps,
            guidance_scale=scale,
            unconditional=adapter.conditions([""]),
        )


def theirs(adapter: PipelineAdapter, scale: float, output: str, steps: int = STEPS) -> Any:
    """The pipeline's own call, from the same noise laid out as it wants it. (Z-Image's writes
    into the list of prompts.)"""
    pipeline, size = adapter.pipeline, size_of(adapter)
    noise = start_noise(adapter.latent_shape(**size), SEEDS)
    options: dict[str, Any] = {"height": 32, "width": 64, "guidance_scale": scale}
    if adapter.task == "video_generation":
        options["num_frames"] = size["frames"]
    if adapter.pipeline_class in ("FluxPipeline", "QwenImagePipeline"):
        noise = packed(noise)
    if adapter.pipeline_class == "LTXPipeline":
        noise = pipeline._pack_latents(noise)
    if adapter.pipeline_class == "QwenImagePipeline":
        options["true_cfg_scale"] = options.pop("guidance_scale")
        options["negative_prompt"] = ["", ""]
    return pipeline(
        list(PROMPTS), latents=noise, num_inference_steps=steps, output_type=output, **options
    )[0]


def unpacked_like(adapter: PipelineAdapter, found: Tensor, like: Tensor) -> Tensor:
    if adapter.pipeline_class == "LTXPipeline":
        return adapter.pipeline._unpack_latents(found, *like.shape[2:])
    return unpacked(found, like) if found.ndim == 3 else found


@pytest.mark.parametrize(
    ("family", "scale"), [*product(MAKERS, (1.0, 3.0)), ("sdxl", 0.0), ("z_image", 0.0)]
)
def test_latents_are_those_of_the_pipelines_own_call(family: str, scale: float) -> None:
    adapter = adapter_of(shared(family))
    found = ours(adapter, scale)
    wanted = unpacked_like(adapter, theirs(adapter, scale, "latent"), found)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


@pytest.mark.parametrize("family", MAKERS)
def test_pixels_are_those_of_the_pipelines_own_call(family: str) -> None:
    adapter = adapter_of(shared(family))
    with torch.no_grad():
        found = adapter.decode(ours(adapter, 3.0))
    wanted = np.stack(list(theirs(adapter, 3.0, "np")))
    assert found.shape[-3:] == (3, 32, 64)
    assert np.abs(found.movedim(-3, -1).clamp(0, 1).numpy() - wanted).max() < 1e-4


@pytest.mark.parametrize("family", MAKERS)
def test_caption_guidance_and_seed_all_matter(family: str) -> None:
    """Else the equalities above would hold of a model that ignores what it is told."""
    adapter = adapter_of(shared(family))
    plain, guided = ours(adapter, adapter.unguided), ours(adapter, 3.0)
    assert (plain - guided).abs().max() > 1e-3
    shape = plain.shape[1:]
    same = start_noise(shape, [7, 7])
    with torch.no_grad():
        two = denoised(adapter, same, adapter.conditions(PROMPTS), steps=STEPS)
    assert (two[0] - two[1]).abs().max() > 1e-3
    assert (plain[0] - plain[1]).abs().max() > 0.1


@pytest.mark.parametrize("family", MAKERS)
def test_a_sample_does_not_depend_on_the_others(family: str) -> None:
    adapter = adapter_of(shared(family))
    together = ours(adapter, 3.0)
    for k in range(2):
        alone = ours(adapter, 3.0, slice(k, k + 1))
        torch.testing.assert_close(alone[0], together[k], atol=1e-4, rtol=0)


def test_noise_is_each_seeds_own() -> None:
    noise = start_noise((2, 3), [5, 6])
    assert torch.equal(noise[1], start_noise((2, 3), [6])[0])
    assert torch.equal(noise[0], torch.randn(2, 3, generator=torch.Generator().manual_seed(5)))


@pytest.mark.parametrize(
    "more",
    [
        {"predicted": "v_prediction"},
        {
            "predicted": "v_prediction",
            "rescale_betas_zero_snr": True,
            "timestep_spacing": "trailing",
        },
    ],
    ids=["v", "v, no signal at the start"],
)
def test_v_prediction_is_ddim_with_v(more: dict[str, Any]) -> None:
    adapter = adapter_of(made(lambda: stable_diffusion(**more)))
    assert adapter.path.kind == "v"
    # DDIM's scheduler looks one step beside its own times where they do not divide.
    found, wanted = ours(adapter, 3.0, steps=4), theirs(adapter, 3.0, "latent", steps=4)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)


def test_other_solvers_keep_their_times() -> None:
    solver = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0
    )
    adapter = adapter_of(made(lambda: wan(solver)))
    assert adapter.path.kind == "flow"
    assert adapter.path.times(torch.tensor([0.5])).item() == pytest.approx(0.75)  # 3/2 / (1+2/2)
    times = adapter.schedule(5, (4, 3, 4, 4))
    solver.set_timesteps(5)
    assert times.tolist() == pytest.approx(solver.sigmas.tolist())
    assert torch.isfinite(ours(adapter, 1.0)).all()

    chain = adapter_of(made(stable_diffusion))
    chain.pipeline.scheduler = diffusers.PNDMScheduler(**BETAS, steps_offset=1)
    assert chain.schedule(4, (4, 16, 16)).tolist() == [751, 501, 251, 1, -1]


def test_sampling_leaves_the_pipelines_scheduler_as_it_is() -> None:
    adapter = adapter_of(shared("flux"))
    before = adapter.pipeline.scheduler.sigmas.clone()
    adapter.schedule(3, (4, 16, 16))
    assert torch.equal(adapter.pipeline.scheduler.sigmas, before)


def test_a_second_pass_is_made_only_where_it_counts() -> None:
    sd3, dev, z = (adapter_of(shared(family)) for family in ("sd3", "flux", "z_image"))
    assert [is_guided_twice(sd3, scale) for scale in (0.0, 1.0, 1.5)] == [False, False, True]
    assert not is_guided_twice(dev, 3.5)
    assert [is_guided_twice(z, scale) for scale in (0.0, 0.5)] == [False, True]


def test_a_distilled_model_refuses_guidance() -> None:
    schnell = adapter_of(made(lambda: flux(guidance=False)))
    check_guidance(schnell, 1.0)
    with pytest.raises(InputError, match="guidance_scale: 2, but this FluxPipeline was distilled"):
        check_guidance(schnell, 2.0)
    torch.testing.assert_close(
        ours(schnell, 1.0),
        unpacked(theirs(schnell, 1.0, "latent"), ours(schnell, 1.0)),
        atol=1e-4,
        rtol=0,
    )


def test_gradients_reach_the_denoiser_through_all_steps() -> None:
    adapter = adapter_of(made(MAKERS["sd3"]))
    noise = start_noise(adapter.latent_shape(16, 16), [1])
    latents = denoised(adapter, noise, adapter.conditions(["one star"]), steps=2)
    adapter.decode(latents).mean().backward()
    weight = adapter.denoiser.transformer_blocks[0].attn.to_q.weight
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0
