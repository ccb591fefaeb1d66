"""Asks as requests, responses as replies."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from unireward.ask import Ask, ImageContent, Message, Reply, Sampling, TextContent
from unireward.engines.wire import (
    NO_LOGPROBS,
    UNDETERMINED,
    message_of,
    models_of,
    reply_of_response,
    request_body,
)
from unireward.errors import EngineError

TEXT = Ask((Message("system", (TextContent("Be fair."),)), Message("user", (TextContent("Q"),))))
CHOOSING = Ask(TEXT.messages, choices=("réel 👍", "réel 👎"))


def part_of(part: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": part.image}}


def answer(message: Any = None, finish: Any = "stop", **more: Any) -> bytes:
    message = {"role": "assistant", "content": "Image 1 is better"} if message is None else message
    choice = {"message": message, "finish_reason": finish} | more
    return json.dumps({"choices": [choice], "usage": None}).encode()


def test_a_request_says_everything_that_could_change_the_reply() -> None:
    ask = Ask(
        TEXT.messages,
        sampling=Sampling(max_tokens=77, seed=5, stop=("\n\n",)),
        extra=(("chat_template_kwargs", {"enable_thinking": False}), ("model", "other")),
    )
    assert json.loads(request_body(ask, "m", part_of, logprobs=False)) == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Be fair."},
            {"role": "user", "content": "Q"},
        ],
        "temperature": 0.0,
        "top_p": 1.0,
        "max_tokens": 77,
        "seed": 5,
        "stop": ["\n\n"],
        "chat_template_kwargs": {"enable_thinking": False},
    }


@pytest.mark.parametrize(
    ("stop", "switch", "said"),
    [
        ((), "no_stop_trim", {"stop": ["</answer>"], "no_stop_trim": True}),
        ((), "", {}),
        (("END",), "no_stop_trim", {"stop": ["END"]}),
    ],
)
def test_a_verdicts_end_is_said_where_the_server_keeps_it(stop, switch, said) -> None:
    ask = Ask(TEXT.messages, sampling=Sampling(stop=stop, stop_after=("</answer>",)))
    body = json.loads(request_body(ask, "m", part_of, logprobs=False, keeps_stop=switch))
    assert {k: v for k, v in body.items() if "stop" in k} == said


def test_contents_keep_the_familys_order() -> None:
    contents = (ImageContent("a"), TextContent("then"), ImageContent("b"), TextContent("which?"))  # type: ignore[arg-type]
    body = json.loads(request_body(Ask((Message("user", contents),)), "m", part_of, logprobs=True))
    assert body["messages"][0]["content"] == [
        {"type": "image_url", "image_url": {"url": "a"}},
        {"type": "text", "text": "then"},
        {"type": "image_url", "image_url": {"url": "b"}},
        {"type": "text", "text": "which?"},
    ]
    assert (body["logprobs"], body["top_logprobs"]) == (True, 20)


def test_a_lone_surrogate_can_be_sent() -> None:
    ask = Ask((Message("user", (TextContent("\ud800 x"),)),))
    body = json.loads(request_body(ask, "m", part_of, logprobs=False))
    assert body["messages"][0]["content"] == "\ud800 x"


def test_a_reply_is_read_with_its_counts() -> None:
    body = json.loads(answer())
    body["usage"] = {"prompt_tokens": 31, "completion_tokens": 4}
    reply = reply_of_response(json.dumps(body).encode(), "application/json", TEXT)
    assert reply == Reply(
        text="Image 1 is better", finish_reason="stop", prompt_tokens=31, tokens=4
    )


@pytest.mark.parametrize(
    ("message", "finish", "text", "reason"),
    [
        ({"content": None, "refusal": "I cannot."}, "stop", "I cannot.", "content_filter"),
        ({"content": None, "reasoning_content": "hm"}, "length", "", "length"),
        ({"content": ""}, "content_filter", "", "content_filter"),
        ({"content": "Image"}, "length", "Image", "length"),
        ({"content": "x"}, None, "x", None),
    ],
)
def test_states_that_are_not_errors(message, finish, text, reason) -> None:
    reply = reply_of_response(answer(message, finish), "application/json", TEXT)
    assert (reply.text, reply.finish_reason) == (text, reason)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (
            b"<html>hi</html>",
            "text/html; charset=utf-8",
            "200 with text/html, which is no",
        ),
        (b"", "", "answered 200 with no content type, which is no JSON"),
        (b"[1]", "application/json", "application/json, which is no JSON object"),
        (b'{"choices": []}', "application/json", "200 without choices"),
        (b'{"choices": [{"text": "x"}]}', "application/json", "200 without choices"),
        (answer({"content": None}), "application/json", r"content null \(finish_reason stop\)"),
        (answer({"content": ["x"]}), "application/json", "content a list"),
        (b'{"error": {"message": "CUDA\\nout of memory"}}', "", "error: CUDA out of memory"),
        (b"[" * 100_000, "application/json", "which is no JSON"),
    ],
)
def test_a_lying_200_is_an_error_that_says_what_came(body, kind, message) -> None:
    with pytest.raises(EngineError, match=message) as caught:
        reply_of_response(body, kind, TEXT)
    assert "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)
TOKEN = st.fixed_dictionaries({"token": JSON, "logprob": JSON, "bytes": JSON})
SHAPED = st.builds(
    lambda content, refusal, finish, tokens, usage: {
        "choices": [
            {
                "message": {"content": content, "refusal": refusal},
                "finish_reason": finish,
                "logprobs": {"content": tokens},
            }
        ],
        "usage": usage,
    },
    *(JSON, JSON, JSON, st.lists(TOKEN, max_size=2) | JSON, JSON),
)


def said_with(*tokens: Any) -> Any:
    return {"choices": [{"message": {"content": "1"}, "logprobs": {"content": list(tokens)}}]}


@example(said_with("1"))
@example(said_with({"token": 1, "logprob": -0.1}))
@example(said_with({"token": "1", "logprob": -0.1, "bytes": 10**13}))
@example(said_with({"token": "1", "logprob": 10**400}))
@example(said_with({"token": "1", "logprob": -0.1, "top_logprobs": ["1", 2]}))
@given(JSON | SHAPED)
def test_no_answer_breaks_the_reader(value: Any) -> None:
    try:
        reply = reply_of_response(json.dumps(value).encode(), "application/json", CHOOSING)
    except EngineError:
        return
    assert isinstance(reply.text, str)
    assert reply.tokens >= 0
    assert all(math.isfinite(number) for number in (reply.choices or {}).values())


def entry(raw: bytes, share: float, others: dict[bytes, float] | None = None) -> dict[str, Any]:
    made = {
        "token": raw.decode("utf-8", "replace"),
        "logprob": math.log(share),
        "bytes": list(raw),
    }
    if others is not None:
        made["top_logprobs"] = [entry(other, p) for other, p in ({raw: share} | others).items()]
    return made


def test_choices_are_read_from_tokens_that_cut_characters_in_two() -> None:
    up, down = "réel 👍".encode(), "réel 👎".encode()
    assert up[:-1] == down[:-1]
    path = [entry(up[:2], 1.0, {}), entry(up[2:-1], 0.8, {b"x": 0.2})]
    path += [entry(up[-1:], 0.25, {down[-1:]: 0.75})]
    body = answer({"content": "réel 👍"}, logprobs={"content": path})
    reply = reply_of_response(body, "application/json", CHOOSING)
    assert reply.choices == pytest.approx(
        {"réel 👍": math.log(0.8 * 0.25), "réel 👎": math.log(0.8 * 0.75)}
    )
    assert reply.notes == ()


def test_tokens_of_one_spelling_add_up() -> None:
    path = [entry(b"yes", 0.5, {})]
    path[0]["top_logprobs"] += [entry(b"no", 0.3), entry(b"no", 0.2)]
    ask = Ask(TEXT.messages, choices=("yes", "no"))
    body = answer({"content": "yes"}, logprobs={"content": path})
    reply = reply_of_response(body, "application/json", ask)
    assert reply.choices == pytest.approx({"yes": math.log(0.5), "no": math.log(0.5)})


@pytest.mark.parametrize(
    ("logprobs", "text", "note"),
    [
        (None, "réel 👍", NO_LOGPROBS),
        ({"content": [{"token": "x"}]}, "réel 👍", NO_LOGPROBS),
        ({"content": [{"token": "x", "logprob": math.nan}]}, "réel 👍", NO_LOGPROBS),
        ({"content": [entry("Sure: réel 👍".encode(), 1.0, {})]}, "Sure: réel 👍", UNDETERMINED),
    ],
)
def test_without_log_probabilities_the_text_stays_with_a_note(logprobs, text, note) -> None:
    body = answer({"content": text}, logprobs=logprobs)
    reply = reply_of_response(body, "application/json", CHOOSING)
    assert (reply.text, reply.choices, reply.notes) == (text, None, (note,))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"error": {"message": "no such\\nmodel"}}', "no such model"),
        (b'{"error": "no"}', "no"),
        (b'{"object": "error", "message": "max_tokens"}', "max_tokens"),
        (b'{"detail": [{"loc": 1}]}', '[{"loc": 1}]'),
        (b"<html>\n  <b>502</b></html>", "<html> <b>502</b></html>"),
        (b"x" * 5000, "x" * 299 + "…"),
        (b"\xff", "\ufffd"),
        (b"", ""),
    ],
)
def test_error_messages_are_one_short_line(body: bytes, message: str) -> None:
    assert message_of(body) == message


def test_models_are_listed_with_their_roots() -> None:
    body = b'{"data": [{"id": "a", "root": "/w"}, {"id": "b"}, {"id": ""}, 3]}'
    assert models_of(body) == [("a", "/w"), ("b", "")]
    assert models_of(b"<html>") is None
    assert models_of(b'{"data": {}}') is None
