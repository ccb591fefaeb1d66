"""Answers of real architectures: the same in any company, and as likely as training finds them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engines.architectures import save_checkpoint
from unireward.engines import CachedEngine, ReplyCache, TransformersEngine
from unireward.engines.sequences import Encoder
from unireward.families import get_family
from unireward.families.family import Family
from unireward.media import Image, Video
from unireward.policies import AnswerPolicy, Showing, plain_ask
from unireward.prompt import Prompt
from unireward.record import Candidate, Label, Part, Record
from unireward.training.collate import Collator
from unireward.training.data_config import DataConfig
from unireward.training.examples import asks_of
from unireward.training.maker import Maker
from unireward.training.objectives import sequence_logps
from unireward.training.trainee import Trainee

NAMES = ("qwen2_5_vl", "qwen3_vl", "llava")


@pytest.fixture(scope="module", params=NAMES)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """Random weights of three architectures; two go the quick path, one the plain one."""
    torch.set_num_threads(1)
    path = save_checkpoint(request.param, tmp_path_factory.mktemp(request.param))
    made = TransformersEngine(path, device="cpu", name=request.param)
    yield made
    made.close()


def picture(seed: int) -> Part:
    shape = (40 + 16 * (seed % 3), 56, 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return Part(type="image", media=Image(pixels))


def clip(seed: int) -> Part:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 40, 56, 3), dtype=np.uint8)
    return Part(type="video", media=Video(pixels, fps=8))


def prompts() -> list[Prompt]:
    """Words alone, a picture, a clip, two pictures: of unlike lengths."""
    shown = [
        ("text", ()),
        ("image_understanding", (picture(0),)),
        ("video_understanding", (clip(1),)),
        ("image_understanding", (picture(2), picture(3))),
    ]
    words = ("two red circles", "one large blue star left of three squares", "how many hearts")
    return [
        Prompt(id=f"p{k}", task=task, prompt=(*media, Part.of_text(words[k % 3])))
        for k, (task, media) in enumerate(shown)
    ]


def policy_of(engine: TransformersEngine, **options: Any) -> AnswerPolicy:
    return AnswerPolicy(engine, **{"max_tokens": 6, "frames": "linspace:3", **options})


def said(policy: AnswerPolicy, asked: list[Prompt], n: int, seed: int) -> dict[str, list[Any]]:
    return {
        one.prompt.id: [[(c.id, c.text) for c in one.candidates], one.left_out, one.seeds]
        for one in policy.sample(asked, n, seed)
    }


def test_a_candidate_is_the_same_in_any_company(engine: TransformersEngine) -> None:
    policy, asked = policy_of(engine, stop=("red",)), prompts()
    together = said(policy, asked, 4, seed=7)
    assert said(policy, asked[::-1], 4, seed=7) == together
    for one in asked:
        alone = said(policy, [one], 2, seed=7)[one.id]
        whole = together[one.id]
        assert alone[0] == [pair for pair in whole[0] if pair[0] in "ab"]
        assert alone[1] == {name: why for name, why in whole[1].items() if name in "ab"}


def test_seeds_give_other_answers_and_the_same_seed_the_same(engine: TransformersEngine) -> None:
    policy, asked = policy_of(engine, max_tokens=3, stop=("a", "e", "o")), prompts()[:2]
    first = said(policy, asked, 6, seed=0)
    assert first == said(policy, asked, 6, seed=0)
    assert first != said(policy, asked, 6, seed=1)
    for texts, _, seeds in first.values():
        assert len(set(seeds.values())) == 6
        assert len({text for _, text in texts}) > 1


def test_temperature_and_top_p_reach_the_model(engine: TransformersEngine) -> None:
    """The smallest mass is the likeliest token each time: what a greedy policy says."""
    asked = prompts()[:2]
    greedy = said(policy_of(engine, temperature=0.0, max_tokens=4), asked, 1, 0)
    narrow = said(policy_of(engine, temperature=5.0, top_p=1e-6, max_tokens=4), asked, 2, 3)
    for name, (texts, left_out, _) in greedy.items():
        assert [text for _, text in narrow[name][0]] == [text for _, text in texts] * 2
        assert set(narrow[name][1].values()) == set(left_out.values())


# Log-probabilities --------------------------------------------------------------------------

ANSWERS = ("two circles", "one large red star", "three")


def records() -> list[Record]:
    return [
        one.with_candidates(
            [Candidate(id=n, content=(Part.of_text(t),)) for n, t in zip("abc", ANSWERS)],
            label=Label(ranking=(("a",), ("b",), ("c",))),
        )
        for one in prompts()
    ]


def family() -> Family:
    """Shows media as the policy of these tests does."""
    tiny = get_family("tiny")
    spec = tiny.spec.model_copy(update={"layouts": {}, "resize": None, "frames": "linspace:3"})
    return Family(spec, tiny.readers)


def trained(engine: TransformersEngine, record: Record) -> dict[str, tuple[float, int]]:
    """What training sums up for each answer, from its own maker, collator and forward."""
    config = DataConfig(sources=({"world": "all/pair"},))  # pyright: ignore
    out: dict[str, tuple[float, int]] = {}
    for example in Maker(config, family(), "dpo")(record).examples:
        batch = Collator(engine.processor, family(), config)([example])
        with torch.inference_mode():
            logits = Trainee(engine.model)(batch).logits
            assert logits is not None
            sums, counts = sequence_logps(logits, batch["targets"], batch["sequence"], 2)
        for row, name in enumerate(example.order):
            out[name] = (sums[row].item(), int(counts[row]))
    return out


def test_the_sum_is_trainings_own(engine: TransformersEngine) -> None:
    found = policy_of(engine).logprob(records())
    assert len(found) == 4
    sums = []
    for one, record in zip(found, records()):
        wanted = trained(engine, record)
        assert list(one) == ["a", "b", "c"]
        for name, (total, tokens) in wanted.items():
            assert one[name].sum == pytest.approx(total, abs=1e-4)
            assert one[name].tokens == tokens
            assert one[name].each is None
        sums += [answer.sum for answer in one.values()]
    assert len({round(total or 0.0, 3) for total in sums}) == 12


def test_each_token_by_a_forward_of_its_own(engine: TransformersEngine) -> None:
    policy, record = policy_of(engine), records()[1]
    ask = plain_ask(record.prompt, Showing(frames="linspace:3"))
    encoder = Encoder(engine.processor)
    (found,) = policy.logprob([record], per_token=True)
    for candidate in record.candidates:
        (row,) = encoder([ask], [("", candidate.text)])
        inputs = {k: torch.tensor([v]) for k, v in row.tokens.items()} | row.media
        with torch.inference_mode():
            logs = engine.model(**inputs).logits[0].float().log_softmax(-1)
        wanted = [logs[row.prompt - 1 + k, token].item() for k, token in enumerate(row.reply)]
        assert row.reply[-1] == encoder.end_token
        one = found[candidate.id]
        assert one.each == pytest.approx(wanted, abs=1e-4)
        assert one.sum == pytest.approx(math.fsum(wanted), abs=1e-4)
        assert one.mean == pytest.approx(math.fsum(wanted) / len(wanted), abs=1e-4)


def test_batches_change_no_number(engine: TransformersEngine) -> None:
    whole = policy_of(engine).logprob(records())
    rows, tokens = engine.max_batch, engine.batch_tokens
    try:
        for engine.max_batch, engine.batch_tokens in ((1, tokens), (5, tokens), (rows, 70)):
            for one, wanted in zip(policy_of(engine).logprob(records()), whole):
                got = {name: answer.sum for name, answer in one.items()}
                expected = {name: answer.sum for name, answer in wanted.items()}
                assert got == pytest.approx(expected, abs=1e-4)
    finally:
        engine.max_batch, engine.batch_tokens = rows, tokens


def test_training_and_sampling_are_asked_the_same() -> None:
    config = DataConfig(sources=({"world": "all/pair"},))  # pyright: ignore
    for record in records():
        example = Maker(config, family(), "dpo")(record).examples[0]
        asked = {ask.digest for ask in asks_of(example, family())}
        assert asked == {plain_ask(record.prompt, Showing(frames="linspace:3")).digest}


def test_a_model_in_training_reads_without_dropout_and_goes_on_training(
    engine: TransformersEngine,
) -> None:
    wanted = policy_of(engine).logprob(records()[:1])
    engine.model.train()
    try:
        assert policy_of(engine).logprob(records()[:1]) == wanted
        assert engine.model.training
    finally:
        engine.model.eval()


def test_adapters_off_is_the_model_that_they_were_put_on(tmp_path: Path) -> None:
    """What a reference model says of an answer, and the policy that is learning beside it."""
    from peft import LoraConfig, get_peft_model

    torch.set_num_threads(1)
    engine = TransformersEngine(save_checkpoint("qwen3_vl", tmp_path), device="cpu")
    shown = records()[:2]
    before = policy_of(engine).logprob(shown)
    lora = LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    model = get_peft_model(engine.model, lora)
    learning = policy_of(TransformersEngine.of(model, engine.processor, name="learning"))
    with model.disable_adapter():
        off = learning.logprob(shown)
    on = learning.logprob(shown)
    for was, reference, now in zip(before, off, on, strict=True):
        for name in "abc":
            assert reference[name].sum == pytest.approx(was[name].sum, abs=1e-5)
            assert now[name].sum != pytest.approx(was[name].sum, abs=1e-2)


def test_what_cannot_be_read_is_a_state(engine: TransformersEngine, tmp_path: Path) -> None:
    drawn = Candidate(id="b", content=(picture(1),))
    blank = Candidate(id="c", content=(Part.of_text("  \n"),))
    answer = Candidate(id="a", content=(Part.of_text(" two circles\n"),))
    good, shown = prompts()[:2]
    lost = shown.model_copy(
        update={"id": "lost", "prompt": (Part(type="image", path=str(tmp_path / "no.png")),
                                         Part.of_text("how many"))}
    )  # fmt: skip
    mute = Prompt(id="mute", task="text", prompt=(Part.of_text(" "),))
    asked = [one.with_candidates([answer, drawn, blank]) for one in (good, lost, mute, good)]
    first, missing, empty, again = policy_of(engine).logprob(asked)
    assert (first["b"].sum, first["b"].reason) == (None, "is no text")
    assert (first["c"].sum, first["c"].reason, first["c"].mean) == (None, "empty", None)
    # White space around an answer is none of it, here as in training.
    (bare,) = policy_of(engine).logprob([records()[0]])
    for one in (first, again):
        assert one["a"].sum == pytest.approx(bare["a"].sum, abs=1e-4)
        assert one["a"].tokens == bare["a"].tokens
    assert "no.png: no such file" in (missing["a"].reason or "")
    assert {one.reason for one in empty.values()} == {
        "record mute: prompt is empty; give the text to judge by"
    }


def test_a_cache_before_the_engine_changes_nothing(
    engine: TransformersEngine, tmp_path: Path
) -> None:
    cached = AnswerPolicy(CachedEngine(engine, ReplyCache(tmp_path)), frames="linspace:3")
    assert cached.logprob(records()[:1]) == policy_of(engine).logprob(records()[:1])
