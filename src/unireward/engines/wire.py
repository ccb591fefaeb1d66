"""The OpenAI chat-completions shape: an Ask as a request, a response as a Reply.

Contents go out in the order the family laid them out; a message of text alone is a plain
string. What comes back is trusted for nothing: a 200 may hold a web page, no choices, or no
content, and each is that ask's :class:`EngineError` saying what the server did.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from unireward.ask import Ask, ImageContent, Message, Reply, TextContent, VideoContent
from unireward.engines.logprobs import Token, choice_logprobs
from unireward.errors import EngineError

TOP_LOGPROBS = 20
"""The most alternatives that OpenAI, vLLM and SGLang give by default."""
UNDETERMINED = "the answers' log-probabilities were not determinable from the reply"
NO_LOGPROBS = "the server gives no log-probabilities"
_CLIP = 300
PartOf = Callable[[ImageContent | VideoContent], dict[str, Any]]


def request_body(ask: Ask, model: str, part_of: PartOf, *, logprobs: bool) -> bytes:
    """The JSON of ``POST /chat/completions``. Temperature and seed are always said.

    ``Ask.extra`` is added as it is, and may override nothing of the ask itself.
    """
    sampling = ask.sampling
    body: dict[str, Any] = dict(ask.extra) | {
        "model": model,
        "messages": [_message(message, part_of) for message in ask.messages],
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    if logprobs:
        body |= {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    return json.dumps(body).encode("ascii")


def _message(message: Message, part_of: PartOf) -> dict[str, Any]:
    if all(isinstance(part, TextContent) for part in message.content):
        return {"role": message.role, "content": message.text}
    parts = [
        {"type": "text", "text": part.text} if isinstance(part, TextContent) else part_of(part)
        for part in message.content
    ]
    return {"role": message.role, "content": parts}


def reply_of_response(body: bytes, content_type: str, ask: Ask) -> Reply:
    """The Reply in a 200's body; :class:`EngineError` where it holds none."""
    answer = _json(body)
    if not isinstance(answer, Mapping):
        kind = content_type.partition(";")[0].strip() or "no content type"
        what = "which is no JSON" if answer is None else "which is no JSON object"
        raise EngineError(
            f"the server answered 200 with {kind}, {what}; point the address at an "
            "OpenAI-compatible endpoint (most often .../v1)"
        )
    if answer.get("error"):
        raise EngineError(f"the server answered 200 with an error: {message_of(body)}")
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    if not isinstance(choice, Mapping) or not isinstance(choice.get("message"), Mapping):
        raise EngineError("the server answered 200 without choices; see the server's log")
    reply = _text_of(choice)
    usage = answer.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    reply = replace(
        reply,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        tokens=_count(usage.get("completion_tokens")),
    )
    return with_choices(reply, choice.get("logprobs"), ask) if ask.choices else reply


def _text_of(choice: Mapping[str, Any]) -> Reply:
    message, finish = choice["message"], choice.get("finish_reason")
    finish = finish if isinstance(finish, str) else None
    text, refusal = message.get("content"), message.get("refusal")
    if isinstance(text, str):
        return Reply(text=text, finish_reason=finish)
    if isinstance(refusal, str) and refusal:
        return Reply(text=refusal, finish_reason="content_filter")
    if text is None and finish in ("length", "content_filter"):
        # Cut off or held back before the first word: a state of its own, not the server's error.
        return Reply(text="", finish_reason=finish)
    what = "null" if text is None else f"a {type(text).__name__}"
    raise EngineError(
        f"the server answered 200 with content {what} (finish_reason {finish}); "
        "see the server's reasoning and tool parsers"
    )


def with_choices(reply: Reply, logprobs: Any, ask: Ask) -> Reply:
    """``reply`` with its choices' log-probabilities, or a note why there are none."""
    tokens = _tokens(logprobs)
    if not tokens:
        return replace(reply, notes=(*reply.notes, NO_LOGPROBS))
    text = None if reply.text is None else _latin(reply.text)
    found = choice_logprobs(tokens, [_latin(choice) for choice in ask.choices], text=text)
    if found is None:
        return replace(reply, notes=(*reply.notes, UNDETERMINED))
    return replace(reply, choices={choice: found[_latin(choice)] for choice in ask.choices})


def _tokens(logprobs: Any) -> list[Token]:
    """The token path of a response, as bytes read as Latin-1; empty where it is malformed.

    Tokens cut characters in two, so that their texts do not join up; their ``bytes`` do.
    """
    try:
        return [_token(entry) for entry in logprobs["content"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        return []


def _token(entry: Any) -> Token:
    _check_entry(entry)
    alternatives: dict[str, float] = {}
    for other in entry.get("top_logprobs") or ():
        _check_entry(other)
        text, logprob = _spelt(other), _finite(other["logprob"])
        known = alternatives.get(text)
        if known is not None and text != _spelt(entry):
            # Two tokens of one spelling are one text.
            logprob = math.log(math.exp(known) + math.exp(logprob)) if logprob > -700 else known
        alternatives[text] = logprob
    return Token(_spelt(entry), _finite(entry["logprob"]), alternatives)


def _check_entry(entry: Any) -> None:
    """Raises TypeError for what is no token entry; ``bytes`` as a number would be as many zeros."""
    if not isinstance(entry, Mapping):
        raise TypeError("a token's entry is no object")
    raw = entry.get("bytes")
    if not (isinstance(raw, list) or (raw is None and isinstance(entry["token"], str))):
        raise TypeError("a token is spelt neither in text nor in bytes")


def _finite(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError("a log-probability is a boolean")
    number = float(value)
    if math.isnan(number):
        raise ValueError("a log-probability is nan")
    return min(number, 0.0)


def _spelt(entry: Mapping[str, Any]) -> str:
    raw = entry.get("bytes")
    return bytes(raw).decode("latin-1") if raw is not None else _latin(entry["token"])


def _latin(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _json(body: bytes) -> Any:
    """The JSON value of ``body``, None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def models_of(body: bytes) -> list[tuple[str, str]] | None:
    """``(id, root)`` of each model in the answer to ``GET /models``, None where it is no list."""
    answer = _json(body)
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list):
        return None
    found = [entry for entry in data if isinstance(entry, Mapping) and entry.get("id")]
    return [(str(entry["id"]), str(entry.get("root") or "")) for entry in found]


def message_of(body: bytes) -> str:
    """What an error's body says, on one line of at most 300 characters."""
    answer = _json(body)
    said: Any = None
    if isinstance(answer, Mapping):
        error = answer.get("error")
        said = error.get("message") if isinstance(error, Mapping) else error
        said = said or answer.get("message") or answer.get("detail")
    if said is None:
        said = body[: 4 * _CLIP].decode("utf-8", "replace")
    return one_line(said if isinstance(said, str) else json.dumps(said))


def one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CLIP else text[: _CLIP - 1] + "…"
