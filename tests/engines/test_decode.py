"""Replies in a batch: transformers' own, token for token, and each as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import GenerationConfig

from tests.engines.hand_lines import FIRST, axes, hand_line, load
from unireward.ask import Sampling
from unireward.engines.decode import Decoder
from unireward.engines.forward import Forward, Stretch

LENGTHS = (7, 15, 3, 11, 9)


@pytest.fixture(scope="module", params=["qwen2_5_vl", "llava_onevision", "qwen3_vl"])
def loaded(request, tmp_path_factory):
    return load(request.param, tmp_path_factory.mktemp(request.param))


def prompts(count: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(2)
    return [rng.integers(FIRST, FIRST + 60, n) for n in LENGTHS[:count]]


@torch.inference_mode()
def replies(loaded, ids, samplings, *, ends=(), side="right", penalty=1.0, **options):
    model, tokenizer = loaded
    forward = Forward(model, side=side)
    lines = [hand_line(one, axes(model)) for one in ids]
    passed = forward([Stretch(line, 0, len(line.ids)) for line in lines], keep=True)
    decoder = Decoder(forward, tokenizer, ends, penalty)
    starts = [line.next_position for line in lines]
    return decoder(passed.logits, passed.held, starts, samplings, prompts=ids, **options)


def official(loaded, ids, length, ends=(), **settings) -> list[int]:
    """``model.generate`` of one prompt, greedy; the end token included."""
    model, _ = loaded
    config = GenerationConfig(
        max_new_tokens=length, do_sample=False, eos_token_id=list(ends) or -1, pad_token_id=0,
        **settings,
    )  # fmt: skip
    fed = torch.from_numpy(ids)[None]
    out = model.generate(
        input_ids=fed, attention_mask=torch.ones_like(fed), generation_config=config
    )
    return out[0, len(ids) :].tolist()


@pytest.mark.parametrize("side", ["right", "left"])
def test_greedy_is_generate(loaded, side) -> None:
    """Limits of all lengths, so that rows leave the batch at several steps."""
    limits = (30, 1, 12, 5, 21)
    found = replies(loaded, prompts(), [Sampling(max_tokens=n) for n in limits], side=side)
    for ids, limit, said in zip(prompts(), limits, found):
        assert said.tokens == official(loaded, ids, limit)
        assert not said.stopped


def test_an_end_token_ends_its_row_alone(loaded) -> None:
    """The ends are tokens that each reply says somewhere."""
    free = [official(loaded, ids, 20) for ids in prompts()]
    ends = {free[0][4], free[2][9]}
    found = replies(loaded, prompts(), [Sampling(max_tokens=20)] * 5, ends=ends)
    for ids, said in zip(prompts(), found):
        assert said.tokens == official(loaded, ids, 20, ends)
        assert said.stopped == (said.tokens[-1] in ends)
    assert any(said.stopped for said in found)
    forced = replies(loaded, prompts(), [Sampling(max_tokens=20)] * 5, ends=ends, ignore_end=True)
    assert [said.tokens for said in forced] == free


def test_a_repetition_penalty_is_the_official_one(loaded) -> None:
    found = replies(loaded, prompts(), [Sampling(max_tokens=15)] * 5, penalty=1.3)
    for ids, said in zip(prompts(), found):
        assert said.tokens == official(loaded, ids, 15, repetition_penalty=1.3)


@pytest.mark.parametrize("top_p", [1.0, 0.7])
def test_a_sampled_reply_is_the_same_alone_and_in_a_batch(loaded, top_p) -> None:
    samplings = [
        Sampling(temperature=0.0 if k == 2 else 1.0, top_p=top_p, max_tokens=12 + k, seed=k % 3)
        for k in range(5)
    ]
    together = replies(loaded, prompts(), samplings)
    for ids, sampling, said in zip(prompts(), samplings, together):
        (alone,) = replies(loaded, [ids], [sampling])
        assert alone.tokens == said.tokens
    again = replies(loaded, prompts()[::-1], samplings[::-1])
    assert [said.tokens for said in again[::-1]] == [said.tokens for said in together]


@torch.inference_mode()
@pytest.mark.parametrize(("temperature", "top_p"), [(1.0, 1.0), (0.5, 1.0), (1.5, 0.6)])
def test_samples_are_distributed_as_the_model_says(loaded, temperature, top_p) -> None:
    """3,000 first tokens under seeds of their own: chi-square against the cut, warmed softmax."""
    model, tokenizer = loaded
    ids = prompts(1)[0]
    logits = model(input_ids=torch.from_numpy(ids)[None]).logits[0, -1].double() / temperature
    masses = logits.softmax(-1)
    ranked, order = masses.sort(descending=True)
    keep = int((ranked.cumsum(0) - ranked < top_p).sum())
    expected = torch.zeros_like(masses)
    expected[order[:keep]] = ranked[:keep] / ranked[:keep].sum()
    line, count = hand_line(ids, axes(model)), 3000
    forward = Forward(model)
    passed = forward([Stretch(line, 0, len(ids))], keep=True)
    held = passed.held.select(torch.zeros(count, dtype=torch.long))
    samplings = [
        Sampling(temperature=temperature, top_p=top_p, seed=k, max_tokens=1) for k in range(count)
    ]
    said = Decoder(forward, tokenizer, ())(
        passed.logits.expand(count, -1), held, [len(ids)] * count, samplings
    )
    counts = torch.bincount(torch.tensor([s.tokens[0] for s in said]), minlength=len(masses))
    assert counts[expected == 0].sum() == 0
    common = expected * count >= 5
    rest = (counts[~common].sum(), expected[~common].sum() * count)
    chi = ((counts[common] - expected[common] * count) ** 2 / (expected[common] * count)).sum()
    if rest[1] >= 1:
        chi += (rest[0] - rest[1]) ** 2 / rest[1]
    freedom = int(common.sum())
    assert chi < freedom + 5 * (2 * freedom) ** 0.5


def test_a_stop_string_ends_its_row(loaded) -> None:
    _, tokenizer = loaded
    free = official(loaded, prompts(1)[0], 20)
    text = tokenizer.decode(free[5:7])
    assert " " in text
    at = next(k for k in range(20) if text in tokenizer.decode(free[: k + 1]))
    for stops in ({"stop": (text,)}, {"stop_after": (text, "never said")}):
        samplings = [Sampling(max_tokens=20, **stops), Sampling(max_tokens=20)]
        found = replies(loaded, prompts(2), samplings)
        assert found[0].tokens == free[: at + 1]
        assert found[0].stopped
        assert found[1].tokens == official(loaded, prompts(2)[1], 20)
