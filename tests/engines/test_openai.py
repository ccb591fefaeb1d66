"""The endpoint client against a real server on loopback: its faults, retries, bounds, secrets."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random

import numpy as np
import pytest

from unireward.ask import Ask, ImageContent, Message, Reply, Sampling, TextContent
from unireward.engines.cache import ReplyCache
from unireward.engines.cached import CachedEngine
from unireward.engines.openai import OpenAIEngine
from unireward.engines.retry import Clock, Retry
from unireward.engines.scripted import ScriptedEngine
from unireward.engines.serve_scripted import ScriptedServer, Status
from unireward.engines.wire import NO_LOGPROBS
from unireward.errors import EngineError, EngineUnavailableError, UsageError
from unireward.media import Image

KEY = "sk-very-secret-0123456789"
WALL = 1767323045.0  # Fri, 02 Jan 2026 03:04:05 GMT


@dataclass
class Hours:
    """A clock that goes on only when somebody sleeps by it."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: WALL + self.now, self.sleep)


@pytest.fixture(autouse=True)
def no_keys(monkeypatch) -> None:
    for name in ("UNIREWARD_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hours() -> Hours:
    return Hours()


def ask(text: str, *images: Image, choices: tuple[str, ...] = (), **sampling) -> Ask:
    contents = (*(ImageContent(image) for image in images), TextContent(text))
    return Ask((Message("user", contents),), choices=choices, sampling=Sampling(**sampling))


def echo(**options) -> ScriptedEngine:
    return ScriptedEngine(lambda a: a.text, **options)


def engine_for(server: ScriptedServer, hours: Hours | None = None, **options) -> OpenAIEngine:
    if hours is not None:
        options["clock"] = hours.clock
    return OpenAIEngine(server.url, **options)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


# What is sent and what comes back -------------------------------------------------------------


def test_asks_come_back_as_the_server_said_them() -> None:
    with ScriptedServer(echo()) as server, engine_for(server) as engine:
        replies = engine.generate([ask(f"question {n} ?") for n in range(50)])
        assert [reply.text for reply in replies] == [f"question {n} ?" for n in range(50)]
        assert {(r.finish_reason, r.prompt_tokens, r.tokens, r.retries) for r in replies} == {
            ("stop", 3, 3, 0)
        }
        assert server.requests == 50
        assert (server.bodies[0]["temperature"], server.bodies[0]["seed"]) == (0.0, 0)


def test_images_arrive_in_order_with_the_text_last() -> None:
    red, blue = (Image(np.full((8, 16, 3), rgb, np.uint8)) for rgb in ((200, 0, 0), (0, 0, 200)))
    seen: list[Ask] = []
    with (
        ScriptedServer(ScriptedEngine(lambda a: seen.append(a) or "ok")) as server,
        engine_for(server) as engine,
    ):
        engine.generate([ask("which?", red, blue)] * 3)
        assert engine.encoder.encoded == 2
    (first, second), (text,) = (
        seen[0].media,
        [part for part in seen[0].messages[0].content if isinstance(part, TextContent)],
    )
    assert seen[0].messages[0].content[-1] == text == TextContent("which?")
    for part, channel in ((first, 0), (second, 2)):
        assert isinstance(part, ImageContent)
        pixels = np.asarray(part.image.load())
        assert pixels.shape == (8, 16, 3)
        assert pixels[..., channel].mean() > 190
        assert pixels.mean(axis=(0, 1)).argmax() == channel


def test_the_same_choices_as_in_process() -> None:
    logs = {"Image 1 is better": -0.4, "Image 2 is better": -1.3, "Both are equal.": -4.5}
    scripted = ScriptedEngine(lambda a: logs)
    asks = [ask("x", choices=tuple(logs)), ask("y", choices=tuple(reversed(logs)))]
    with ScriptedServer(scripted) as server, engine_for(server) as engine:
        over, within = engine.choose(asks), scripted.choose(asks)
    for far, near in zip(over, within):
        assert far.text == near.text
        assert near.choices is not None
        assert far.choices == pytest.approx(near.choices)
        assert list(far.choices or ()) == list(near.choices)


def test_a_server_that_refuses_logprobs_is_asked_without_from_then_on() -> None:
    scripted = ScriptedEngine("yes", capabilities=("generate",))
    asks = [ask(str(n), choices=("yes", "no")) for n in range(4)]
    with ScriptedServer(scripted) as server, engine_for(server, concurrency=1) as engine:
        assert "choose" in engine.capabilities
        replies = engine.choose(asks)
        assert {(r.text, r.choices, r.error, r.notes) for r in replies} == {
            ("yes", None, None, (NO_LOGPROBS,))
        }
        assert "choose" not in engine.capabilities
        assert server.requests == 5
        assert [body.get("logprobs") for body in server.bodies] == [True, None, None, None, None]
        with pytest.raises(UsageError, match="gives no log-probabilities"):
            engine.choose(asks)


# One ask's failures ---------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [408, 429, 500, 502, 503, 504, "reset", "close", "half"])
def test_what_may_pass_is_asked_again(fault, hours) -> None:
    plan = {1: fault, 2: fault}
    with (
        ScriptedServer(echo(), faults=plan) as server,
        engine_for(server, hours, concurrency=1) as engine,
    ):
        replies = engine.generate([ask("a"), ask("b"), ask("c")])
        assert [(r.text, r.error, r.retries) for r in replies] == [
            ("a", None, 0),
            ("b", None, 2),
            ("c", None, 0),
        ]
        assert server.requests == 5
        assert len(hours.slept) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 410, 413, 418, 422, 451])
def test_any_other_4xx_is_that_asks_error_at_once(status, hours) -> None:
    plan = {1: Status(status, message="too many\nimages: 17")}
    with (
        ScriptedServer(echo(), faults=plan) as server,
        engine_for(server, hours, concurrency=1) as engine,
    ):
        good, bad, after = engine.generate([ask("a"), ask("b"), ask("c")])
        assert (good.text, after.text) == ("a", "c")
        assert bad.text is None
        assert bad.error is not None
        assert bad.error.startswith(f"the server answered {status} ")
        assert bad.error.endswith(": too many images: 17")
        assert (server.requests, hours.slept, bad.retries) == (3, [], 0)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("html", "the server answered 200 with text/html, which is no JSON"),
        ("garbage", "the server answered 200 with application/json, which is no JSON"),
        ("empty", "the server answered 200 without choices"),
        ("null", "the server answered 200 with content null (finish_reason stop)"),
        ("huge", "the server's answer exceeds 32 MB"),
        (302, "the server answered 302 Found: planned fault"),
    ],
)
def test_a_lying_server_is_that_asks_error_and_not_asked_again(fault, message, hours) -> None:
    with (
        ScriptedServer(echo(), faults={0: fault}) as server,
        engine_for(server, hours, concurrency=1) as engine,
    ):
        bad, good = engine.generate([ask("a"), ask("b")])
        assert bad.error is not None
        assert bad.error.startswith(message)
        assert good.text == "b"
        assert (server.requests, hours.slept) == (2, [])


def test_waits_double_with_full_jitter_until_the_attempts_are_spent(hours) -> None:
    retry = Retry(retries=5, base=0.5, cap=4.0, deadline=1000.0, random=Random(42))
    draws = Random(42)
    expected = [draws.uniform(0.0, ceiling) for ceiling in (0.5, 1.0, 2.0, 4.0, 4.0)]
    with (
        ScriptedServer(echo(), faults=lambda number, a: Status(503, message="loading")) as server,
        engine_for(server, hours, retry=retry) as engine,
    ):
        (reply,) = engine.generate([ask("a")])
        assert hours.slept == expected
        assert server.requests == 6
        assert reply.error == "the server answered 503 Service Unavailable: loading (6 attempts)"
        assert reply.retries == 5
        assert reply.seconds == pytest.approx(sum(expected))


@pytest.mark.parametrize(
    ("header", "wait"), [("7", 7.0), ("Fri, 02 Jan 2026 03:04:16 GMT", 11.0), ("0", None)]
)
def test_the_servers_wish_is_waited_for(header, wait, hours) -> None:
    retry = Retry(base=0.5, random=Random(1))
    with (
        ScriptedServer(echo(), faults={0: Status(429, header)}) as server,
        engine_for(server, hours, retry=retry) as engine,
    ):
        (reply,) = engine.generate([ask("a")])
        assert reply.text == "a"
        assert hours.slept == [wait if wait is not None else Random(1).uniform(0.0, 0.5)]


def test_a_wish_beyond_the_deadline_ends_it_without_waiting(hours) -> None:
    with (
        ScriptedServer(echo(), faults={0: Status(429, "3600", "slow down")}) as server,
        engine_for(server, hours, retry=Retry(deadline=60.0)) as engine,
    ):
        (reply,) = engine.generate([ask("a")])
        assert hours.slept == []
        assert server.requests == 1
        assert reply.error == (
            "the server answered 429 Too Many Requests: slow down; asking again in 3600.0 s would "
            "be past the deadline of 60 s; raise the deadline or lower the concurrency"
        )


def test_the_deadline_holds_for_waits_and_attempts_together(hours) -> None:
    retry = Retry(retries=100, base=0.5, deadline=60.0, random=Random(0))
    with (
        ScriptedServer(echo(), faults=lambda number, a: Status(503, "25")) as server,
        engine_for(server, hours, retry=retry) as engine,
    ):
        (reply,) = engine.generate([ask("a")])
        assert hours.slept == [25.0, 25.0]
        assert server.requests == 3
        assert "past the deadline of 60 s" in (reply.error or "")
        assert reply.retries == 2


def test_a_hung_server_costs_one_ask_its_deadline() -> None:
    with (
        ScriptedServer(echo(), faults={1: "hang"}) as server,
        engine_for(server, concurrency=1, retry=Retry(deadline=1.5)) as engine,
    ):
        replies = engine.generate([ask("a"), ask("b"), ask("c")])
        assert [reply.text for reply in replies] == ["a", None, "c"]
        assert (replies[1].error or "").startswith(f"no answer from {server.url} within 1.5 s")
        assert server.requests == 3


def test_an_image_that_cannot_be_read_is_that_asks_error(tmp_path) -> None:
    path = tmp_path / "broken.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with ScriptedServer(echo()) as server, engine_for(server) as engine:
        bad, good = engine.generate([ask("a", Image(path)), ask("b")])
        assert "broken.png" in (bad.error or "")
        assert good.text == "b"
        assert server.requests == 1


def test_scripted_faults_keep_their_states_over_http() -> None:
    plan = {0: "truncated", 1: "refused", 2: "error"}
    with (
        ScriptedServer(echo(faults=plan)) as server,
        engine_for(server, concurrency=1) as engine,
    ):
        cut, refused, failed = engine.generate([ask("abcdef")] * 3)
        assert (cut.text, cut.finish_reason) == ("abc", "length")
        assert (refused.text, refused.finish_reason) == ("", "content_filter")
        assert failed.error == "the server answered 400 Bad Request: planned fault"


# The first contact ----------------------------------------------------------------------------


def collected(engine: OpenAIEngine, asks: list[Ask]) -> tuple[list[tuple[int, Reply]], str]:
    got: list[tuple[int, Reply]] = []
    with pytest.raises(EngineUnavailableError) as caught:
        got.extend(engine.stream(asks))
    message = str(caught.value)
    assert "\n" not in message
    return got, message


def test_a_closed_port_is_said_at_once(hours) -> None:
    url = f"http://127.0.0.1:{free_port()}/v1"
    with OpenAIEngine(url, clock=hours.clock) as engine:
        got, message = collected(engine, [ask("a")])
    assert got == []
    assert message.startswith(f"cannot reach {url} (")
    assert "start the server, or mend the address" in message
    assert hours.slept == []


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_list_of_models_stops_it(status) -> None:
    with (
        ScriptedServer(echo(), models_fault=Status(status, message="no entry")) as server,
        engine_for(server, model="scripted") as engine,
    ):
        got, message = collected(engine, [ask("a")])
        assert server.requests == 0
    assert got == []
    assert message.startswith(f"{server.url} answered GET /models with {status} ")
    assert message.endswith(": no entry; set UNIREWARD_API_KEY to a key that it accepts")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refused_first_question_stops_it(status) -> None:
    with (
        ScriptedServer(echo(), models=None, faults=lambda n, a: Status(status)) as server,
        engine_for(server, model="m", concurrency=4) as engine,
    ):
        got, message = collected(engine, [ask(str(n)) for n in range(20)])
    assert got == []
    assert f"answered POST /chat/completions with {status}" in message
    assert ("--model" in message) == (status == 404)


def test_a_model_that_is_not_served_stops_it_naming_the_servers_words() -> None:
    with ScriptedServer(echo()) as server, engine_for(server, model="other") as engine:
        _, message = collected(engine, [ask("a")])
    assert "404 Not Found: The model `other` does not exist." in message


def test_a_connection_never_made_to_a_server_without_a_list_stops_it(hours) -> None:
    with ScriptedServer(echo(), models=None) as server:
        engine = engine_for(server, hours, model="m", retry=Retry(retries=2))
        engine.connect()
    # The server is gone between the first contact and the first question.
    got, message = collected(engine, [ask("a")])
    engine.close()
    assert got == []
    assert message.startswith(f"cannot reach {server.url}")
    assert len(hours.slept) == 2


def test_a_server_that_is_still_loading_is_waited_for(hours) -> None:
    with (
        ScriptedServer(echo(), models_fault=503) as server,
        engine_for(server, hours, retry=Retry(retries=3)) as engine,
    ):
        _, message = collected(engine, [ask("a")])
        assert server.model_requests == 4
        assert "503 Service Unavailable: planned fault (4 attempts)" in message
        server.models_fault = None
        assert engine.generate([ask("a")])[0].text == "a"


def test_a_server_without_a_list_works_where_the_model_is_named() -> None:
    with ScriptedServer(echo(), models=None) as server, engine_for(server, model="m") as engine:
        assert engine.generate([ask("a")])[0].text == "a"
        assert engine.name == "m"


@pytest.mark.parametrize("fault", [404, "html", "garbage"])
def test_a_model_must_be_named_where_none_is_listed(fault) -> None:
    with (
        ScriptedServer(echo(), models_fault=fault) as server,
        engine_for(server) as engine,
        pytest.raises(EngineUnavailableError, match=r"lists no models; .* set model \(--model\)"),
    ):
        _ = engine.name


def test_one_of_several_models_must_be_named() -> None:
    models = [("base", "/w/base"), ("judge", "/w/judge")]
    with ScriptedServer(echo(), models=models) as server:
        with (
            engine_for(server) as engine,
            pytest.raises(UsageError, match=r"serves 2 models; .* one of: base, judge"),
        ):
            engine.connect()
        with engine_for(server, model="judge") as engine:
            assert json.loads(engine.identity) == ["openai", server.url, "judge", "/w/judge", ""]


def test_identity_tells_roots_and_salts_apart() -> None:
    with ScriptedServer(echo()) as server:
        url = server.url
        with engine_for(server) as one, engine_for(server, salt="v2") as two:
            assert one.name == two.name == "scripted"
            assert json.loads(one.identity) == ["openai", url, "scripted", "scripted", ""]
            assert json.loads(two.identity) == ["openai", url, "scripted", "scripted", "v2"]
        server.models = (("scripted", "/other/weights"),)
        with engine_for(server) as other:
            assert json.loads(other.identity)[3] == "/other/weights"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000/v1", "is no URL"),
        ("ftp://host/v1", "is no URL"),
        ("http://", "is no URL"),
        ("http://me:hidden@host/v1", "carries a name, password or query"),
        ("http://host/v1?api_key=hidden", "carries a name, password or query"),
    ],
)
def test_addresses_that_will_not_do(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        OpenAIEngine(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("tail", ["", "/", "/chat/completions", "/chat/completions/"])
def test_addresses_are_brought_to_one_form(tail: str) -> None:
    assert OpenAIEngine("http://host:8000/v1" + tail).base_url == "http://host:8000/v1"


# Many at once ---------------------------------------------------------------------------------


def test_as_many_run_at_once_as_allowed_and_no_more() -> None:
    with (
        ScriptedServer(echo(), gather=8) as server,
        engine_for(server, concurrency=8) as engine,
    ):
        # Nothing is answered before eight are under way, so a smaller number would hang.
        replies = engine.generate([ask(str(n)) for n in range(200)])
        assert [reply.text for reply in replies] == [str(n) for n in range(200)]
        assert server.peak == 8


def test_a_slow_ask_holds_up_no_other() -> None:
    asks = [ask(str(n)) for n in range(60)]
    with (
        ScriptedServer(echo(), faults={0: "hang"}) as server,
        engine_for(server, concurrency=3) as engine,
    ):
        stream = engine.stream(asks)
        got = list(islice(stream, 59))
        assert len({index for index, _ in got}) == 59
        stream.close()


def test_asks_are_pulled_as_they_are_answered() -> None:
    pulled = 0

    def endless() -> Iterator[Ask]:
        nonlocal pulled
        for number in count():
            pulled += 1
            yield ask(str(number))

    with ScriptedServer(echo()) as server, engine_for(server, concurrency=8) as engine:
        stream = engine.stream(endless())
        for _ in islice(stream, 100):
            pass
        # Eight under way and three to follow.
        assert pulled <= 100 + 8 + 3
        stream.close()


def test_the_same_stream_for_async_code() -> None:
    async def run(engine: OpenAIEngine) -> tuple[list[tuple[int, Reply]], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        got = [pair async for pair in engine.astream(ask(str(n)) for n in range(30))]
        ticking.cancel()
        return got, ticks

    with ScriptedServer(echo()) as server, engine_for(server, concurrency=4) as engine:
        got, ticks = asyncio.run(run(engine))
    assert sorted((index, reply.text) for index, reply in got) == [(n, str(n)) for n in range(30)]
    assert ticks > 30


def test_async_code_hears_that_the_endpoint_is_down() -> None:
    async def run() -> None:
        with OpenAIEngine(f"http://127.0.0.1:{free_port()}/v1") as engine:
            async for _ in engine.astream([ask("a")]):
                pytest.fail("an answer from nowhere")

    with pytest.raises(EngineUnavailableError, match="cannot reach"):
        asyncio.run(run())


def test_closing_while_asks_are_under_way_ends_the_stream() -> None:
    with ScriptedServer(echo(), faults=lambda n, a: "hang" if n else None) as server:
        engine = engine_for(server, concurrency=2)
        stream = engine.stream([ask(str(n)) for n in range(9)])
        next(stream)
        engine.close()
        with pytest.raises(EngineError, match="was closed while asks were under way"):
            next(stream)
        engine.close()


def test_an_engine_used_after_closing_opens_anew() -> None:
    with ScriptedServer(echo()) as server:
        engine = engine_for(server)
        assert engine.generate([ask("a")])[0].text == "a"
        engine.close()
        assert engine.generate([ask("b")])[0].text == "b"
        engine.close()


# Secrets --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["UNIREWARD_API_KEY", "OPENAI_API_KEY"])
def test_the_key_is_sent_and_seen_nowhere(name, monkeypatch, caplog, tmp_path) -> None:
    monkeypatch.setenv(name, f" {KEY}\n")
    caplog.set_level(logging.DEBUG)
    leak = Status(400, message="x" * 280 + f" you sent {KEY} to us")
    with ScriptedServer(echo(), key=KEY, faults={1: leak}) as server:
        cache = ReplyCache(tmp_path)
        engine = engine_for(server, concurrency=1)
        with CachedEngine(engine, cache) as cached:
            replies = cached.generate([ask("a"), ask("b")])
            shown = [repr(engine), repr(cached), repr(vars(engine)), engine.identity, engine.name]
            shown += [repr(reply) for reply in replies]
        assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert replies[0].text == "a"
    assert "400" in (replies[1].error or "")
    assert replies[1].text is None
    shown += [record.getMessage() + repr(record.args) for record in caplog.records]
    kept = [path.read_bytes() for path in tmp_path.iterdir()]
    assert kept
    # Not even the half of it that is left where a long message is cut.
    for part in (KEY, KEY[:6]):
        assert not any(part in text for text in shown)
        assert not any(part.encode() in data for data in kept)


def test_a_key_that_the_server_echoes_is_not_in_the_error(monkeypatch) -> None:
    monkeypatch.setenv("UNIREWARD_API_KEY", KEY)
    with ScriptedServer(echo(), key="another") as server, engine_for(server) as engine:
        _, message = collected(engine, [ask("a")])
    assert "401 Unauthorized: Incorrect API key provided: ***; set UNIREWARD_API_KEY" in message


def test_our_own_key_goes_before_the_common_one(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "common")
    monkeypatch.setenv("UNIREWARD_API_KEY", "own")
    with ScriptedServer(echo(), key="own") as server, engine_for(server) as engine:
        assert engine.generate([ask("a")])[0].text == "a"


@pytest.mark.parametrize("key", ["sk-a\r\nX: y", "sk-…"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(UsageError, match="OPENAI_API_KEY holds characters") as caught:
        OpenAIEngine("http://host/v1")
    assert "sk-" not in str(caught.value)


def test_no_key_no_header() -> None:
    with ScriptedServer(echo()) as server, engine_for(server) as engine:
        engine.generate([ask("a")])
        assert "authorization" not in server.headers[0]


def test_replies_of_a_server_are_cached_by_its_identity(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    with ScriptedServer(echo()) as server:
        for salt, expected in (("", 5), ("", 5), ("new", 10)):
            with CachedEngine(engine_for(server, salt=salt), cache) as engine:
                engine.generate([ask(str(n)) for n in range(5)])
            assert server.requests == expected
