"""Any image-text-to-text checkpoint: the engine against plain forwards of other architectures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from transformers.utils.import_utils import is_torchvision_available

from tests.engines.architectures import ARCHITECTURES, END, save_checkpoint, words_tokenizer
from unireward.ask import Ask, ImageContent, Message, Sampling, TextContent, VideoContent
from unireward.engines.transformers import TransformersEngine
from unireward.errors import InputError
from unireward.media import FrameRule, Image, Video

CHOICES = ("1", "1 is better", "2 is better than 1", "tie")
CAPTIONS = (
    "two red circles",
    "three large striped blue squares left of one green star",
    "one heart",
)


@pytest.fixture(scope="module", params=sorted(ARCHITECTURES))
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    torch.set_num_threads(1)
    out = save_checkpoint(request.param, tmp_path_factory.mktemp(request.param))
    made = TransformersEngine(out, device="cpu")
    yield made
    made.close()


def picture(seed: int) -> ImageContent:
    """Pictures of unequal shapes: 40x56, 56x56, 72x56."""
    shape = (40 + 16 * seed, 56, 3)
    return ImageContent(Image(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)))


def asked(caption: int, images: int, choices: tuple[str, ...] = (), **sampling: Any) -> Ask:
    parts = [
        TextContent("image : "),
        *(picture(k) for k in range(images)),
        TextContent(f" caption : {CAPTIONS[caption]} . rank :"),
    ]
    return Ask((Message("user", tuple(parts)),), choices, Sampling(**sampling))


def brute_force(engine: TransformersEngine, ask: Ask) -> dict[str, float]:
    """Each choice, closed by any end, from a forward of its own: no cache, padding or batch."""
    processor, model = engine.processor, engine.model
    ends = [processor.tokenizer.convert_tokens_to_ids(t) for t in (END, "<end_of_utterance>")]
    content = [
        {"type": "text", "text": p.text} if isinstance(p, TextContent) else {"type": "image"}
        for p in ask.messages[0].content
    ]
    prompt = processor.apply_chat_template(
        [{"role": "user", "content": content}], tokenize=False, add_generation_prompt=True
    )
    images = [part.image.load() for part in ask.media if isinstance(part, ImageContent)]
    out = {}
    for choice in ask.choices:
        ids = processor.tokenizer(choice, add_special_tokens=False).input_ids
        inputs = processor(
            text=[prompt + choice + END], images=[images] if images else None,
            return_tensors="pt", add_special_tokens=False,
        )  # fmt: skip
        with torch.inference_mode():
            logs = model(**inputs).logits[0].log_softmax(-1)
        start = inputs["input_ids"].shape[1] - len(ids) - 1
        assert inputs["input_ids"][0, start:-1].tolist() == ids
        said = sum(logs[start + k - 1, token].item() for k, token in enumerate(ids))
        out[choice] = said + logs[-2, ends].logsumexp(-1).item()
    return out


@pytest.mark.parametrize("images", [0, 1, 2])
def test_choose_equals_plain_forwards(engine: TransformersEngine, images: int) -> None:
    ask = asked(0, images, CHOICES)
    reply = engine.choose([ask])[0]
    assert reply.error is None
    assert reply.choices == pytest.approx(brute_force(engine, ask), abs=1e-4)
    assert len(set((reply.choices or {}).values())) == len(CHOICES)


@pytest.mark.parametrize("images", [(0, 0), (1, 2), (2, 1, 1), (0, 2, 0)])
def test_a_padded_batch_equals_singles(engine: TransformersEngine, images: tuple[int, ...]) -> None:
    asks = [asked(k, n, CHOICES) for k, n in enumerate(images)]
    for ask, reply in zip(asks, engine.choose(asks)):
        alone = engine.choose([ask])[0]
        assert reply.prompt_tokens == alone.prompt_tokens
        assert reply.choices == pytest.approx(alone.choices, abs=1e-4)


def test_words_alone_are_not_moved_by_what_was_shown_before(engine: TransformersEngine) -> None:
    asks = [asked(0, 0, CHOICES), asked(1, 0, CHOICES)]
    before = [reply.choices for reply in engine.choose(asks)]
    engine.choose([asked(2, 2, CHOICES)])
    for reply, old in zip(engine.choose(asks), before):
        assert reply.choices == pytest.approx(old, abs=1e-5)


def test_generation_is_greedy_and_the_same_in_a_batch(engine: TransformersEngine) -> None:
    asks = [asked(k, n, max_tokens=5) for k, n in enumerate((1, 2, 1))]
    together = engine.generate(asks)
    for ask, reply in zip(asks, together):
        assert reply.error is None
        assert reply.text == engine.generate([ask])[0].text
        assert (reply.finish_reason == "length") == (reply.tokens == 5)
    assert len({reply.text for reply in together}) > 1


def test_native_video_or_a_reason(engine: TransformersEngine) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (8, 40, 56, 3), dtype=np.uint8)
    clip = VideoContent(Video(frames, fps=8), FrameRule.parse("linspace:3"))
    shown = Ask((Message("user", (clip, TextContent(" rank :"))),), CHOICES)
    alike = Ask((Message("user", (clip, TextContent(" rank : tie"))),), CHOICES)
    replies = engine.choose([shown, alike])
    if "video" in engine.capabilities:
        for ask, reply in zip((shown, alike), replies):
            assert reply.choices == pytest.approx(engine.choose([ask])[0].choices, abs=1e-4)
        assert replies[0].choices != replies[1].choices
    else:
        assert {reply.error for reply in replies} == {
            f"{engine.name} takes no native video here; set the family's layout to frames"
        }


def test_a_checkpoint_without_settings_of_its_video_processor(tmp_path: Path) -> None:
    """As older ones are saved: the image processor's file is the only one."""
    (save_checkpoint("qwen2_5_vl", tmp_path) / "video_preprocessor_config.json").unlink()
    engine = TransformersEngine(tmp_path, device="cpu")
    assert "video" in engine.capabilities
    assert engine.choose([asked(0, 1, ("1", "2"))])[0].error is None


# What cannot work says so in one line ----------------------------------------------------------


def one_line(path: Path, match: str) -> None:
    with pytest.raises(InputError, match=match) as caught:
        TransformersEngine(path, device="cpu")
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert ";" in str(caught.value)


def test_a_picture_that_the_processor_refuses_is_that_asks_own(tmp_path: Path) -> None:
    engine = TransformersEngine(save_checkpoint("qwen2_5_vl", tmp_path), device="cpu")
    thin = ImageContent(Image(np.zeros((2, 450, 3), np.uint8)))
    broken = Ask((Message("user", (thin, TextContent("rank :"))),), CHOICES)
    first, bad, last = engine.choose([asked(0, 1, CHOICES), broken, asked(1, 1, CHOICES)])
    assert bad.choices is None
    assert "its processor refuses this ask (ValueError" in (bad.error or "")
    assert "\n" not in (bad.error or "")
    assert first.choices == pytest.approx(
        engine.choose([asked(0, 1, CHOICES)])[0].choices, abs=1e-4
    )
    assert last.error is None


def test_no_chat_template(tmp_path: Path) -> None:
    (save_checkpoint("llava", tmp_path) / "chat_template.jinja").unlink()
    one_line(tmp_path, r"no chat template; add the model's own as chat_template\.jinja")


@pytest.mark.parametrize("name", ["llava", "llava_onevision"])
def test_the_template_may_be_the_tokenizers_own(name: str, tmp_path: Path) -> None:
    save_checkpoint(name, tmp_path)
    template = tmp_path / "chat_template.jinja"
    file = tmp_path / "tokenizer_config.json"
    told = json.loads(file.read_text())
    file.write_text(json.dumps(told | {"chat_template": template.read_text()}))
    template.unlink()
    reply = TransformersEngine(tmp_path, device="cpu").choose([asked(0, 1, ("1", "2"))])[0]
    assert set(reply.choices or {}) == {"1", "2"}


def test_a_model_of_words_alone(tmp_path: Path) -> None:
    tokenizer = words_tokenizer()
    config = transformers.LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1,
        num_attention_heads=1,
    )  # fmt: skip
    transformers.LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    one_line(tmp_path, r"takes no images .*give an image-text-to-text checkpoint")


def test_no_preprocessor(tmp_path: Path) -> None:
    save_checkpoint("qwen2_5_vl", tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    (tmp_path / "video_preprocessor_config.json").unlink()
    one_line(tmp_path, r"no processor can be loaded|takes no images")


def test_a_package_that_the_processor_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import transformers.models.smolvlm.processing_smolvlm as smolvlm

    monkeypatch.setattr(smolvlm, "num2words", None)
    save_checkpoint("idefics3", tmp_path)
    for name, changed in (
        ("config.json", {"model_type": "smolvlm"}),
        ("preprocessor_config.json", {"image_processor_type": "SmolVLMImageProcessor"}),
        ("processor_config.json", {"processor_class": "SmolVLMProcessor"}),
    ):
        told = json.loads((tmp_path / name).read_text())
        (tmp_path / name).write_text(json.dumps(told | changed))
    one_line(tmp_path, r"needs a package that is not installed .*num2words.*; install it, or serve")


@pytest.mark.skipif(is_torchvision_available(), reason="its processor works with torchvision")
def test_an_architecture_whose_pictures_need_torchvision(tmp_path: Path) -> None:
    words_tokenizer().save_pretrained(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "cohere2_vision"}))
    (tmp_path / "preprocessor_config.json").write_text(
        json.dumps({"image_processor_type": "Cohere2VisionImageProcessor"})
    )
    one_line(tmp_path, r"(?i)torchvision.*; install it, or serve the model")


def test_an_unknown_architecture(tmp_path: Path) -> None:
    file = save_checkpoint("llava", tmp_path) / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"model_type": "no_such_model"}))
    one_line(tmp_path, r"transformers cannot load it .*no_such_model.*; give an image-text-to-text")
