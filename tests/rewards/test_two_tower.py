"""Two towers: cosines of plain transformers calls, the conventions, videos, long texts, slopes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image as PILImage

import unireward
from tests.rewards.conftest import record
from tests.rewards.tower_checkpoints import LIMIT, save_towers
from unireward.engines import ReplyCache
from unireward.errors import InputError, UsageError
from unireward.families import get_family
from unireward.families.judge_json import save_judge_json
from unireward.protocols import DifferentiableReward
from unireward.record import Candidate, Part, Record
from unireward.rewards.two_tower import CONVENTIONS, TwoTowerReward

TEXT = "two red circles"


@pytest.fixture(scope="module", params=["clip", "siglip"])
def towers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_towers(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_towers("clip", tmp_path_factory.mktemp("clip"))


@pytest.fixture
def noisy(tmp_path: Path) -> list[Path]:
    paths = []
    for number in range(4):
        array = np.random.default_rng(number).integers(0, 256, (40, 48 + 8 * number, 3), np.uint8)
        paths.append(tmp_path / f"{'abcd'[number]}.png")
        PILImage.fromarray(array).save(paths[-1])
    return paths


def plain(folder: Path, text: str, paths: list[Path]) -> tuple[np.ndarray, Any]:
    """logits_per_image of the model itself, and the model."""
    model = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    processor = transformers.AutoImageProcessor.from_pretrained(folder)
    siglip = hasattr(model, "logit_bias")
    options = {"padding": "max_length", "max_length": LIMIT} if siglip else {}
    ids = tokenizer([text], return_tensors="pt", **options)["input_ids"]
    images = [PILImage.open(path).convert("RGB") for path in paths]
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        return model(input_ids=ids, pixel_values=pixels).logits_per_image[:, 0].numpy(), model


def cosines(logits: np.ndarray, model: Any) -> np.ndarray:
    bias = model.logit_bias.item() if hasattr(model, "logit_bias") else 0.0
    return (logits - bias) / model.logit_scale.exp().item()


def test_logits_are_those_of_the_model(towers, noisy):
    reward = unireward.load(towers, device="cpu", cache=False)
    assert isinstance(reward, TwoTowerReward)
    logits, model = plain(towers, TEXT, noisy)
    (out,) = reward([record(noisy, TEXT)])
    assert out.status == "ok", out.reason
    np.testing.assert_allclose(list(out.raw.values()), logits, atol=1e-5)
    np.testing.assert_allclose(
        list(out.dimensions["cosine"].values()), cosines(logits, model), atol=1e-6
    )
    assert logits.std() > 1e-3
    alone = reward([record(noisy, TEXT)], "score")[0]
    expected = 1 / (1 + np.exp(-logits))
    if not hasattr(model, "logit_bias"):
        expected = (1 + cosines(logits, model)) / 2
    np.testing.assert_allclose(list(alone.scores.values()), expected, atol=1e-6)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_preferences_are_the_softmax_of_logits(towers, noisy, convention):
    reward = TwoTowerReward.load(towers, convention=convention, device="cpu")
    logits, model = plain(towers, TEXT, noisy[:2])
    cosine = cosines(logits, model)
    out = reward.compare(TEXT, *noisy[:2])
    if convention == "clip-score":
        np.testing.assert_allclose(list(out.raw.values()), 2.5 * np.maximum(cosine, 0), atol=1e-5)
        logits = model.logit_scale.exp().item() * np.maximum(cosine, 0)
    elif convention == "cosine":
        np.testing.assert_allclose(list(out.raw.values()), cosine, atol=1e-6)
    weights = np.exp(logits - logits.max())
    np.testing.assert_allclose(
        [out.preference["a"], out.preference["b"]], weights / weights.sum(), atol=1e-5
    )


def test_a_video_is_the_mean_over_its_frames(clip, noisy):
    reward = TwoTowerReward.load(clip, device="cpu")
    logits, _ = plain(clip, TEXT, [noisy[0]])
    (out,) = reward([video([noisy[0]] * 6)])
    assert out.raw["v"] == pytest.approx(logits[0], abs=1e-5)
    paths = [noisy[0].parent / f"f{k}.png" for k in range(4)]
    for path, source in zip(paths, noisy):
        PILImage.open(source).resize((48, 40)).save(path)
    (out,) = TwoTowerReward.load(clip, device="cpu", max_batch=3)([video(paths)])
    # uniform:8 of four frames shows each twice.
    logits, _ = plain(clip, TEXT, paths)
    assert out.raw["v"] == pytest.approx(logits.mean(), abs=1e-5)
    assert len(out.media["v"]["frames"]) == 8


def video(paths) -> Record:
    part = Part(type="video", frames=tuple(map(str, paths)), fps=4)
    return Record(
        id="r", task="video_generation", prompt=(Part.of_text(TEXT),),
        candidates=(Candidate(id="v", content=(part,)),),
    )  # fmt: skip


def test_a_text_beyond_the_limit_is_cut_and_said(towers, noisy):
    long = "two red circles and " * 5
    reward = TwoTowerReward.load(towers, device="cpu", name="mine")
    out = reward.score(long, noisy[0])
    note = f"the text has {4 * 5 + 2} tokens, mine reads {LIMIT}; the rest was cut"
    assert out.notes == (note,)
    short = "two red circles and " * 2 + "two red"
    assert reward.score(short, noisy[0]).notes == ()
    assert out.raw == pytest.approx(reward.score(short, noisy[0]).raw, abs=1e-5)


def test_captions_of_a_picture_are_compared(clip, noisy):
    reward = TwoTowerReward.load(clip, device="cpu")
    out = reward.compare("what is it ?", "two red circles", "one green star", media=noisy[0])
    for name, text in (("a", "two red circles"), ("b", "one green star")):
        assert out.raw[name] == pytest.approx(plain(clip, text, noisy[:1])[0][0], abs=1e-5)


def test_unreadable_pictures_are_states(clip, noisy, tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"none")
    reward = TwoTowerReward.load(clip, device="cpu", max_batch=2)
    outs = reward([record([noisy[0], broken], name="r0"), record(noisy[:2], name="r1")])
    assert [out.status for out in outs] == ["error", "ok"]
    assert "broken.png" in outs[0].reason


def test_cached_by_weights_and_convention(clip, noisy, tmp_path):
    def judged(convention):
        cache = ReplyCache(tmp_path / "cache")
        with TwoTowerReward.load(clip, convention=convention, device="cpu", cache=cache) as reward:
            return reward.compare(TEXT, *noisy[:2])

    assert [judged(c).cached for c in ("logit", "logit", "cosine")] == [0, 2, 0]


def test_judge_json_says_the_convention(clip, noisy, tmp_path):
    import shutil

    folder = tmp_path / "hps"
    shutil.copytree(clip, folder)
    save_judge_json(
        folder, get_family("two-tower"), judge="hps@2",
        head={"kind": "two-tower", "convention": "cosine"},
    )  # fmt: skip
    reward = unireward.load(folder, device="cpu", cache=False)
    assert reward.name == "hps@2"
    logits, model = plain(clip, TEXT, noisy[:1])
    found = reward.score(TEXT, noisy[0]).raw[str(noisy[0])]
    assert found == pytest.approx(cosines(logits, model)[0], abs=1e-6)
    body = json.loads((folder / "judge.json").read_text())
    body["head"]["mood"] = 1
    (folder / "judge.json").write_text(json.dumps(body))
    with pytest.raises(InputError, match="mood is not of two towers"):
        unireward.load(folder, device="cpu", cache=False)


def test_scores_have_the_gradient_of_finite_differences(towers, noisy):
    reward = TwoTowerReward.load(towers, device="cpu")
    assert isinstance(reward, DifferentiableReward)
    assert "gradient" in reward.capabilities
    reward.local.model.double()
    arrays = [np.asarray(PILImage.open(path).resize((48, 40))) for path in noisy[:2]]
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).double() / 255
    pixels = (pixels * 0.8 + 0.1).requires_grad_()
    prompts = [TEXT, "one green star"]
    scores = reward.scores(prompts, pixels)
    (slope,) = torch.autograd.grad(scores.sum(), pixels)
    way = torch.randn(pixels.shape, dtype=torch.double, generator=torch.Generator().manual_seed(1))
    step = 1e-6
    with torch.no_grad():
        up, down = (reward.scores(prompts, pixels + s * step * way).sum() for s in (1, -1))
    assert (slope * way).sum().item() == pytest.approx((up - down).item() / 2 / step, rel=1e-4)
    assert all(p.grad is None for p in reward.local.model.parameters())


def test_scores_equal_the_judgments(towers, noisy):
    reward = TwoTowerReward.load(towers, device="cpu")
    arrays = [np.asarray(PILImage.open(path).resize((48, 40))) for path in noisy]
    pixels = torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255
    said = [reward.score(TEXT, PILImage.fromarray(array)).raw["1"] for array in arrays]
    scale = math.exp(reward.local.model.logit_scale.item())
    scores = reward.scores([TEXT] * 4, pixels).tolist()
    assert scores == pytest.approx(said, abs=0.01 * scale)


def test_what_is_no_pair_of_towers(tmp_path, clip):
    with pytest.raises(UsageError, match="use logit, cosine, clip-score"):
        TwoTowerReward.load(clip, convention="dot")
    transformers.CLIPTextConfig().save_pretrained(tmp_path)
    with pytest.raises(InputError, match="give a"):
        TwoTowerReward.load(tmp_path)
