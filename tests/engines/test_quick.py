"""The quick path against the plain one: the same numbers, with less computed."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from tests.engines.architectures import save_checkpoint
from unireward.ask import Ask, ImageContent, Message, Reply, Sampling, TextContent, VideoContent
from unireward.engines.transformers import TransformersEngine, Ways
from unireward.errors import InputError
from unireward.media import FrameRule, Image, Video

WORDS = ("two", "red", "circles", "green", "star", "left", "of", "one", "heart", "large", "small")
CHOICES = ("1", "1 is better", "2 is better than 1", "tie")


@pytest.fixture(scope="module", params=["qwen2_vl", "qwen2_5_vl", "qwen3_vl", "llava_onevision"])
def pair(request, tmp_path_factory) -> Iterator[tuple[TransformersEngine, TransformersEngine]]:
    """The quick and the plain engine of one model. Any stretch is worth sharing."""
    torch.set_num_threads(1)
    path = save_checkpoint(request.param, tmp_path_factory.mktemp(request.param))
    # Nothing is kept from one call to the next (test_kept): each is to be computed.
    quick = TransformersEngine(path, device="cpu", prefix_bytes=0)
    plain = TransformersEngine.of(
        quick.model, quick.processor, name="plain", ways=Ways(encode_once=False)
    )
    assert quick.path_notes[0].startswith("media encoded once")
    assert plain.path_notes == ("whole prompts: encode_once is off",)
    quick._quick.limits = replace(quick._quick.limits, worth=1, part=0.0)
    yield quick, plain
    quick.close()


def picture(seed: int) -> ImageContent:
    shape = (40 + 16 * (seed % 3), 56, 3)
    return ImageContent(Image(np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)))


PICTURES = [picture(k) for k in range(5)]


def asked(
    shown: tuple[int, ...], words: str, choices: tuple[str, ...] = (), before: str = "rank :",
    **sampling: Any,
) -> Ask:  # fmt: skip
    parts: list[Any] = [TextContent(before)]
    for number, k in enumerate(shown, 1):
        parts += [TextContent(f" image {number} : "), PICTURES[k]]
    parts.append(TextContent(f" caption : {words} ."))
    return Ask((Message("user", tuple(parts)),), choices, Sampling(**sampling))


def mixed(seed: int, count: int, choices: tuple[str, ...] = CHOICES, **sampling: Any) -> list[Ask]:
    """Asks of none to three pictures, captions of two to twelve words."""
    rng = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        shown = tuple(int(k) for k in rng.integers(0, 5, rng.integers(0, 4)))
        words = " ".join(rng.choice(WORDS, rng.integers(2, 13)))
        made.append(asked(shown, words, choices, **sampling))
    return made


def both_orders(choices: tuple[str, ...], count: int = 4) -> list[Ask]:
    pairs = itertools.permutations(range(count), 2)
    return [asked(p, "two red circles", choices) for p in pairs]


def alike(found: list[Reply], expected: list[Reply], atol: float = 1e-5) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.error is None
        assert other.error is None
        assert one.prompt_tokens == other.prompt_tokens
        assert one.text == other.text
        assert one.choices == pytest.approx(other.choices, abs=atol)


def test_every_word_has_the_plain_log_probability(pair) -> None:
    """All words of one token as choices: the whole distribution, within 1e-5."""
    quick, plain = pair
    tokenizer = quick.processor.tokenizer
    words = [w for w in sorted(tokenizer.get_vocab()) if w.isalnum()]
    words = [w for w in words if len(tokenizer(w, add_special_tokens=False).input_ids) == 1]
    assert len(words) > 100
    asks = mixed(0, 10, tuple(words))
    before = quick._quick.computed
    found, expected = quick.choose(asks), plain.choose(asks)
    alike(found, expected)
    assert quick._quick.computed - before < sum(reply.prompt_tokens for reply in found)


def test_a_ranking_in_both_orders_computes_each_picture_and_prefix_once(pair) -> None:
    quick, plain = pair
    quick.forget()
    asks = both_orders(CHOICES)
    features = quick._quick.features
    seen, computed = features.encoded, quick._quick.computed
    found = quick.choose(asks)
    assert features.encoded - seen == 4
    # Every beginning that prompts share once, and each prompt's last token.
    lines = [quick._quick.lines.of(ask) for ask in asks]
    beginnings = {line.symbols[:k] for line in lines for k in range(1, len(line))}
    assert quick._quick.computed - computed == len(beginnings) + 12
    alike(found, plain.choose(asks))
    # Without sharing: every token of every prompt, the same numbers.
    limits = quick._quick.limits
    quick._quick.limits = replace(limits, share=False)
    computed = quick._quick.computed
    try:
        alike(quick.choose(asks), found)
        assert quick._quick.computed - computed == sum(map(len, lines))
        assert features.encoded - seen == 4
    finally:
        quick._quick.limits = limits


@pytest.mark.parametrize("share", [True, False])
@pytest.mark.parametrize("side", ["right", "left"])
def test_batches_of_one_and_of_32_and_padding_on_either_side(pair, side, share) -> None:
    quick, _ = pair
    asks = mixed(1, 32)
    expected = [quick.choose([ask])[0] for ask in asks]
    limits, forward = quick._quick.limits, quick._quick.forward
    try:
        forward.side = side
        for rows in (1, 5, 32):
            quick._quick.limits = replace(limits, rows=rows, share=share)
            alike(quick.choose(asks), expected)
        quick._quick.limits = replace(limits, tokens=150, share=share)
        alike(quick.choose(asks), expected)
    finally:
        quick._quick.limits, forward.side = limits, "right"


def test_greedy_replies_are_generates(pair) -> None:
    quick, plain = pair
    asks = [
        replace(ask, sampling=Sampling(max_tokens=3 + k)) for k, ask in enumerate(mixed(2, 8, ()))
    ]
    for one, other in zip(quick.generate(asks), plain.generate(asks), strict=True):
        assert replace(one, seconds=0) == replace(other, seconds=0)


def test_the_best_choice_is_what_generation_says(pair) -> None:
    """Whenever it says one of the choices: here, one word of all there are."""
    quick, _ = pair
    tokenizer = quick.processor.tokenizer
    special = set(tokenizer.all_special_tokens)
    words = [w for w in sorted(tokenizer.get_vocab()) if w not in special]
    asks = mixed(3, 40, tuple(words), max_tokens=1)
    said = 0
    for one, chosen in zip(quick.generate(asks), quick.choose(asks)):
        if one.text in words:
            said += 1
            assert chosen.text == one.text
    assert said >= 5


def test_votes_on_one_prompt_share_it_and_hang_on_their_seeds_alone(pair) -> None:
    quick, _ = pair
    asks = [
        asked((0, 1), "two red circles", temperature=1.0, seed=k, max_tokens=6) for k in range(6)
    ]
    computed = quick._quick.computed
    together = quick.generate(asks)
    length = together[0].prompt_tokens
    assert quick._quick.computed - computed == length - 1 + 6
    assert len({reply.text for reply in together}) > 1
    alone = [quick.generate([ask])[0].text for ask in asks]
    assert alone == [reply.text for reply in together]


def test_choices_and_words_in_one_stream(pair) -> None:
    quick, plain = pair
    asks = [
        ask if k % 2 else replace(ask, choices=(), sampling=Sampling(max_tokens=4))
        for k, ask in enumerate(mixed(4, 9))
    ]
    found, expected = dict(quick.stream(asks)), dict(plain.stream(asks))
    assert sorted(found) == list(range(9))
    for k, reply in found.items():
        assert reply.text == expected[k].text
        assert (reply.choices is None) == (k % 2 == 0)


def test_clips_are_seen_apart_or_go_the_plain_way(pair) -> None:
    quick, plain = pair
    frames = np.random.default_rng(0).integers(0, 256, (8, 40, 56, 3), dtype=np.uint8)
    clips = [
        VideoContent(Video(frames[::step], fps=8), FrameRule.parse("linspace:4"))
        for step in (1, -1)
    ]
    asks = []
    for order in ((0, 1), (1, 0), (0, 0)):
        parts = [TextContent("rank : "), clips[order[0]], PICTURES[0], clips[order[1]]]
        asks.append(Ask((Message("user", (*parts, TextContent(" caption :"))),), CHOICES))
    found = quick.choose([*asks, *mixed(5, 3)])
    expected = plain.choose([*asks, *mixed(5, 3)])
    if "video" in quick.capabilities:
        alike(found, expected)
    else:
        alike(found[3:], expected[3:])
        assert all("takes no native video" in (reply.error or "") for reply in found[:3])


def test_what_runs_out_of_memory_is_halved(pair, monkeypatch) -> None:
    """A device that holds three rows at most, prefixes among them."""
    quick, _ = pair
    asks = both_orders(CHOICES)
    expected = quick.choose(asks)
    forward, refused = quick._quick.forward, []

    def small(ids: Any, **_: Any) -> None:
        if len(ids) > 3:
            refused.append(len(ids))
            raise torch.OutOfMemoryError("out of memory")

    def guard(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        small(kwargs["input_ids"])

    handle = forward.model.register_forward_pre_hook(guard, with_kwargs=True)
    try:
        alike(quick.choose(asks), expected)
    finally:
        handle.remove()
    assert refused


def test_what_can_never_run_is_each_asks_own_error(pair) -> None:
    quick, _ = pair

    def guard(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        raise torch.OutOfMemoryError("out of memory")

    handle = quick._quick.forward.model.register_forward_pre_hook(guard, with_kwargs=True)
    try:
        replies = quick.choose(both_orders(CHOICES))
    finally:
        handle.remove()
    assert len(replies) == 12
    assert all("out of memory on cpu; lower" in (reply.error or "") for reply in replies)
    assert all(reply.error is None for reply in quick.choose(both_orders(CHOICES)))


def test_a_picture_refused_is_that_asks_own(pair) -> None:
    quick, _ = pair
    thin = ImageContent(Image(np.zeros((2, 450, 3), np.uint8)))
    broken = Ask((Message("user", (TextContent("rank :"), thin)),), CHOICES)
    first, bad, last = quick.choose([asked((0,), "one", CHOICES), broken, asked((0,), "", CHOICES)])
    assert first.error is None
    assert last.error is None
    llava = "llava" in quick.path
    assert (bad.error is None) == llava


def test_weights_that_changed_are_seen(pair) -> None:
    """An engine of a model in training, asked again after a step."""
    quick, plain = pair
    engine = TransformersEngine.of(quick.model, quick.processor, name="learning")
    ask = [asked((0, 1), "two red circles", CHOICES)]
    before = engine.choose(ask)[0].choices
    weight = next(p for n, p in quick.model.named_parameters() if "visual" in n or "vision" in n)
    saved = weight.detach().clone()
    try:
        with torch.no_grad():
            weight.mul_(3)
        after = engine.choose(ask)
        assert after[0].choices != pytest.approx(before, abs=1e-3)
        alike(after, plain.choose(ask))
    finally:
        with torch.no_grad():
            weight.copy_(saved)
    assert engine.choose(ask)[0].choices == pytest.approx(before, abs=1e-5)


def test_an_endless_stream_is_pulled_as_it_is_needed(pair) -> None:
    quick, _ = pair
    pulled = itertools.count()
    asks = (asked((k % 5,), "one heart", CHOICES) for k in pulled)
    replies = quick.stream(asks)
    first = [next(replies) for _ in range(3)]
    replies.close()
    assert all(reply.error is None for _, reply in first)
    assert next(pulled) < 2000


def test_other_architectures_say_why_they_go_the_plain_way(tmp_path) -> None:
    for name, reason in (
        ("gemma3", "not among those known"), ("qwen3_5", "other than keys and values"),
    ):  # fmt: skip
        engine = TransformersEngine(save_checkpoint(name, tmp_path / name), device="cpu")
        assert reason in engine.path_notes[0]
        assert engine.choose([asked((0,), "one heart", CHOICES)])[0].error is None


def test_settings_of_generation_that_we_do_not_know_are_left_to_generate(pair) -> None:
    quick, plain = pair
    config = quick.model.generation_config
    config.no_repeat_ngram_size = 2
    try:
        assert "no_repeat_ngram_size" in quick.path_notes[1]
        asks = [*mixed(6, 3, (), max_tokens=12), *mixed(6, 2)]
        found, expected = dict(quick.stream(asks)), dict(plain.stream(asks))
        assert [found[k].text for k in range(5)] == [expected[k].text for k in range(5)]
    finally:
        config.no_repeat_ngram_size = None
    assert len(quick.path_notes) == 1


def test_a_repetition_penalty_is_heeded(pair) -> None:
    quick, plain = pair
    quick.model.generation_config.repetition_penalty = 1.5
    try:
        engine = TransformersEngine.of(quick.model, quick.processor, name="penal")
        asks = mixed(7, 4, (), max_tokens=10)
        for one, other in zip(engine.generate(asks), plain.generate(asks), strict=True):
            assert one.text == other.text
    finally:
        quick.model.generation_config.repetition_penalty = None


def test_features_larger_than_memory_are_refused(tmp_path) -> None:
    path = save_checkpoint("qwen2_vl", tmp_path)
    with pytest.raises(InputError, match="feature_bytes"):
        TransformersEngine(path, device="cpu", feature_bytes=1 << 60)


def test_a_reply_ends_behind_its_verdict(pair) -> None:
    quick, plain = pair
    ask = asked((0, 1), "two red circles", max_tokens=12)
    free = quick.generate([ask])[0].text
    assert free is not None
    end = free.split()[4]
    upto = free[: free.index(end) + len(end)]
    for stops, text in (({"stop_after": (end,)}, upto), ({"stop": (end,)}, upto[: -len(end)])):
        cut = replace(ask, sampling=Sampling(max_tokens=12, **stops))
        for reply in (quick.generate([cut, ask])[0], plain.generate([cut])[0]):
            assert (reply.text, reply.finish_reason) == (text, "stop")
            assert reply.tokens < 12
        assert cut.digest != ask.digest


def test_the_digest_of_an_ask_without_a_stop_after_is_what_it_was() -> None:
    ask = Ask((Message("user", (TextContent("hello"),)),), (), Sampling(max_tokens=3))
    body = {
        "messages": [["user", [["text", "hello"]]]], "choices": [], "extra": [],
        "sampling": {"temperature": 0.0, "top_p": 1.0, "max_tokens": 3, "seed": 0, "stop": []},
    }  # fmt: skip
    written = json.dumps(body, sort_keys=True, ensure_ascii=False)
    assert ask.digest == hashlib.sha256(written.encode()).hexdigest()


def test_pictures_of_one_batch_are_made_ready_while_another_runs(pair) -> None:
    """Batches of two rows, nothing kept: each picture is decoded once all the same, no thread
    outlives the stream, and an early end leaves none."""
    quick, _ = pair
    limits = quick._quick.limits
    asks = mixed(8, 9)
    expected = quick.choose(asks)
    quick.forget()
    media, before = quick._quick.lines.media, threading.active_count()
    decoded = media.decoded
    try:
        quick._quick.limits = replace(limits, rows=2)
        alike(quick.choose(asks), expected)
        different = {(part.token()[1], len(ask.media) == 1) for ask in asks for part in ask.media}
        assert media.decoded - decoded <= len(different)
        early = quick.stream(mixed(9, 9))
        next(early)
        early.close()
    finally:
        quick._quick.limits = limits
    assert threading.active_count() == before
