"""The cached engine: what is asked again, what is not, and in what order answers come."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

import pytest

from unireward.ask import Ask, ImageContent, Message, Sampling, TextContent
from unireward.engines.base import BaseEngine
from unireward.engines.cache import ReplyCache
from unireward.engines.cached import CachedEngine
from unireward.engines.scripted import ScriptedEngine
from unireward.errors import EngineUnavailableError, MediaError
from unireward.protocols import Engine


def ask(text: str, *, choices: tuple[str, ...] = (), **sampling) -> Ask:
    message = Message("user", (TextContent(text),))
    return Ask((message,), choices=choices, sampling=Sampling(**sampling))


@pytest.fixture
def cache(tmp_path) -> Iterator[ReplyCache]:
    with_file = ReplyCache(tmp_path)
    yield with_file
    with_file.close()


def echo(**options) -> ScriptedEngine:
    return ScriptedEngine(lambda a: a.text, identity="echo", **options)


def test_it_is_the_engine_it_holds(cache) -> None:
    inner = echo(name="m", kind="openai", capabilities=("generate",))
    engine = CachedEngine(inner, cache)
    assert isinstance(engine, Engine)
    assert (engine.name, engine.kind, engine.identity) == ("m", "openai", "echo")
    assert engine.capabilities == {"generate"}


def test_a_second_run_asks_nothing(cache) -> None:
    asks = [ask(str(n)) for n in range(20)]
    first = CachedEngine(echo(), cache).generate(asks)
    inner = echo()
    again = CachedEngine(inner, cache).generate(asks)
    assert inner.calls == 0
    assert [r.text for r in again] == [r.text for r in first] == [str(n) for n in range(20)]
    assert not any(r.cached for r in first)
    assert all(r.cached for r in again)


def test_other_models_other_samplings_and_other_choices_are_other_questions(cache) -> None:
    CachedEngine(echo(), cache).generate([ask("x")])
    inner = echo()
    engine = CachedEngine(inner, cache)
    list(engine.stream([ask("x", seed=1), ask("x", max_tokens=9), ask("x", choices=("x", "y"))]))
    assert inner.calls == 3
    other = ScriptedEngine(lambda a: "other", identity="other")
    assert CachedEngine(other, cache).generate([ask("x")])[0].text == "other"


def test_sampled_asks_are_asked_each_time(cache) -> None:
    inner = echo()
    engine = CachedEngine(inner, cache)
    engine.generate([ask("x", temperature=0.7), ask("x", temperature=0.7)])
    engine.generate([ask("x", temperature=0.7)])
    assert inner.calls == 3
    assert len(cache) == 0


@pytest.mark.parametrize("window", [1, 8])
def test_equal_asks_in_one_stream_are_asked_once(cache, window) -> None:
    inner = echo(window=window)
    texts = [str(n % 5) for n in range(30)]
    replies = CachedEngine(inner, cache).generate([ask(text) for text in texts])
    assert [r.text for r in replies] == texts
    assert inner.calls == 5
    assert sum(r.cached for r in replies) == 25


def test_errors_are_shared_by_followers_and_asked_again_later(cache) -> None:
    inner = echo(faults={0: "error"}, window=3)
    engine = CachedEngine(inner, cache)
    replies = engine.generate([ask("x")] * 3)
    assert [r.error for r in replies] == ["planned fault"] * 3
    assert not any(r.cached for r in replies)
    assert engine.generate([ask("x")])[0].text == "x"
    assert inner.calls == 2


def test_truncated_replies_are_kept_with_their_state(cache) -> None:
    engine = CachedEngine(echo(faults={0: "truncated"}), cache)
    engine.generate([ask("abcd")])
    (again,) = engine.generate([ask("abcd")])
    assert (again.text, again.finish_reason, again.cached) == ("ab", "length", True)


def test_a_long_run_of_known_asks_stays_lazy_and_bounded(cache) -> None:
    CachedEngine(echo(), cache).generate([ask("known")])
    pulled = 0

    def endless() -> Iterator[Ask]:
        nonlocal pulled
        for _ in count():
            pulled += 1
            yield ask("known")

    engine = CachedEngine(echo(), cache)
    assert len(list(islice(engine.stream(endless()), 1000))) == 1000
    assert pulled <= 1000 + 256


def test_known_and_new_asks_are_each_answered_once(cache) -> None:
    CachedEngine(echo(), cache).generate([ask(str(n)) for n in range(0, 2000, 2)])
    inner = echo(window=7)
    asks = [ask(str(n)) for n in range(1200)] + [ask("0")] * 600
    pairs = list(CachedEngine(inner, cache).stream(asks))
    assert sorted(index for index, _ in pairs) == list(range(1800))
    assert all(reply.text == asks[index].text for index, reply in pairs)
    assert inner.calls == 600


def test_a_reply_is_on_disk_before_it_is_handed_on(cache) -> None:
    for place, (_, reply) in enumerate(
        CachedEngine(echo(), cache).stream(ask(str(n)) for n in range(5))
    ):
        assert not reply.cached
        assert len(ReplyCache(cache.path)) == place + 1


def test_a_medium_that_cannot_be_read_is_the_engines_to_say(cache) -> None:
    class Broken:
        @property
        def digest(self) -> str:
            raise MediaError("a.png: truncated")

    bad = Ask((Message("user", (ImageContent(Broken()), TextContent("x"))),))  # type: ignore[arg-type]
    engine = CachedEngine(ScriptedEngine("said", identity="s"), cache)
    assert [r.text for r in engine.generate([ask("x"), bad])] == ["said", "said"]
    assert len(cache) == 1


def test_an_unavailable_engine_raises_before_any_reply(cache) -> None:
    engine = CachedEngine(echo(faults={0: "unavailable"}), cache)
    got = []
    with pytest.raises(EngineUnavailableError):
        got.extend(engine.stream([ask("x"), ask("y")]))
    assert got == []


def test_closing_the_stream_closes_the_engines(cache) -> None:
    closed = []

    class Watched(BaseEngine):
        identity = "watched"

        def stream(self, asks):
            try:
                yield from echo().stream(asks)
            finally:
                closed.append(True)

    stream = CachedEngine(Watched(), cache).stream([ask("a"), ask("b")])
    next(stream)
    stream.close()
    assert closed == [True]
