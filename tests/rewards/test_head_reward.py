"""Head models behind the face: numbers of plain forwards, gradients of finite differences."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from scipy.stats import norm

import unireward
from tests.rewards.conftest import record
from tests.rewards.reward_backbones import checkpoint
from unireward.engines import ReplyCache
from unireward.engines.processor import load_processor
from unireward.engines.prompt import encode, prompt_of
from unireward.errors import InputError, UsageError
from unireward.families import get_family
from unireward.families.judge_json import load_judge_json
from unireward.protocols import DifferentiableReward
from unireward.record import Candidate, Part, Record
from unireward.rewards.head_reward import HeadReward
from unireward.rewards.reward_model import RewardModel

HEADS: dict[str, dict[str, Any]] = {
    "linear": {"kind": "linear"},
    "multi": {"kind": "multi-output", "names": ["VQ", "MQ", "TA"]},
    "gaussian": {"kind": "gaussian"},
}


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A saved reward model of each head on a random Qwen2.5-VL."""
    base = checkpoint("qwen2_5_vl", tmp_path_factory.mktemp("base"))
    out = {}
    for name, head in HEADS.items():
        model = RewardModel.start(base, head, device="cpu", seed=3)
        out[name] = tmp_path_factory.mktemp(name) / "reward"
        model.save(out[name], family="head", judge=f"{name}@1")
    return out


@pytest.fixture
def noisy(tmp_path: Path) -> list[Path]:
    """Six pictures of unequal sizes, so that they share no shape."""
    paths = []
    for number in range(6):
        rng = np.random.default_rng(number)
        array = rng.integers(0, 256, (40 + 8 * number, 56, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{'abcdef'[number]}.png")
        PILImage.fromarray(array).save(paths[-1])
    return paths


def plain(folder: Path, rec: Record, name: str) -> tuple[Any, Any]:
    """A forward of the loaded model over the processor's tensors, and the head."""
    model = RewardModel.load(folder, device="cpu")
    processor = load_processor(str(folder))
    family = get_family("head")
    (form,) = family.forms_for(rec.task, "score")
    ask = family.ask(form, rec, (name,), engine_kind="transformers")
    inputs = encode(processor, [prompt_of(processor, ask, "x")], "x")
    with torch.no_grad():
        return model(dict(inputs)), model.head


@pytest.mark.parametrize("head", HEADS)
def test_numbers_are_those_of_a_plain_forward(folders, noisy, head):
    reward = unireward.load(folders[head], device="cpu", cache=False)
    assert isinstance(reward, HeadReward)
    assert (reward.name, reward.family.id) == (f"{head}@1", "head")
    rec = record(noisy[:3])
    (out,) = reward([rec])
    assert out.status == "ok", out.reason
    for name in "abc":
        expected, made = plain(folders[head], rec, name)
        assert out.raw[name] == pytest.approx(made.overall(expected.scores).item(), abs=1e-5)
        for column, value in zip(made.names, expected.scores[0].tolist()):
            assert out.dimensions[column][name] == pytest.approx(value, abs=1e-5)
        if expected.sigma is not None:
            assert out.sigma[name] == pytest.approx(expected.sigma[0, 0].item(), abs=1e-5)
    assert len(set(out.raw.values())) == 3
    assert bool(out.sigma) == (head == "gaussian")


def test_a_gaussian_pair(folders, noisy):
    reward = unireward.load(folders["gaussian"], device="cpu", cache=False)
    out = reward.compare("two red circles", *noisy[:2])
    gap = out.raw["a"] - out.raw["b"]
    expected = norm.cdf(gap / math.hypot(out.sigma["a"], out.sigma["b"]))
    assert out.preference["a"] == pytest.approx(expected, rel=1e-9)


def test_batches_change_nothing(folders, noisy):
    reward = HeadReward.load(folders["multi"], device="cpu", max_batch=4)
    records = [record(noisy[k : k + 2], "one heart" * (k + 1), f"r{k}") for k in range(5)]
    together = reward(records)
    for rec, out in zip(records, together):
        (alone,) = HeadReward.load(folders["multi"], device="cpu", max_batch=1)([rec])
        for name, value in alone.raw.items():
            assert out.raw[name] == pytest.approx(value, abs=1e-5)


def test_answers_and_edits_are_asked_too(folders, noisy):
    reward = unireward.load(folders["linear"], device="cpu", cache=False)
    answer = reward.compare("how many circles ?", "two", "three", media=noisy[0])
    edit = reward.score("make it blue", noisy[1], source=noisy[0])
    text = reward.score("how many ?", "two", "three", task="text")
    assert [one.status for one in (answer, edit, text)] == ["ok"] * 3
    assert answer.raw["a"] != answer.raw["b"]
    assert edit.media.keys() == {"source", str(noisy[1])}


def test_a_video_as_frames(folders, noisy):
    reward = unireward.load(folders["linear"], device="cpu", cache=False)
    frames = [str(path) for path in noisy[:1] * 12]
    part = Part(type="video", frames=tuple(frames), fps=8)
    rec = Record(
        id="v", task="video_generation", prompt=(Part.of_text("one heart"),),
        candidates=(Candidate(id="a", content=(part,)),),
    )  # fmt: skip
    (out,) = reward([rec])
    assert out.status == "ok", out.reason
    assert out.media["a"]["rule"] == "uniform:8"
    assert len(out.media["a"]["frames"]) == 8


def test_weights_that_give_no_number_are_an_error(folders, noisy):
    reward = HeadReward.load(folders["linear"], device="cpu")
    with torch.no_grad():
        reward.model.head.score.weight.fill_(math.nan)
    (out,) = reward([record(noisy[:2])])
    assert (out.status, out.scores, out.raw) == ("error", {}, {})
    assert "the head's score is nan, no finite number" in out.reason
    json.dumps(out.to_dict(), allow_nan=False)


def test_cached_by_weights_and_head(folders, noisy, tmp_path):
    def judged(folder):
        cache = ReplyCache(tmp_path / "cache")
        with HeadReward.load(folder, device="cpu", cache=cache) as reward:
            return reward.compare("one heart", *noisy[:2])

    first, again, other = (judged(folders[k]) for k in ("linear", "linear", "multi"))
    assert [first.cached, again.cached, other.cached] == [0, 2, 0]
    assert first.raw == again.raw != other.raw


def test_the_scale_of_judge_json_is_used(folders, noisy, tmp_path):
    import shutil

    folder = tmp_path / "scaled"
    shutil.copytree(folders["linear"], folder)
    body = json.loads((folder / "judge.json").read_text())
    body["calibration"] = {"scoring": {"center": 0.5, "width": 2.0, "temperature": 3.0}}
    (folder / "judge.json").write_text(json.dumps(body))
    reward = unireward.load(folder, device="cpu", cache=False)
    out = reward.compare("one heart", *noisy[:2])
    gap = (out.raw["a"] - out.raw["b"]) / 3
    assert out.preference["a"] == pytest.approx(1 / (1 + math.exp(-gap)))
    alone = reward.score("one heart", noisy[0])
    raw = alone.raw[str(noisy[0])]
    assert alone.score == pytest.approx(1 / (1 + math.exp(-(raw - 0.5) / 2)))
    assert load_judge_json(folder).head is not None


def test_a_model_in_training_is_left_as_it_was(folders, noisy):
    model = RewardModel.load(folders["linear"], device="cpu").train()
    reward = HeadReward(model, load_processor(str(folders["linear"])))
    reward.compare("one heart", *noisy[:2])
    assert model.training
    assert all(p.grad is None for p in model.parameters())
    assert any(p.requires_grad for p in model.parameters())


# The gradient -------------------------------------------------------------------------------


def pixels_of(paths):
    arrays = [np.asarray(PILImage.open(path).resize((56, 40))) for path in paths]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("backbone", ["qwen2_5_vl", "qwen3_vl", "llava_onevision"])
def test_scores_have_the_gradient_of_finite_differences(backbone, noisy, tmp_path):
    base = checkpoint(backbone, tmp_path / backbone)
    RewardModel.start(base, HEADS["multi"], device="cpu", seed=1).save(
        tmp_path / "r", family="head"
    )
    reward = HeadReward.load(tmp_path / "r", device="cpu")
    assert isinstance(reward, DifferentiableReward)
    assert "gradient" in reward.capabilities
    pixels = (pixels_of(noisy[:2]) * 0.8 + 0.1).requires_grad_()
    prompts = ["two red circles", "one heart"]
    scores = reward.scores(prompts, pixels)
    assert scores.shape == (2,)
    (slope,) = torch.autograd.grad(scores.sum(), pixels)
    assert slope.abs().amax((1, 2, 3)).min() > 0
    # Each picture's own: the second's number has no slope in the first's pixels.
    (cross,) = torch.autograd.grad(reward.scores(prompts, pixels)[1], pixels)
    assert cross[0].abs().max() <= 1e-6 * cross[1].abs().max()
    way = slope / slope.norm()
    step = 0.02
    with torch.no_grad():
        up, down = (reward.scores(prompts, pixels + s * step * way).sum() for s in (1, -1))
    found = (up - down).item() / 2 / step
    assert found == pytest.approx(slope.norm().item(), rel=0.02)


def test_scores_equal_the_judgments(folders, noisy):
    """Within what rounding to whole grey levels may do to the numbers."""
    reward = HeadReward.load(folders["multi"], device="cpu")
    pixels = pixels_of(noisy[:3])
    images = [PILImage.fromarray((p.permute(1, 2, 0) * 255).round().byte().numpy()) for p in pixels]
    said = [reward.score("one heart", image).raw["1"] for image in images]
    scores = reward.scores(["one heart"] * 3, pixels).tolist()
    assert scores == pytest.approx(said, abs=0.02)
    assert max(said) - min(said) > 0.1


def test_a_family_that_resizes_is_followed(folders, noisy):
    spec = get_family("head").spec.model_copy(update={"resize": (48, 32)})
    from unireward.families import Family, readers_of

    reward = HeadReward.load(
        folders["linear"], family=Family(spec, readers_of("head")), device="cpu"
    )
    pixels = pixels_of(noisy[:2])
    images = [PILImage.fromarray((p.permute(1, 2, 0) * 255).round().byte().numpy()) for p in pixels]
    said = [reward.score("one heart", image).raw["1"] for image in images]
    assert reward.scores(["one heart"] * 2, pixels).tolist() == pytest.approx(said, abs=0.02)


@pytest.mark.parametrize(
    ("prompts", "pixels", "said"),
    [
        (["a"], torch.zeros(1, 3, 8), "shape"),
        (["a"], torch.zeros(1, 1, 8, 8), "shape"),
        (["a"], torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "uint8"),
        (["a"], torch.zeros(2, 3, 8, 8), "1 prompts for 2 pictures"),
    ],
)
def test_other_pixels_are_refused(folders, prompts, pixels, said):
    with pytest.raises(UsageError, match=said):
        HeadReward.load(folders["linear"], device="cpu").scores(prompts, pixels)


def test_a_foreign_folder_says_what_is_wrong(tmp_path):
    (tmp_path / "config.json").write_text('{"architectures": ["Qwen3VLForSequenceClassification"]}')
    with pytest.raises(InputError) as caught:
        unireward.load(tmp_path, device="cpu", cache=False)
    assert "\n" not in str(caught.value)
