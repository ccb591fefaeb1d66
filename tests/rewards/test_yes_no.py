"""The probability of a yes: by a real model's own log-probabilities, and by scripts."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tokenizers import AddedToken

from tests.engines.architectures import save_checkpoint
from tests.rewards.conftest import record
from tests.rewards.tower_checkpoints import tokenizer_of
from unireward.ask import Reply
from unireward.engines import ScriptedEngine, ScriptedServer, TransformersEngine
from unireward.engines.openai import OpenAIEngine
from unireward.engines.prompt import encode, prompt_of
from unireward.errors import InputError
from unireward.media import Image
from unireward.rewards.yes_no import IN_WORDS, YesNoReward, logsumexp, variants

YES = {"yes": math.log(0.6), "no": math.log(0.2)}
NO = {"yes": math.log(0.1), "no": math.log(0.4)}


def engine_of(pictures, replies, **options):
    said = {Image(path).digest: reply for path, reply in zip(pictures, replies)}
    return ScriptedEngine(lambda ask: said[ask.media[-1].image.digest], **options)


def test_the_score_is_the_share_of_yes(pictures):
    out = YesNoReward(engine_of(pictures, [YES])).score("two red circles", pictures[0])
    name = str(pictures[0])
    assert out.scores == {name: pytest.approx(0.75)}
    assert out.raw == {name: pytest.approx(math.log(3))}
    assert out.dimensions == {"yes": {name: pytest.approx(0.75)}}
    assert (out.asks[0].reply, out.notes) == ("yes", ())


def test_a_pair_by_the_odds(pictures):
    out = YesNoReward(engine_of(pictures, [YES, NO])).compare("x", *pictures[:2])
    p, q = 0.75, 0.2  # that a is right and b is not, given that one of them is
    assert out.preference["a"] == pytest.approx(p * (1 - q) / (p * (1 - q) + q * (1 - p)))
    assert (out.winner, out.agreement) == ("a", None)


def test_without_probabilities_the_word_counts(pictures):
    engine = engine_of(pictures, ["Yes.", "No, a square"], capabilities={"generate", "image"})
    out = YesNoReward(engine).compare("x", *pictures[:2])
    assert (out.raw, out.winner) == ({"a": 40.0, "b": -40.0}, "a")
    assert out.preference["a"] == 1.0
    assert out.notes == (IN_WORDS,)
    assert out.dimensions["yes"] == {"a": 1.0, "b": pytest.approx(0.0, abs=1e-15)}


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ("Maybe", "unparsed"),
        ("yes and no", "unparsed"),
        (Reply(text="yes", finish_reason="length"), "truncated"),
        (Reply(text="yes", choices=dict(YES), finish_reason="content_filter"), "refused"),
        (Reply(text="Perhaps", choices={"yes": -math.inf, "no": -math.inf}), "unparsed"),
        (Reply(error="lost"), "error"),
    ],
)
def test_what_is_no_answer_is_a_state(pictures, reply, status):
    (out,) = YesNoReward(engine_of(pictures, [reply]))([record(pictures[:1])])
    assert (out.status, out.scores, out.raw) == (status, {}, {})


def test_one_answer_without_any_mass_is_cut(pictures):
    engine = engine_of(pictures, [Reply(text="yes", choices={"yes": -0.1, "no": -math.inf})])
    out = YesNoReward(engine).score("x", pictures[0])
    assert (out.raw[str(pictures[0])], out.score) == (40.0, 1.0)


def test_logsumexp():
    assert logsumexp([-1000.0, -1000.0]) == pytest.approx(-1000 + math.log(2))
    assert logsumexp([]) == -math.inf


def test_a_server_is_asked_for_the_word_in_both_cases(pictures):
    """Through HTTP: the generated token is ' Yes'-like, its rivals among the alternatives."""
    masses = {"yes": math.log(0.1), "Yes": math.log(0.5), "no": math.log(0.1), "No": math.log(0.2)}
    with ScriptedServer(ScriptedEngine(lambda ask: masses)) as server:
        engine = OpenAIEngine(server.url)
        assert variants(engine) == {"yes": ("yes", "Yes"), "no": ("no", "No")}
        with YesNoReward(engine) as reward:
            out = reward.score("x", pictures[0])
    assert out.status == "ok"
    assert out.score == pytest.approx(0.6 / 0.9, rel=1e-6)


def test_a_tokenizer_without_the_words_is_refused():
    processor = SimpleNamespace(tokenizer=tokenizer_of())
    engine = ScriptedEngine("yes", name="mine")
    engine.processor = processor  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="mine: its tokenizer does not know the word 'yes'"):
        YesNoReward(engine)


# A real model -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> TransformersEngine:
    torch.set_num_threads(1)
    folder: Path = save_checkpoint("qwen2_5_vl", tmp_path_factory.mktemp("qwen"))
    engine = TransformersEngine(folder, device="cpu")
    # The drawn world's words are all in small letters.
    tokenizer = engine.processor.tokenizer
    tokenizer.add_tokens([AddedToken("Yes", normalized=False)])
    engine.model.resize_token_embeddings(len(tokenizer))
    torch.manual_seed(0)
    torch.nn.init.normal_(engine.model.lm_head.weight, std=0.3)
    return engine


def test_variants_that_a_tokenizer_writes_alike_count_once(engine):
    ids = engine.processor.tokenizer.convert_tokens_to_ids(["yes", "Yes", "no"])
    written = {
        word: [tuple(engine.processor.tokenizer(t, add_special_tokens=False).input_ids) for t in v]
        for word, v in variants(engine).items()
    }
    assert written == {"yes": [(ids[0],), (ids[1],)], "no": [(ids[2],)]}


def test_the_score_is_that_of_a_plain_forward(engine, pictures):
    reward = YesNoReward(engine)
    two = record(pictures[:2])
    (out,) = reward([two])
    (form,) = reward.family.forms_for("image_generation", "score")
    for name in "ab":
        ask = reward.family.ask(form, two, (name,), engine_kind="transformers")
        inputs = encode(engine.processor, [prompt_of(engine.processor, ask, "x")], "x")
        with torch.no_grad():
            p = engine.model(**inputs).logits[0, -1].double().softmax(-1)
        ids = engine.processor.tokenizer.convert_tokens_to_ids(["yes", "Yes", "no"])
        yes, no = (p[ids[0]] + p[ids[1]]).item(), p[ids[2]].item()
        assert out.raw[name] == pytest.approx(math.log(yes / no), abs=1e-4)
        assert out.dimensions["yes"][name] == pytest.approx(yes / (yes + no), abs=1e-5)
    assert out.raw["a"] != out.raw["b"]
