"""The tiny generators: their words, their layout, their start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from tests.policies.pipelines import stirred
from unireward.errors import InputError
from unireward.policies.noise import FlowPath
from unireward.policies.pipelines import adapter_of
from unireward.policies.pipelines.tiny import Kind, TinyPipeline
from unireward.policies.pipelines.words import Words
from unireward.world import VOCABULARY, iter_items

KINDS: tuple[Kind, ...] = ("image", "video")


def built(kind: Kind, seed: int = 0) -> TinyPipeline:
    return TinyPipeline.build(kind, seed, width=24, layers=1, heads=2, size=16)


# Words ------------------------------------------------------------------------------------------


def test_every_caption_of_the_world_is_read() -> None:
    words = Words.of_world(width=8, max_words=16)
    for task in ("image_generation", "video_generation"):
        for item in iter_items(task, 60, seed=3):
            assert words.refusal(item.record.text) is None
    assert set(words.row_of) == set(VOCABULARY)


def test_singular_and_plural_share_a_row_and_nothing_else_does() -> None:
    row = Words.of_world(width=8).row_of
    assert row["circle"] == row["circles"]
    assert row["cross"] == row["crosses"]
    pairs = [(a, b) for a in row for b in row if a < b and row[a] == row[b]]
    assert {(a, b) for a, b in pairs if b not in (f"{a}s", f"{a}es")} == set()
    assert len(pairs) == 8  # six shapes, thing, digit
    assert min(row.values()) == 2


def test_padding_no_caption_and_place() -> None:
    words = Words.of_world(width=8, max_words=4)
    ids = words.rows(["two red circles", "", "Two RED circle"])
    assert ids[0].tolist() == [*(words.row_of[w] for w in ("two", "red", "circle")), 0]
    assert ids[1].tolist() == [1, 1, 1, 1]
    assert torch.equal(ids[0], ids[2])
    embeds, pooled = words(["red circle", "circle red", ""])
    assert embeds.shape == (3, 4, 8)
    wanted = words.table.weight[[words.row_of["red"], words.row_of["circle"]]].mean(0)
    torch.testing.assert_close(pooled[0], wanted)
    torch.testing.assert_close(pooled[2], words.table.weight[1])
    assert not torch.equal(embeds[0], embeds[1])


def test_unknown_and_too_many_words_are_refused() -> None:
    words = Words.of_world(width=8, max_words=3)
    with pytest.raises(InputError, match=r"caption 'one dragon': the word 'dragon' is not in"):
        words(["one star", "one dragon"])
    with pytest.raises(InputError, match=r"4 words, and it reads 3"):
        words(["one small red star"])


# Pipelines --------------------------------------------------------------------------------------


def test_the_designed_size() -> None:
    """Width 96, 3 layers, patch 4: about a million parameters, and a clip's."""
    sizes = {}
    for kind in KINDS:
        pipeline = TinyPipeline.build(kind, 0)
        adapter = adapter_of(pipeline)
        told = adapter.defaults
        sizes[kind] = (
            round(sum(w.numel() for w in pipeline.transformer.parameters()) / 1e6, 2),
            adapter.latent_shape(told.height, told.width, told.frames),
        )
    assert sizes == {"image": (0.97, (3, 32, 32)), "video": (0.56, (3, 8, 32, 32))}
    assert isinstance(TinyPipeline.build("image", 0).transformer, diffusers.SD3Transformer2DModel)


@pytest.mark.parametrize("kind", KINDS)
def test_saved_in_diffusers_own_layout_and_loaded_the_same(kind: Kind, tmp_path: Path) -> None:
    pipeline = stirred(built(kind))
    adapter_of(pipeline).save(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["_class_name"] == "TinyPipeline"
    parts = {file.parent.name for file in tmp_path.rglob("*.safetensors")}
    assert parts == {"transformer", "words"}
    # Each part is one that plain diffusers loads by itself.
    plain = type(pipeline.transformer).from_pretrained(tmp_path / "transformer")
    diffusers.FlowMatchEulerDiscreteScheduler.from_pretrained(tmp_path / "scheduler")
    for name, tensor in pipeline.transformer.state_dict().items():
        assert torch.equal(plain.state_dict()[name], tensor), name

    again = adapter_of(TinyPipeline.from_pretrained(tmp_path))
    first = adapter_of(pipeline)
    assert again.defaults == first.defaults
    shape = again.latent_shape(16, 16, again.defaults.frames)
    latents, times = torch.randn(1, *shape), torch.tensor([0.4])
    caption = ["two red circles"]
    with torch.no_grad():
        wanted = first.predict(latents, times, first.conditions(caption))
        found = again.predict(latents, times, again.conditions(caption))
    # Weights that lie otherwise in memory may be summed in another order.
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_of_the_seed_alone(kind: Kind) -> None:
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = built(kind)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    for part in ("transformer", "words"):
        a, b, c = (getattr(p, part).state_dict() for p in (first, built(kind), built(kind, 1)))
        assert all(torch.equal(a[name], b[name]) for name in a)
        assert any(not torch.equal(a[name], c[name]) for name in a)


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_are_their_own_latents(kind: Kind) -> None:
    adapter = adapter_of(built(kind))
    shape = (2, 3, 16, 16) if kind == "image" else (2, 8, 3, 16, 16)
    pixels = torch.rand(shape)
    latents = adapter.encode(pixels)
    assert latents.shape[1:] == adapter.latent_shape(16, 16, adapter.defaults.frames)
    assert latents.min() < -0.9
    assert latents.max() > 0.9
    torch.testing.assert_close(adapter.decode(latents), pixels)


def small_vae() -> Any:
    """4 channels, half the size, latents neither centred nor of variance 1."""
    torch.manual_seed(0)
    return diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
        block_out_channels=(8, 8), latent_channels=4, norm_num_groups=4, sample_size=16,
        latents_mean=(0.1, -0.2, 0.3, 0.0), latents_std=(0.5, 1.0, 2.0, 0.25), scaling_factor=1.0,
    )  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_latents_of_a_vae_frame_by_frame(kind: Kind, tmp_path: Path) -> None:
    vae = small_vae()
    pipeline = stirred(TinyPipeline.build(kind, 0, vae=vae, width=24, layers=1, heads=2, size=16))
    adapter_of(pipeline).save(tmp_path)
    adapter = adapter_of(TinyPipeline.from_pretrained(tmp_path))
    assert adapter.frozen().keys() == {"vae"}
    assert not any(weight.requires_grad for weight in adapter.frozen()["vae"].parameters())
    assert adapter.trained().keys() == {"denoiser", "words"}
    shape = adapter.latent_shape(16, 16, adapter.defaults.frames)
    assert shape == ((4, 8, 8) if kind == "image" else (4, 8, 8, 8))
    with pytest.raises(InputError, match=r"height: 15 is not a multiple of 2"):
        adapter.latent_shape(15, 16, adapter.defaults.frames)

    pixels = torch.rand(2, 3, 16, 16) if kind == "image" else torch.rand(2, 8, 3, 16, 16)
    latents = adapter.encode(pixels)
    assert latents.shape[1:] == shape
    frame = pixels if kind == "image" else pixels[:, 5]
    with torch.no_grad():
        z = vae.encode(2 * frame - 1).latent_dist.mode()
        back = (vae.decode(z).sample + 1) / 2
        found = adapter.decode(latents)
    mean, deviation = (
        torch.tensor(vae.config[name])[:, None, None] for name in ("latents_mean", "latents_std")
    )
    wanted = (z - mean) / deviation
    torch.testing.assert_close(latents if kind == "image" else latents[:, :, 5], wanted)
    assert found.shape == pixels.shape
    torch.testing.assert_close(found if kind == "image" else found[:, 5], back)


@pytest.mark.parametrize("kind", KINDS)
def test_words_and_transformer_both_learn(kind: Kind) -> None:
    adapter = adapter_of(stirred(built(kind)))
    assert set(adapter.trained()) == {"denoiser", "words"}
    assert adapter.frozen() == {}
    latents = torch.randn(2, *adapter.latent_shape(16, 16, adapter.defaults.frames))
    times = adapter.path.times(torch.tensor([0.3, 0.8]))
    loss = adapter.predict(latents, times, adapter.conditions(["one star", ""])).square().mean()
    loss.backward()
    table = adapter.pipeline.words.table.weight.grad
    learnt = {int(row) for row in table.abs().sum(1).nonzero()}
    row = adapter.pipeline.words.row_of
    assert learnt == {0, 1, row["one"], row["star"]}  # 0: padding is seen too
    for name, weight in adapter.denoiser.named_parameters():
        assert weight.grad is not None, name


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_one_says_nothing_and_its_blocks_do_nothing(kind: Kind) -> None:
    """adaLN-Zero: all zeros are the modulation's and the output's."""
    adapter = adapter_of(built(kind))
    latents = torch.randn(1, *adapter.latent_shape(16, 16, adapter.defaults.frames))
    with torch.no_grad():
        found = adapter.predict(latents, torch.tensor([0.4]), adapter.conditions(["one star"]))
    assert not found.any()
    zeros = {
        n for n, w in adapter.denoiser.named_parameters() if n.endswith("weight") and not w.any()
    }
    assert zeros == (
        {
            "transformer_blocks.0.norm1.linear.weight",
            "transformer_blocks.0.norm1_context.linear.weight",
            "norm_out.linear.weight",
            "proj_out.weight",
        }
        if kind == "image"
        else {"condition_embedder.time_proj.weight", "proj_out.weight"}
    )


def test_a_denoiser_learns_from_one_picture() -> None:
    """A few steps of Adam on one noise and time: the start is one that learns."""
    for kind in KINDS:
        adapter = adapter_of(built(kind))
        frames = adapter.defaults.frames
        clean = torch.rand(1, *adapter.latent_shape(16, 16, frames))
        noise, times = torch.randn(clean.shape, generator=torch.manual_seed(0)), torch.tensor([0.5])
        noisy, target = adapter.path.noisy(clean, noise, times), noise - clean
        weights = [w for part in adapter.trained().values() for w in part.parameters()]
        optimiser = torch.optim.Adam(weights, lr=3e-3)
        losses = []
        for _ in range(60):
            predicted = adapter.predict(noisy, times, adapter.conditions(["one star"]))
            loss = (predicted - target).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item())
        assert losses[-1] < 0.5 * losses[0]


def test_how_it_is_sampled_lies_in_the_files(tmp_path: Path) -> None:
    pipeline = TinyPipeline.build(
        "image", 0, width=24, layers=1, heads=2, size=16, steps=8, guidance_scale=1.5, shift=2.0
    )
    pipeline.save_pretrained(tmp_path)
    adapter = adapter_of(TinyPipeline.from_pretrained(tmp_path))
    assert (adapter.defaults.steps, adapter.defaults.guidance_scale) == (8, 1.5)
    assert adapter.path == FlowPath(shift=2.0)
    wanted = [2 * s / (1 + s) for s in (1.0, 0.75, 0.5, 0.25, 0.0)]
    assert adapter.schedule(4, (3, 16, 16)).tolist() == pytest.approx(wanted)


def test_sizes_are_those_it_was_made_for() -> None:
    adapter = adapter_of(built("image"))
    assert adapter.latent_shape(12, 16) == (3, 12, 16)
    with pytest.raises(InputError, match=r"32 x 16, but this model draws up to 16"):
        adapter.latent_shape(32, 16)
    with pytest.raises(InputError, match=r"size: 30 is not a multiple of 4; set it to 32"):
        TinyPipeline.build("image", 0, size=30)
