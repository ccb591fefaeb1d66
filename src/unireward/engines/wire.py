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
from typing import Any, NamedTuple

from unireward.ask import Ask, ImageContent, Message, Reply, TextContent, VideoContent
from unireward.engines.logprobs import Token, choice_logprobs
from unireward.errors import EngineError

TOP_LOGPROBS = 20
"""The most alternatives that OpenAI, vLLM and SGLang give by default."""
UNDETERMINED = "the answers' log-probabilities were not determinable from the reply"
NO_LOGPROBS = "the server gives no log-probabilities"
_CLIP = 300
PartOf = Callable[[ImageContent | VideoContent], dict[str, Any]]


def request_body(
    ask: Ask,
    model: str,
    part_of: PartOf,
    *,
    logprobs: bool,
    top: int = TOP_LOGPROBS,
    tokens_field: str = "max_tokens",
    keeps_stop: str = "",
    prefix: str | None = None,
    more: Mapping[str, Any] | None = None,
) -> bytes:
    """The JSON of ``POST /chat/completions``. Temperature and seed are always said.

    ``Ask.extra`` is added as it is, and may override nothing of the ask itself. ``top`` is the
    number of alternatives asked for at each token, ``tokens_field`` how this server calls the
    bound on new tokens, ``keeps_stop`` the switch that leaves a stop string in the text: without
    one, ``stop_after`` is not said, since what it ends with would be cut off. With ``prefix`` the
    assistant's turn begins with that text and is to be continued: ``continue_final_message``,
    which vLLM and SGLang know under the same name
    (``vllm/entrypoints/openai/chat_completion/protocol.py``, where it excludes a generation
    prompt, and ``sglang/srt/entrypoints/openai/serving_chat.py``, which has no such field).
    ``more`` is said besides, over everything else.
    """
    sampling = ask.sampling
    body: dict[str, Any] = dict(ask.extra) | {
        "model": model,
        "messages": messages_of(ask, part_of),
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        tokens_field: sampling.max_tokens,
        "seed": sampling.seed,
    }
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    elif sampling.stop_after and keeps_stop:
        body |= {"stop": list(sampling.stop_after), keeps_stop: True}
    if logprobs:
        body |= {"logprobs": True, "top_logprobs": top}
    if prefix is not None:
        body["messages"] = [*body["messages"], {"role": "assistant", "content": prefix}]
        body |= {"add_generation_prompt": False, "continue_final_message": True}
    return json.dumps(body | dict(more or {})).encode("ascii")


def messages_of(ask: Ask, part_of: PartOf) -> list[dict[str, Any]]:
    """The messages of an ask as they are sent."""
    return [_message(message, part_of) for message in ask.messages]


def _message(message: Message, part_of: PartOf) -> dict[str, Any]:
    if all(isinstance(part, TextContent) for part in message.content):
        return {"role": message.role, "content": message.text}
    parts = [
        {"type": "text", "text": part.text} if isinstance(part, TextContent) else part_of(part)
        for part in message.content
    ]
    return {"role": message.role, "content": parts}


class Heard(NamedTuple):
    """What a 200 said: the reply (without choices), the tokens it was made of, and the
    log-probabilities of the prompt's tokens where the server gave some."""

    reply: Reply
    tokens: list[Token]
    prompt: list[Any] | None = None


def reply_of_response(body: bytes, content_type: str, ask: Ask) -> Reply:
    """The Reply in a 200's body; :class:`EngineError` where it holds none."""
    heard = heard_of_response(body, content_type)
    return with_choices(heard.reply, heard.tokens, ask) if ask.choices else heard.reply


def heard_of_response(body: bytes, content_type: str) -> Heard:
    """All that a 200's body says; :class:`EngineError` where it holds no reply."""
    answer = json_of(body)
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
    prompt = answer.get("prompt_logprobs")
    return Heard(
        reply, _tokens(choice.get("logprobs")), prompt if isinstance(prompt, list) else None
    )


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


def with_choices(reply: Reply, tokens: list[Token], ask: Ask) -> Reply:
    """``reply`` with its choices' log-probabilities, or a note why there are none."""
    if not tokens:
        return replace(reply, notes=(*reply.notes, NO_LOGPROBS))
    text = None if reply.text is None else latin(reply.text)
    found = choice_logprobs(tokens, [latin(choice) for choice in ask.choices], text=text)
    if found is None:
        return replace(reply, notes=(*reply.notes, UNDETERMINED))
    return replace(reply, choices={choice: found[latin(choice)] for choice in ask.choices})


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
    return bytes(raw).decode("latin-1") if raw is not None else latin(entry["token"])


def latin(text: str) -> str:
    """``text`` as bytes read as Latin-1, in which tokens that cut characters in two join up."""
    return text.encode("utf-8", "surrogatepass").decode("latin-1")


def unlatin(text: str) -> str | None:
    """What :func:`latin` was made of, None where it ends within a character."""
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return None


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def json_of(body: bytes) -> Any:
    """The JSON value of ``body``, None where it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def models_of(body: bytes) -> list[tuple[str, str]] | None:
    """``(id, root)`` of each model in the answer to ``GET /models``, None where it is no list."""
    answer = json_of(body)
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list):
        return None
    found = [entry for entry in data if isinstance(entry, Mapping) and entry.get("id")]
    return [(str(entry["id"]), str(entry.get("root") or "")) for entry in found]


def message_of(body: bytes) -> str:
    """What an error's body says, on one line of at most 300 characters."""
    answer = json_of(body)
    said: Any = None
    if isinstance(answer, Mapping):
        error = answer.get("error")
        said = error.get("message") if isinstance(error, Mapping) else error
        said = said or answer.get("message") or answer.get("detail")
    if said is None:
        said = body[: 4 * _CLIP].decode("utf-8", "replace")
    return one_line(said if isinstance(said, str) else json.dumps(said))


def owner_of(body: bytes) -> str:
    """Who says to own the models listed: ``vllm`` and ``sglang`` name themselves there."""
    answer = json_of(body)
    data = answer.get("data") if isinstance(answer, Mapping) else None
    found = data[0] if isinstance(data, list) and data else None
    owner = found.get("owned_by") if isinstance(found, Mapping) else None
    return owner if isinstance(owner, str) else ""


def one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _CLIP else text[: _CLIP - 1] + "…"
