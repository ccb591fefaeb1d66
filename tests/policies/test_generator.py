"""Generators as policies: what is sampled, what is left out, what is loaded."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from torch import Tensor

from tests.policies.pipelines import MAKERS, flux, made, stirred
from unireward.errors import InputError, UsageError
from unireward.files import read_records, write_records
from unireward.media import Image, Video
from unireward.policies.generator import Drawing, Generator, load_generator
from unireward.policies.lora import add_lora, save_lora
from unireward.policies.pipelines import adapter_of
from unireward.policies.pipelines.loading import load_adapter
from unireward.policies.pipelines.tiny import TinyPipeline
from unireward.policies.seeds import seed_of
from unireward.prompt import Prompt
from unireward.protocols import Policy
from unireward.record import Part

SMALL: dict[str, Any] = {"width": 24, "layers": 1, "heads": 2, "size": 16, "steps": 2}


def prompt(words: str, task: str = "image_generation", name: str = "p") -> Prompt:
    return Prompt(id=name, task=task, prompt=(Part.of_text(words),))


def generator(kind: str = "image", **options: Any) -> Generator:
    pipeline = stirred(TinyPipeline.build(kind, 0, **SMALL))  # pyright: ignore
    return Generator(adapter_of(pipeline), Drawing(**options))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("drawn") / "t2i"
    stirred(TinyPipeline.build("image", 0, **SMALL)).save_pretrained(path)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))


PROMPTS = [prompt("two red circles", name="p1"), prompt("one blue star", name="p2")]


def arrays(sampled: Any) -> list[np.ndarray]:
    return [np.asarray(c.content[0].load().load()) for c in sampled.candidates]


def test_candidates_are_pictures_from_seeds_of_their_own() -> None:
    policy = generator()
    assert isinstance(policy, Policy)
    found = policy.sample(PROMPTS, n=3, seed=5)
    assert [one.prompt.id for one in found] == ["p1", "p2"]
    assert [c.id for c in found[0].candidates] == ["a", "b", "c"]
    assert found[1].seeds == {name: seed_of(5, "p2", k) for k, name in enumerate("abc")}
    assert found[0].settings == {
        "steps": 2, "guidance_scale": 2.5, "height": 16, "width": 16
    }  # fmt: skip
    pictures = arrays(found[0]) + arrays(found[1])
    assert {picture.shape for picture in pictures} == {(16, 16, 3)}
    for k, one in enumerate(pictures):
        assert not any(np.array_equal(one, other) for other in pictures[:k])
    record = found[0].record()
    assert record.meta["sampled"]["settings"]["steps"] == 2
    assert record.task == "image_generation"


def test_a_candidate_depends_on_its_own_prompt_seed_and_index_alone() -> None:
    """Whatever else is asked for, and however it is cut into batches."""
    wanted = generator(batch=64).sample(PROMPTS, n=3, seed=5)
    for others, batch in (([PROMPTS[1]], 64), (PROMPTS[::-1], 1), (PROMPTS, 2)):
        found = {one.prompt.id: one for one in generator(batch=batch).sample(others, n=2, seed=5)}
        for one in wanted:
            if one.prompt.id in found:
                for a, b in zip(arrays(one), arrays(found[one.prompt.id])):
                    # Rounding in a batch of another size may move a value over one half.
                    assert np.abs(a.astype(int) - b).max() <= 1
    other = generator().sample(PROMPTS, n=1, seed=6)
    assert not np.array_equal(arrays(other[0])[0], arrays(wanted[0])[0])


def test_pixels_become_eight_bits_by_rounding() -> None:
    policy = generator()
    own = seed_of(5, "p1", 0)
    with torch.no_grad():
        pixels = policy.pixels(["two red circles"], [own])[0]
    wanted = np.rint(pixels.clamp(0, 1).permute(1, 2, 0).numpy() * 255)
    found = arrays(policy.sample(PROMPTS[:1], n=1, seed=5)[0])[0]
    np.testing.assert_array_equal(found, wanted)


def test_clips_have_their_rate_and_frames() -> None:
    policy = generator("video")
    found = policy.sample([prompt("one red star", "video_generation")], n=1, seed=0)[0]
    assert found.settings["frames"] == 8
    (part,) = found.candidates[0].content
    clip = part.load()
    assert isinstance(clip, Video)
    assert (clip.info().frames, clip.info().fps, clip.info().width) == (8, 8.0, 16)


@pytest.mark.parametrize("family", ["sd3", "wan"])
def test_pipelines_with_a_vae_are_policies_too(family: str) -> None:
    adapter = adapter_of(made(MAKERS[family]))
    sizes = {"height": 16, "width": 16} | ({"frames": 5} if family == "wan" else {})
    policy = Generator(adapter, Drawing(steps=2, **sizes))  # pyright: ignore
    task = adapter.task
    found = policy.sample([prompt("two red circles", task)], n=2, seed=0)[0]
    assert not found.left_out
    assert {type(c.content[0].load()) for c in found.candidates} == {
        Video if family == "wan" else Image
    }


def spoilt(policy: Generator, change: Any) -> Generator:
    """``policy`` with a decoder that spoils what it decodes."""
    decode = policy.adapter.decode

    def spoil(latents: Tensor) -> Tensor:
        pixels = decode(latents).clone()
        change(pixels)
        return pixels

    policy.adapter.decode = spoil
    return policy


def test_what_is_not_finite_or_black_is_left_out_with_its_reason() -> None:
    def change(pixels: Tensor) -> None:
        pixels[0, 0, 3, 3] = float("nan")
        pixels[2] = 0

    found = spoilt(generator(), change).sample(PROMPTS[:1], n=4, seed=0)[0]
    assert found.left_out == {"a": "not finite", "c": "black"}
    assert [c.id for c in found.candidates] == ["b", "d"]
    assert set(found.seeds) == {"a", "b", "c", "d"}
    record = found.record()
    assert record.meta["sampled"]["left_out"] == {"a": "not finite", "c": "black"}


def test_weights_that_are_not_finite_leave_everything_out() -> None:
    policy = generator()
    with torch.no_grad():
        policy.adapter.denoiser.proj_out.weight[0, 0] = float("nan")
    found = policy.sample(PROMPTS, n=2, seed=0)
    assert [one.left_out for one in found] == [{"a": "not finite", "b": "not finite"}] * 2
    with pytest.raises(InputError, match=r"has no candidate .not finite."):
        found[0].record()


def test_a_black_frame_is_left_out() -> None:
    def change(pixels: Tensor) -> None:
        pixels[0, 3] = 0

    policy = spoilt(generator("video"), change)
    found = policy.sample([prompt("one red star", "video_generation")], n=2, seed=0)[0]
    assert found.left_out == {"a": "black frame 3"}


def test_what_the_safety_checker_refuses_is_left_out() -> None:
    policy = generator()
    policy.adapter.flagged = lambda pixels: [True] + [False] * (len(pixels) - 1)
    found = policy.sample(PROMPTS[:1], n=2, seed=0)[0]
    assert found.left_out == {"a": "refused by the pipeline's safety checker"}


def test_prompts_that_cannot_be_drawn_are_left_out_and_the_others_drawn() -> None:
    picture = Part.of_media(PILImage.new("RGB", (8, 8)), role="source")
    prompts = [
        PROMPTS[0],
        prompt("a dragon", name="dragon"),
        prompt("two red circles above one blue star", name="long"),
        prompt("  ", name="empty"),
        prompt("one red star", "video_generation", name="clip"),
        Prompt(id="edit", task="image_editing", prompt=(Part.of_text("make it red"), picture)),
        PROMPTS[1],
    ]
    found = {one.prompt.id: one for one in generator().sample(prompts, n=2, seed=0)}
    reasons = {name: set(one.left_out.values()) for name, one in found.items()}
    assert reasons == {
        "p1": set(),
        "dragon": {"the word 'dragon' is not in its table"},
        "long": {"7 words, and it reads 4"},
        "empty": {"the prompt is empty"},
        "clip": {"is image, and video_generation wants video"},
        "edit": {"the prompt has pictures, and this generator reads words alone"},
        "p2": set(),
    }
    alone = generator().sample([PROMPTS[1]], n=2, seed=0)[0]
    assert np.abs(arrays(found["p2"])[1].astype(int) - arrays(alone)[1]).max() <= 1
    assert generator().sample([], n=2, seed=0) == []


def test_records_of_pictures_in_memory_are_written_pixel_for_pixel(tmp_path: Path) -> None:
    sampled = generator().sample(PROMPTS, n=2, seed=0)
    write_records(tmp_path / "records.jsonl", [one.record() for one in sampled])
    for one, record in zip(sampled, read_records(tmp_path / "records.jsonl"), strict=True):
        read = [np.asarray(c.content[0].load().load()) for c in record.candidates]
        for a, b in zip(arrays(one), read, strict=True):
            np.testing.assert_array_equal(a, b)


def test_settings_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match=r"frames, fps: TinyPipeline draws pictures"):
        generator(frames=8)
    with pytest.raises(InputError, match=r"height, width: 64 x 16, but this model draws up to 16"):
        generator(height=64)
    with pytest.raises(InputError, match=r"frames: 7 is not a multiple of 2; set it to 8"):
        generator("video", frames=7)
    with pytest.raises(InputError, match=r"guidance_scale: 3.5, but this FluxPipeline was distill"):
        Generator(adapter_of(made(lambda: flux(guidance=False))), Drawing(guidance_scale=3.5))
    with pytest.raises(UsageError, match=r"n: 0 candidates"):
        generator().sample(PROMPTS, n=0, seed=0)


def test_a_negative_prompt_is_the_caption_of_the_second_pass() -> None:
    plain = generator(guidance_scale=3.0).sample(PROMPTS[:1], n=1, seed=0)[0]
    told = generator(guidance_scale=3.0, negative_prompt="two blue stars")
    found = told.sample(PROMPTS[:1], n=1, seed=0)[0]
    assert found.settings["negative_prompt"] == "two blue stars"
    assert not np.array_equal(arrays(found)[0], arrays(plain)[0])
    # Where there is no second pass it is not heard.
    alone = [
        arrays(generator(guidance_scale=1.0, negative_prompt=n).sample(PROMPTS[:1], 1, 0)[0])[0]
        for n in ("", "two blue stars")
    ]
    assert np.array_equal(*alone)


def test_dropout_is_off_while_it_draws_in_the_midst_of_a_training() -> None:
    policy = generator()
    add_lora(policy.adapter, r=2, dropout=0.9)
    for name, weight in policy.adapter.denoiser.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(0.3)
    policy.adapter.denoiser.train()
    first, second = (arrays(policy.sample(PROMPTS[:1], 1, 0)[0])[0] for _ in range(2))
    assert np.array_equal(first, second)
    assert policy.adapter.denoiser.training


# Loaded -----------------------------------------------------------------------------------------


def test_a_folder_is_loaded_as_it_was_saved(folder: Path) -> None:
    policy = load_generator(str(folder), device="cpu", steps=3)
    assert policy.name == "t2i"
    assert policy.settings["steps"] == 3
    built = Generator(policy.adapter, Drawing(steps=3))
    again = generator(steps=3)
    assert built.identity == again.identity  # the same weights in memory
    for a, b in zip(policy.sample(PROMPTS, 2, 0), again.sample(PROMPTS, 2, 0)):
        for one, other in zip(arrays(a), arrays(b)):
            assert np.array_equal(one, other)


def test_the_identity_is_that_of_all_the_weights(folder: Path, tmp_path: Path) -> None:
    first = load_generator(str(folder), device="cpu").identity
    copy = tmp_path / "elsewhere"
    shutil.copytree(folder, copy)
    assert load_generator(str(copy), device="cpu", steps=9).identity == first
    assert load_generator(str(copy), device="cpu", dtype="bfloat16").identity != first
    other = TinyPipeline.from_pretrained(copy)
    with torch.no_grad():
        other.words.places[0, 0] += 1e-3
    other.save_pretrained(copy)
    assert load_generator(str(copy), device="cpu").identity != first


def test_adapters_are_loaded_and_told_apart(folder: Path, tmp_path: Path) -> None:
    plain = load_generator(str(folder), device="cpu")
    adapter = load_adapter(folder)
    add_lora(adapter, r=2)
    for name, weight in adapter.denoiser.named_parameters():
        if "lora_B" in name:
            weight.data.fill_(0.3)
    save_lora(adapter, tmp_path / "lora")
    tuned = load_generator(str(folder), device="cpu", lora=str(tmp_path / "lora"))
    assert tuned.identity.startswith(f"{plain.identity}+")
    a, b = (policy.sample(PROMPTS[:1], 1, 0)[0] for policy in (plain, tuned))
    assert not np.array_equal(arrays(a)[0], arrays(b)[0])
    wanted = Generator(adapter).sample(PROMPTS[:1], 1, 0)[0]
    assert np.abs(arrays(b)[0].astype(int) - arrays(wanted)[0]).max() <= 1


def test_a_pipeline_of_diffusers_is_loaded_by_its_class(tmp_path: Path) -> None:
    made(MAKERS["sdxl"]).save_pretrained(tmp_path)
    policy = load_generator(
        str(tmp_path), device="cpu", dtype="bfloat16", steps=2, height=16, width=16, name="xl"
    )
    adapter = policy.adapter
    assert adapter.pipeline_class == "StableDiffusionXLPipeline"
    assert adapter.denoiser.dtype == adapter.pipeline.text_encoder.dtype == torch.bfloat16
    assert adapter.pipeline.vae.dtype == torch.float32
    assert not policy.sample(PROMPTS, 1, 0)[0].left_out
    # In halves, and named so by what is stored.
    adapter.pipeline.unet.save_pretrained(tmp_path / "unet")
    assert load_adapter(tmp_path, "auto").denoiser.dtype == torch.bfloat16
    assert policy.name == "xl"
    with pytest.raises(InputError, match=r"max_sequence_length: Stable.*has a fixed one"):
        load_generator(str(tmp_path), device="cpu", max_sequence_length=8)


@pytest.mark.parametrize("family", ["pixel", "stable_diffusion"])
def test_a_hub_id_is_known_by_its_commit(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the hub's cache has it; nothing is fetched."""
    import huggingface_hub.constants as hub
    from huggingface_hub import _snapshot_download as snapshots
    from huggingface_hub import file_download

    home = tmp_path / "hub" / "models--someone--t2i"
    snapshot = home / "snapshots" / "0123abcd"
    built = TinyPipeline.build("image", 0, **SMALL)
    (built if family == "pixel" else made(MAKERS[family])).save_pretrained(snapshot)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("0123abcd")
    for module in (hub, file_download.constants, snapshots.constants):
        monkeypatch.setattr(module, "HF_HUB_CACHE", str(tmp_path / "hub"))
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", True)
    policy = load_generator("someone/t2i", device="cpu", steps=1, height=16, width=16)
    assert policy.identity == "someone/t2i@0123abcd:float32"
    assert policy.name == "t2i"
    assert not policy.sample(PROMPTS[:1], 1, 0)[0].left_out


def test_bad_folders_say_what_is_missing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/absent: no such folder"):
        load_generator(str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"no model_index.json; give the folder of a diffusers"):
        load_generator(str(tmp_path))
    (tmp_path / "model_index.json").write_text('{"_class_name": "KandinskyPipeline"}')
    with pytest.raises(InputError, match=r"model_index.json: pipeline class 'Kandinsky.*use one"):
        load_generator(str(tmp_path))
    (tmp_path / "model_index.json").write_text("{")
    with pytest.raises(InputError, match=r"diffusers cannot load it"):
        load_generator(str(tmp_path))
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    (broken / "transformer" / "diffusion_pytorch_model.safetensors").unlink()
    with pytest.raises(InputError, match=r"broken: diffusers cannot load it .*safetensors"):
        load_generator(str(broken))
    with pytest.raises(UsageError, match=r"dtype is 'int4'; use auto, float32"):
        load_generator(str(folder), dtype="int4")
    with pytest.raises(InputError, match=r"steps: "):
        load_generator(str(folder), steps=0)


def test_no_code_of_a_repository_is_run(folder: Path, tmp_path: Path) -> None:
    """A part whose class lies in the folder itself is refused."""
    evil = tmp_path / "evil"
    shutil.copytree(folder, evil)
    index = json.loads((evil / "model_index.json").read_text())
    index["words"] = ["own_words", "Words"]
    (evil / "model_index.json").write_text(json.dumps(index))
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w')\nfrom unireward.policies.pipelines.words import Words\n"
    (evil / "words" / "own_words.py").write_text(code)
    with pytest.raises(InputError, match=r"diffusers cannot load it"):
        load_generator(str(evil), device="cpu")
    assert not ran.exists()
