"""Answers on scripted engines and a scripted server: seeds, states, order, bounds, faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import count, islice
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward.ask import Ask, ImageContent, Reply
from unireward.engines import OpenAIEngine, ScriptedEngine, ScriptedServer
from unireward.engines.base import BaseEngine
from unireward.errors import EngineError, EngineUnavailableError, InputError, UsageError
from unireward.media import Image
from unireward.policies import AnswerPolicy, flow, seed_of
from unireward.prompt import Prompt
from unireward.record import Candidate, Part
from unireward.sampled import Sampled, candidate_name


def prompt(name: str, words: str = "how many circles ?", task: str = "text") -> Prompt:
    return Prompt(id=name, task=task, prompt=(Part.of_text(words),))


def prompts(number: int) -> list[Prompt]:
    return [prompt(f"p{k}", f"question {k}") for k in range(number)]


def by_seed(ask: Ask) -> str:
    return f"{ask.text} {ask.sampling.seed}"


def texts(sampled: Sampled) -> dict[str, str]:
    return {candidate.id: candidate.text for candidate in sampled.candidates}


# What is asked ------------------------------------------------------------------------------


def test_every_candidate_has_its_own_seed_and_name() -> None:
    policy = AnswerPolicy(ScriptedEngine(by_seed))
    for sampled in policy.sample(prompts(3), 30, seed=5):
        name = sampled.prompt.id
        assert list(sampled.seeds) == [candidate_name(k) for k in range(30)]
        assert list(sampled.seeds.values()) == [seed_of(5, name, k) for k in range(30)]
        assert texts(sampled) == {
            place: f"{sampled.prompt.text} {seed}" for place, seed in sampled.seeds.items()
        }
        assert sampled.left_out == {}
        assert sampled.policy == "scripted"


def test_the_settings_reach_the_engine_and_the_record() -> None:
    engine = ScriptedEngine("two")
    policy = AnswerPolicy(
        engine, name="mine", temperature=0.7, top_p=0.9, max_tokens=40, stop="\n", system="brief"
    )
    (sampled,) = policy.sample([prompt("p", task="image_understanding")], 2, 0)
    for ask in engine.seen:
        assert (ask.sampling.temperature, ask.sampling.top_p) == (0.7, 0.9)
        assert (ask.sampling.max_tokens, ask.sampling.stop) == (40, ("\n",))
        assert [message.role for message in ask.messages] == ["system", "user"]
    told = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 40, "stop": ["\n"], "system": "brief"}
    assert sampled.record().meta["sampled"] == {
        "policy": "mine", "seeds": sampled.seeds, "settings": told,
    }  # fmt: skip


def test_all_asks_of_a_call_are_one_stream_that_shares_pictures() -> None:
    class Counting(ScriptedEngine):
        streams = 0

        def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
            self.streams += 1
            return super().stream(asks)

    engine = Counting("two")
    shown = Part(type="image", media=Image(np.zeros((4, 4, 3), np.uint8)))
    asked = [
        Prompt(id=f"p{k}", task="image_understanding", prompt=(shown, Part.of_text("?")))
        for k in range(10)
    ]
    AnswerPolicy(engine).sample(asked, 4, 0)
    assert (engine.streams, engine.calls) == (1, 40)
    media = [ask.media[0] for ask in engine.seen]
    handles = [one.image for one in media if isinstance(one, ImageContent)]
    assert len({id(one) for one in handles[:4]}) == 1


def test_a_server_is_sent_seed_and_settings() -> None:
    engine = ScriptedEngine(by_seed)
    with ScriptedServer(engine) as server, OpenAIEngine(server.url) as client:
        policy = AnswerPolicy(client, temperature=0.5, top_p=0.25, max_tokens=7, stop=("x", "y"))
        (sampled,) = policy.sample([prompt("p")], 3, seed=2)
        sent = {ask.sampling.seed: ask.sampling for ask in engine.seen}
        assert set(sent) == {seed_of(2, "p", k) for k in range(3)}
        for one in sent.values():
            assert (one.temperature, one.top_p, one.max_tokens) == (0.5, 0.25, 7)
            assert one.stop == ("x", "y")
        assert texts(sampled) == {
            name: f"how many circles ? {seed}" for name, seed in sampled.seeds.items()
        }
        assert policy.name == client.name
        assert policy.identity == client.identity


# What comes back ----------------------------------------------------------------------------


@settings(max_examples=25)
@given(
    window=st.integers(1, 40), draw=st.integers(0, 9), n=st.integers(1, 5), first=st.integers(0, 8)
)
def test_the_same_whatever_the_engines_order_and_the_company(
    window: int, draw: int, n: int, first: int
) -> None:
    """Answers that come in any order, of any part of the prompts: a resumed call included."""
    asked = prompts(9)
    whole = AnswerPolicy(ScriptedEngine(by_seed)).sample(asked, 5, 3)
    policy = AnswerPolicy(ScriptedEngine(by_seed, window=window, seed=draw))
    part = policy.sample(asked[first:], n, 3)
    assert [one.prompt for one in part] == asked[first:]
    for one, wanted in zip(part, whole[first:]):
        assert one.candidates == wanted.candidates[:n]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(text="two circ", finish_reason="length"), "truncated"),
        (Reply(text="", finish_reason="length"), "truncated"),
        (Reply(text=" \n\t", finish_reason="stop"), "empty"),
        (Reply(text=None, finish_reason="stop"), "empty"),
        (Reply(text="I cannot", finish_reason="content_filter"), "refused"),
        (Reply(error="out of memory on cuda"), "out of memory on cuda"),
        (Reply(text="two \ud800"), "holds half a surrogate pair"),
    ],
)
def test_what_is_no_answer_is_left_out_with_its_reason(reply: Reply, reason: str) -> None:
    """Place b fails and leaves a gap; the others are there."""
    bad = seed_of(0, "p", 1)
    engine = ScriptedEngine(lambda ask: reply if ask.sampling.seed == bad else "two")
    (sampled,) = AnswerPolicy(engine).sample([prompt("p")], 3, 0)
    assert texts(sampled) == {"a": "two", "c": "two"}
    assert sampled.left_out == {"b": reason}
    assert set(sampled.seeds) == {"a", "b", "c"}


def test_planned_faults_of_an_engine() -> None:
    faults = {0: "error", 1: "truncated", 2: "refused", 3: "drop"}
    (sampled,) = AnswerPolicy(ScriptedEngine("two circles", faults=faults)).sample(
        [prompt("p")], 5, 0
    )
    assert sampled.left_out == {
        "a": "planned fault", "b": "truncated", "c": "refused",
        "d": "connection lost (planned fault)",
    }  # fmt: skip
    assert texts(sampled) == {"e": "two circles"}


def test_a_prompt_without_any_answer_has_no_record() -> None:
    engine = ScriptedEngine("two", faults=lambda number, ask: "truncated")
    (sampled,) = AnswerPolicy(engine).sample([prompt("p")], 2, 0)
    assert (sampled.candidates, sampled.left_out) == ((), {"a": "truncated", "b": "truncated"})
    with pytest.raises(InputError, match=r"prompt p: has no candidate \(truncated\)"):
        sampled.record()


def test_equal_answers_are_kept_and_lose_their_outer_white_space() -> None:
    (sampled,) = AnswerPolicy(ScriptedEngine("\n two  circles \n")).sample([prompt("p")], 3, 0)
    assert texts(sampled) == dict.fromkeys("abc", "two  circles")


def test_a_prompt_that_cannot_be_asked_costs_no_call(tmp_path) -> None:
    words = Part.of_text("what moves ?")
    odd = [
        prompt("empty", " \n"),
        prompt("long", "a" * 50_001),
        prompt("drawn", task="image_generation"),
        Prompt(
            id="lost", task="video_understanding",
            prompt=(Part(type="video", path=str(tmp_path / "no.mp4")), words),
        ),
    ]  # fmt: skip
    engine = ScriptedEngine("two")
    found = AnswerPolicy(engine).sample([prompt("p"), *odd, prompt("q")], 2, 0)
    assert engine.calls == 4
    reasons = {one.prompt.id: one.left_out for one in found}
    assert reasons == {
        "p": {},
        "empty": dict.fromkeys("ab", "the prompt is empty"),
        "long": dict.fromkeys("ab", "the prompt is longer than 50,000 characters"),
        "drawn": dict.fromkeys("ab", "is text, and image_generation wants image"),
        "lost": dict.fromkeys("ab", f"{tmp_path}/no.mp4: no such file; check the path"),
        "q": {},
    }


# Streaming ----------------------------------------------------------------------------------


def test_prompts_without_end_are_pulled_as_they_are_needed() -> None:
    pulled: list[int] = []

    def endless() -> Iterator[Prompt]:
        for k in count():
            pulled.append(k)
            yield prompt(f"p{k}", f"question {k}")

    policy = AnswerPolicy(ScriptedEngine(by_seed))
    found = list(islice(policy.sample_stream(endless(), 4, 0), 20))
    assert [one.prompt.id for one in found] == [f"p{k}" for k in range(20)]
    assert len(pulled) == 20


class Late(BaseEngine):
    """Answers the first ask of each stream last, when no more are given to it."""

    name = identity = "late"

    def __init__(self) -> None:
        self.most = 0

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        numbered = enumerate(asks)
        first = next(numbered, None)
        for index, ask in numbered:
            self.most = max(self.most, index)
            yield index, Reply(text=by_seed(ask))
        if first is not None:
            yield first[0], Reply(text=by_seed(first[1]))


def test_a_late_answer_holds_back_a_bounded_number() -> None:
    engine, asked = Late(), prompts(2 * flow.WINDOW)
    found = AnswerPolicy(engine).sample_stream(iter(asked), 2, 0)
    assert [one.prompt for one in found] == asked
    assert engine.most == flow.WINDOW - 1


def test_a_long_run_of_prompts_that_cannot_be_asked() -> None:
    asked = [prompt(f"p{k}", " ") for k in range(3 * flow.WINDOW)]
    engine = ScriptedEngine("two")
    found = AnswerPolicy(engine).sample_stream(iter([*asked, prompt("last")]), 1, 0)
    assert sum(1 for one in found if one.left_out) == 3 * flow.WINDOW
    assert engine.calls == 1


def test_a_fault_of_the_source_comes_after_what_was_before_it() -> None:
    def breaking() -> Iterator[Prompt]:
        yield from prompts(3)
        raise InputError("p.jsonl:4: is no JSON we can read")

    found = AnswerPolicy(ScriptedEngine(by_seed, window=8)).sample_stream(breaking(), 2, 0)
    assert [next(found).prompt.id for _ in range(3)] == ["p0", "p1", "p2"]
    with pytest.raises(InputError, match=r"p\.jsonl:4"):
        next(found)


def test_an_engine_that_is_of_no_use_raises() -> None:
    policy = AnswerPolicy(ScriptedEngine("x", faults={0: "unavailable"}))
    with pytest.raises(EngineUnavailableError, match="is unavailable"):
        policy.sample(prompts(1), 1, 0)

    class Silent(BaseEngine):
        name = "silent"

        def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
            yield from ((0, Reply()) for _ in range(0 * len([*asks])))

    with pytest.raises(EngineError, match="engine silent left asks unanswered"):
        AnswerPolicy(Silent()).sample(prompts(1), 1, 0)


def test_no_prompts_no_calls() -> None:
    engine = ScriptedEngine("x")
    assert AnswerPolicy(engine).sample([], 4, 0) == []
    assert engine.calls == 0


# Wrong use ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -1.0}, "temperature: "),
        ({"temperature": float("nan")}, "temperature: must be a finite number"),
        ({"top_p": 0.0}, "top_p: "),
        ({"top_p": 1.5}, "top_p: "),
        ({"max_tokens": 0}, "max_tokens: "),
        ({"max_tokens": 2.5}, "max_tokens: must be a whole number"),
        ({"stop": ("", "x")}, "stop: holds an empty string, which ends nothing; leave it out"),
        ({"frames": "eight"}, "frames: frame rule 'eight' has no number"),
        ({"temprature": 1}, "temprature is no option of a policy that answers; use frames, "),
    ],
)
def test_an_option_that_is_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        AnswerPolicy(ScriptedEngine("x"), **options)


def test_calls_that_make_no_sense() -> None:
    policy = AnswerPolicy(ScriptedEngine("x"))
    with pytest.raises(UsageError, match="n is 0; ask for one candidate or more"):
        policy.sample_stream(prompts(1), 0, 0)
    greedy = AnswerPolicy(ScriptedEngine("x"), temperature=0)
    assert len(greedy.sample(prompts(2), 1, 0)) == 2
    with pytest.raises(UsageError, match="temperature is 0 and n is 4, which gives one answer 4"):
        greedy.sample_stream(prompts(1), 4, 0)


def test_log_probabilities_need_transformers() -> None:
    record = prompt("p").with_candidates([Candidate(id="a", content=(Part.of_text("two"),))])
    for engine in (ScriptedEngine("x"), OpenAIEngine("http://127.0.0.1:9/v1")):
        with pytest.raises(UsageError, match=f"need transformers, .* of kind '{engine.kind}'"):
            AnswerPolicy(engine).logprob([record])
