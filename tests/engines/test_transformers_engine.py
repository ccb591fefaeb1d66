"""The transformers engine against the plain forward of the same model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from recipes.tiny_judge.model import make_model, make_tokenizer, save_processor_files
from unireward.ask import Ask, ImageContent, Message, Sampling, TextContent, VideoContent
from unireward.engines.transformers import TransformersEngine
from unireward.errors import InputError
from unireward.media import FrameRule, Image, Video
from unireward.world.words import VOCABULARY


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("random-qwen3-vl")
    tokenizer = make_tokenizer(VOCABULARY)
    make_model(tokenizer, seed=7).save_pretrained(out)
    tokenizer.save_pretrained(out)
    save_processor_files(out)
    return out


@pytest.fixture(scope="module")
def engine(checkpoint: Path) -> TransformersEngine:
    return TransformersEngine(checkpoint, device="cpu")


def picture(seed: int) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (96, 96, 3), dtype=np.uint8))


def asked(words: str, images: int = 1, choices: tuple[str, ...] = (), **sampling: float) -> Ask:
    parts: list = [TextContent("image 1 : ")]
    parts += [ImageContent(picture(k)) for k in range(images)]
    parts.append(TextContent(f" caption : {words} . rank :"))
    return Ask((Message("user", tuple(parts)),), choices, Sampling(**sampling))  # type: ignore[arg-type]


CHOICES = ("1", "1 is better", "2 is better than 1", "tie")


def brute_force(engine: TransformersEngine, ask: Ask) -> dict[str, float]:
    """Each choice scored by a forward of its own over prompt and choice, nothing shared."""
    processor, model = engine.processor, engine.model
    turns = [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": p.text}
                if isinstance(p, TextContent)
                else {"type": "image"}
                for p in ask.messages[0].content
            ],
        }
    ]
    prompt = processor.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    images = [part.image.load() for part in ask.media if isinstance(part, ImageContent)]
    out = {}
    for choice in ask.choices:
        ids = processor.tokenizer(choice, add_special_tokens=False).input_ids
        ids.append(processor.tokenizer.convert_tokens_to_ids("<|end|>"))
        inputs = processor(
            text=[prompt + " " + choice + "<|end|>"], images=[images] if images else None,
            return_tensors="pt",
        )  # fmt: skip
        with torch.inference_mode():
            logs = model(**inputs).logits[0].log_softmax(-1)
        start = inputs["input_ids"].shape[1] - len(ids)
        assert inputs["input_ids"][0, start:].tolist() == ids
        out[choice] = sum(logs[start + k - 1, token].item() for k, token in enumerate(ids))
    return out


def test_choose_scores_whole_sequences_as_a_plain_forward_does(engine: TransformersEngine) -> None:
    ask = asked("two red circles", 2, CHOICES)
    found = engine.choose([ask])[0].choices
    assert found == pytest.approx(brute_force(engine, ask), abs=1e-4)


def test_a_batch_of_unequal_lengths_equals_each_alone(engine: TransformersEngine) -> None:
    asks = [
        asked("two red circles", 1, CHOICES),
        asked("three large striped blue squares left of one green star", 2, CHOICES),
        asked("one heart", 2, ("tie", "1 is better")),
    ]
    together = engine.choose(asks)
    for ask, reply in zip(asks, together):
        assert reply.choices == pytest.approx(engine.choose([ask])[0].choices, abs=1e-4)


def test_greedy_generation_is_the_same_alone_and_in_a_batch(engine: TransformersEngine) -> None:
    asks = [
        asked("two red circles", 1, max_tokens=12),
        asked("three large striped blue squares left of one green star", 2, max_tokens=12),
    ]
    alone = [engine.generate([ask])[0].text for ask in asks]
    assert [reply.text for reply in engine.generate(asks)] == alone


def test_length_is_told_from_stop(engine: TransformersEngine) -> None:
    reply = engine.generate([asked("two red circles", max_tokens=3)])[0]
    assert reply.finish_reason == "length"
    assert reply.tokens == 3


def test_sampling_depends_on_its_seed_alone(engine: TransformersEngine) -> None:
    first = asked("two red circles", temperature=1.5, seed=1, max_tokens=12)
    other = asked("two red circles", temperature=1.5, seed=2, max_tokens=12)
    batch = engine.generate([other, first, asked("one heart", max_tokens=4)])
    assert batch[1].text == engine.generate([first])[0].text
    assert batch[0].text != batch[1].text


def test_native_video_packs_two_frames_a_patch(engine: TransformersEngine) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (8, 96, 96, 3), dtype=np.uint8)
    clip = VideoContent(Video(frames, fps=8), FrameRule.parse("linspace:4"))
    message = Message("user", (TextContent("video 1 : "), clip, TextContent(" rank :")))
    reply = engine.choose([Ask((message,), ("1", "2"))])[0]
    # Within the template's frame: 2 groups of 16 patches, each framed and led by its time,
    # "< t seconds >"; then "rank", ":" and the start of the reply.
    assert reply.prompt_tokens == 3 + 1 + 2 * (4 + 1 + 16 + 1) + 1 + 3
    assert sum(np.exp(list((reply.choices or {}).values()))) < 1


def test_a_media_fault_is_that_asks_own(engine: TransformersEngine, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n")
    part = ImageContent(Image(bad))
    broken = Ask((Message("user", (part, TextContent("rank :"))),), ("1", "2"))
    replies = engine.choose([asked("one heart", 1, ("1", "2")), broken])
    assert replies[0].error is None
    assert "bad.png" in (replies[1].error or "")


def test_identity_changes_with_the_weights(checkpoint: Path, tmp_path: Path) -> None:
    first = TransformersEngine(checkpoint, device="cpu").identity
    make_model(make_tokenizer(VOCABULARY), seed=8).save_pretrained(tmp_path)
    make_tokenizer(VOCABULARY).save_pretrained(tmp_path)
    save_processor_files(tmp_path)
    assert TransformersEngine(tmp_path, device="cpu").identity != first


def test_a_folder_that_is_no_checkpoint_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no config\.json|no processor"):
        TransformersEngine(tmp_path)
