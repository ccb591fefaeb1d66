"""What the scripted server is asked and says, in the shape of OpenAI's chat completions."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping
from typing import Any

from unireward.ask import (
    Ask,
    ImageContent,
    Message,
    Reply,
    Sampling,
    TextContent,
    VideoContent,
)
from unireward.engines.wire import TOP_LOGPROBS
from unireward.media import FrameRule, Image, Video

_FIELDS = frozenset(
    {
        "logprobs",
        "top_logprobs",
        "max_completion_tokens",
        "add_generation_prompt",
        "continue_final_message",
        "prompt_logprobs",
        "logprob_token_ids",
    }
)
"""Fields of a request that are no part of the ask."""


def completion(reply: Reply, model: str, *, logprobs: bool) -> dict[str, Any]:
    """A chat completion that says ``reply``."""
    text = reply.text or ""
    choice: dict[str, Any] = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": reply.finish_reason,
    }
    if logprobs and reply.choices:
        choice["logprobs"] = {"content": [_token(text, reply.choices or {})]}
    usage = {"prompt_tokens": reply.prompt_tokens, "completion_tokens": reply.tokens}
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "model": model,
        "choices": [choice],
        "usage": usage | {"total_tokens": reply.prompt_tokens + reply.tokens},
    }


def _token(text: str, choices: Mapping[str, float]) -> dict[str, Any]:
    likeliest = sorted(choices.items(), key=lambda pair: -pair[1])[:TOP_LOGPROBS]
    entries = [_entry(token, logprob) for token, logprob in likeliest]
    return _entry(text, choices.get(text, 0.0)) | {"top_logprobs": entries}


def _entry(token: str, logprob: float) -> dict[str, Any]:
    # JSON has no infinity; servers send a very low number in its place.
    finite = logprob if math.isfinite(logprob) else -9999.0
    raw = token.encode("utf-8", "surrogatepass")
    return {"token": token, "logprob": finite, "bytes": list(raw)}


def ask_of_request(body: Mapping[str, Any]) -> Ask:
    """The Ask that a chat-completions request was made of, but for its choices."""
    sampling = {
        name: body[name]
        for name in ("temperature", "top_p", "max_tokens", "seed")
        if body.get(name) is not None
    }
    if body.get("max_completion_tokens") is not None:
        sampling["max_tokens"] = body["max_completion_tokens"]
    known = {"model", "messages", "stop", *sampling, *_FIELDS}
    return Ask(
        tuple(Message(m["role"], _contents(m["content"])) for m in body["messages"]),
        sampling=Sampling(**sampling, stop=tuple(body.get("stop") or ())),
        extra=tuple((name, value) for name, value in body.items() if name not in known),
    )


def _contents(
    content: str | list[dict[str, Any]],
) -> tuple[TextContent | ImageContent | VideoContent, ...]:
    if isinstance(content, str):
        return (TextContent(content),)
    return tuple(_content(part) for part in content)


def _content(part: Mapping[str, Any]) -> TextContent | ImageContent | VideoContent:
    kind = part["type"]
    if kind == "text":
        return TextContent(part["text"])
    head, _, data = part[kind]["url"].partition(";base64,")
    if not head.startswith("data:"):
        raise ValueError("media must be data URLs")
    media = base64.b64decode(data, validate=True)
    if kind == "video_url":
        return VideoContent(Video(media), FrameRule.parse("linspace:8"))
    return ImageContent(Image(media))
