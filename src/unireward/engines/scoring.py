"""Scorer: answers of one token, scored by the routes made for it, after the prompt alone.

For asks without media only: both routes take token ids and no pictures.

- vLLM's ``/generative_scoring`` (``vllm/entrypoints/generate/generative_scoring/serving.py``):
  ``query`` and ``items`` as ids, ``label_token_ids``, ``apply_softmax``; each item's ``score`` is
  the probability of the *first* label, so that each answer is a request. The prompt's ids are
  those of ``/tokenize``, which lays out messages by the model's own template.
- SGLang's ``/v1/score`` (``sglang/srt/entrypoints/openai/protocol.py``): the same fields;
  ``scores`` holds a list for each item, in the labels' order. Its ``/tokenize`` takes plain text
  only, so the template must come from a tokenizer at hand (``tokenizer=``).

``apply_softmax`` is false in both: the numbers are probabilities over the whole vocabulary.
vLLM's own ``/v1/score`` is for rerankers and is not used.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

from unireward.ask import Ask, Reply
from unireward.engines.asking import Asker
from unireward.engines.logprobs import Undetermined, begins_another
from unireward.engines.routes import REFUSED, SCORE, SGLANG, TOKEN_IDS, VLLM, Routes
from unireward.engines.wire import json_of, message_of, messages_of
from unireward.errors import EngineError, EngineUnavailableError, InputError

_LEAST = 1e-12


class Scorer:
    """``reply`` scores an ask's choices; ``token_ids`` are a text's ids, asked for once."""

    def __init__(self, asker: Asker, routes: Routes, tokenizer: Any = None) -> None:
        self._asker = asker
        self._routes = routes
        self._tokenizer = tokenizer
        self._ids: dict[str, list[int]] = {}

    def may(self, ask: Ask) -> bool:
        """Is this an ask for these routes, as far as can be seen without asking the server?"""
        if ask.media or len(ask.choices) < 2 or not self._routes.has(SCORE):
            return False
        return self._routes.server == VLLM or self._tokenizer is not None

    async def reply(self, ask: Ask) -> Reply:
        """The likeliest choice, with the log-probability of each; raises Undetermined."""
        found, tokens = await self.choices(ask)
        return Reply(
            text=max(found, key=found.__getitem__),
            finish_reason="stop",
            choices=found,
            prompt_tokens=tokens,
        )

    async def choices(self, ask: Ask) -> tuple[dict[str, float], int]:
        """Log-probabilities of the choices, and the number of tokens prefilled for them."""
        if begins_another(ask.choices):
            raise Undetermined("one of them begins another, and scoring sees no end of turn")
        labels = [await self.token_ids(choice, SCORE) for choice in ask.choices]
        if any(len(ids) != 1 for ids in labels):
            raise Undetermined("they are not single tokens, which scoring asks for")
        ids = [label[0] for label in labels]
        if len(set(ids)) != len(ids):
            raise Undetermined("two of them are one token")
        prompt = await self._prompt(ask)
        if len(prompt) < 2:
            raise Undetermined("the prompt is too short to be scored")
        score = self._at_sglang if self._routes.server == SGLANG else self._at_vllm
        shares = await score(prompt, ids)
        sums = math.fsum(shares)
        if any(not 0.0 <= share <= 1.0 + 1e-6 for share in shares) or sums > 1.001:
            self._routes.close(SCORE, "the scores are no probabilities")
            raise Undetermined(self._routes.reason(SCORE))
        logs = [math.log(min(max(share, _LEAST), 1.0)) for share in shares]
        return dict(zip(ask.choices, logs)), len(prompt)

    async def token_ids(self, text: str, route: str = TOKEN_IDS) -> list[int]:
        """The server's token ids of ``text`` without special tokens."""
        if text not in self._ids:
            body = {"prompt": text, "add_special_tokens": False}
            answer = await self._posted("/tokenize", body, route)
            self._ids[text] = _ids_in(answer, lambda: self._closed(route, "/tokenize"))
        return self._ids[text]

    async def _prompt(self, ask: Ask) -> list[int]:
        messages = messages_of(ask, self._asker.encoder.part)
        if self._tokenizer is not None:
            return _laid_out(self._tokenizer, messages)
        body: dict[str, Any] = {"messages": messages, "add_generation_prompt": True}
        given = dict(ask.extra).get("chat_template_kwargs")
        if given is not None:
            body["chat_template_kwargs"] = given
        answer = await self._posted("/tokenize", body, SCORE)
        return _ids_in(answer, lambda: self._closed(SCORE, "/tokenize"))

    async def _at_vllm(self, prompt: list[int], ids: list[int]) -> list[float]:
        return [
            _number(
                await self._posted("/generative_scoring", _scored(prompt, [label]), SCORE),
                lambda answer: answer["data"][0]["score"],
                lambda: self._closed(SCORE, "/generative_scoring"),
            )
            for label in ids
        ]

    async def _at_sglang(self, prompt: list[int], ids: list[int]) -> list[float]:
        answer = await self._posted("/v1/score", _scored(prompt, ids), SCORE)
        return [
            _number(
                answer,
                lambda answer, k=k: answer["scores"][0][k],
                lambda: self._closed(SCORE, "/v1/score"),
            )
            for k in range(len(ids))
        ]

    async def _posted(self, path: str, body: Mapping[str, Any], route: str) -> Any:
        """The JSON that ``path`` answers; a refusal closes ``route``."""
        if not self._routes.has(route):
            raise Undetermined(self._routes.reason(route))
        data = json.dumps({"model": self._asker.model, **body}).encode("ascii")
        try:
            answer = await self._asker.post(path, data, at_root=True)
        except EngineUnavailableError:
            raise
        except EngineError as error:
            raise Undetermined(self._asker.cleaned(error)) from None
        if answer.status == 200:
            return json_of(answer.body)
        said = message_of(answer.body)
        reason = f"{path} answered {answer.status}" + (f" ({said})" if said else "")
        reason = self._asker.endpoint.clean(reason)
        if answer.status in REFUSED or answer.status in (401, 403):
            self._routes.close(route, reason)
        raise Undetermined(reason)

    def _closed(self, route: str, path: str) -> Undetermined:
        self._routes.close(route, f"{path} answered in another form")
        return Undetermined(self._routes.reason(route))


def load_tokenizer(what: Any) -> Any:
    """A tokenizer from a folder or hub id (transformers), anything else as it is."""
    if not isinstance(what, str):
        return what
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(what)
    except (OSError, ValueError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InputError(
            f"tokenizer {what!r} cannot be loaded ({first}); give the folder or hub id of the "
            "model that is served"
        ) from None


def _laid_out(tokenizer: Any, messages: list[dict[str, Any]]) -> list[int]:
    text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _scored(prompt: list[int], labels: list[int]) -> dict[str, Any]:
    # Neither side is left empty: the prompt's last token is the item.
    return {
        "query": prompt[:-1],
        "items": [prompt[-1:]],
        "label_token_ids": labels,
        "apply_softmax": False,
        "item_first": False,
    }


def _ids_in(answer: Any, fault: Callable[[], Undetermined]) -> list[int]:
    ids = answer.get("tokens") if isinstance(answer, Mapping) else None
    if not isinstance(ids, list) or not all(type(one) is int for one in ids):
        raise fault()
    return ids


def _number(answer: Any, where: Callable[[Any], Any], fault: Callable[[], Undetermined]) -> float:
    try:
        value = where(answer)
    except (KeyError, IndexError, TypeError):
        raise fault() from None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise fault()
    return float(value)
