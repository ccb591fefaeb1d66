"""WordModel: a scripted reply as a language model would have said it, token by token.

The scripted server's other half. A script gives whole texts their log-probabilities; here they
become a model over words whose texts have exactly those, with a tokenizer (a word with the space
before it, digits one by one and the space before them apart, as Qwen's), the likeliest
alternatives at each token, an end-of-turn token, and the routes of vLLM and SGLang beside the
chat: texts continued, prompts scored, ``/tokenize``, ``/generative_scoring``, ``/v1/score``,
media named by ``uuid``. :class:`Manner` says which of them this server has, and how it fails.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from unireward.ask import Ask, Reply

END = "<|im_end|>"
ELSE = "Something else altogether."
"""What a model says with the mass that a script leaves to no choice."""
_WORD = re.compile(r" ?[^\W\d]+|\d|\s|[^\w\s]")
_MARKED = re.compile(r"\s?[^\W\d]+|\s?\d|\s?[^\w\s]|\s")
_OPENED = ("<|im_start|>", "assistant", "\n")
_IMAGE_TOKENS = 4
Has = Literal["yes", "ignored", "refused"]


class Refusal(Exception):  # noqa: N818 (an answer that is planned, not a fault of ours)
    """A request that this server answers with ``status``."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Manner:
    """What a scripted server has: ``yes``, ``refused`` (a 400, or 404 for a route of its own), or
    ``ignored`` (claims it and does as if it was not asked).

    ``top`` alternatives at most, more being cut short or (``over_top``) refused. ``counts`` False
    reports no usage. ``echo`` says the continued text again before its continuation.
    ``score`` ``wrong`` answers with what is no probability. ``forgets`` lets go of each medium
    named by ``uuid`` at once. ``spaces`` False spells tokens without the space before a word.
    """

    server: str = "vllm"
    top: int = 20
    over_top: Literal["cut", "refuse"] = "cut"
    continues: Has = "yes"
    prompt_logprobs: Has = "yes"
    token_ids: Has = "yes"
    tokenize: Has = "yes"
    score: Literal["yes", "refused", "wrong"] = "yes"
    uuid: Has = "yes"
    forgets: bool = False
    tokens_field: str = "max_tokens"
    counts: bool = True
    echo: bool = False
    spaces: bool = True


def pieces(text: str, *, spaces: bool = True) -> list[str]:
    """``text`` as the tokenizer cuts it; joined they are the text again.

    With ``spaces`` False a digit takes the space before it along, so that no token is one.
    """
    return (_WORD if spaces else _MARKED).findall(text)


class WordModel:
    """The one model whose texts have the script's log-probabilities."""

    def __init__(self, reply: Reply, *, spaces: bool = True) -> None:
        shares = {text: math.exp(value) for text, value in (reply.choices or {}).items()}
        rest = 1.0 - math.fsum(shares.values())
        other = reply.text if reply.text and reply.text not in shares else ELSE
        if rest > 1e-12:
            shares[other] = rest
        self.paths = {(*pieces(text, spaces=spaces), END): share for text, share in shares.items()}

    def next(self, given: Sequence[str]) -> dict[str, float]:
        """Probabilities of the next token after ``given``; the end alone where it says no such."""
        begun = tuple(given)
        found: dict[str, float] = {}
        for path, share in self.paths.items():
            if len(path) > len(begun) and path[: len(begun)] == begun:
                found[path[len(begun)]] = found.get(path[len(begun)], 0.0) + share
        total = math.fsum(found.values())
        return {token: share / total for token, share in found.items()} if total else {END: 1.0}

    def generate(self, given: Sequence[str], most: int) -> list[tuple[str, dict[str, float]]]:
        """The greedy path from ``given``: each token, with the distribution it was taken from."""
        said: list[tuple[str, dict[str, float]]] = []
        while len(said) < most:
            places = self.next([*given, *(token for token, _ in said)])
            token = max(places, key=places.__getitem__)
            said.append((token, places))
            if token == END:
                break
        return said


class Vocabulary:
    """Token ids in the order the tokens are first met."""

    def __init__(self) -> None:
        self._ids: dict[str, int] = {}

    def ids(self, tokens: Sequence[str]) -> list[int]:
        return [self._ids.setdefault(token, 100 + len(self._ids)) for token in tokens]

    def tokens(self, ids: Sequence[int]) -> list[str]:
        known = {number: token for token, number in self._ids.items()}
        try:
            return [known[number] for number in ids]
        except KeyError as error:
            raise Refusal(f"token id {error} is out of vocabulary range") from None


class ModelServer:
    """Answers requests in ``manner``; ``said`` is the script, ``ask_of`` makes a request an ask."""

    def __init__(
        self,
        manner: Manner,
        said: Callable[[Ask], Reply],
        ask_of: Callable[[Mapping[str, Any]], Ask],
    ) -> None:
        self.manner = manner
        self.vocabulary = Vocabulary()
        self.media: dict[str, Any] = {}
        """Media by the ``uuid`` they were sent under."""
        self._said = said
        self._ask_of = ask_of

    # Chat -------------------------------------------------------------------------------------

    def checked(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The request as it is understood; :class:`Refusal` for what this server will not take."""
        manner, body = self.manner, dict(given)
        field = manner.tokens_field
        wrong = {"max_tokens", "max_completion_tokens"} - {field}
        for name in wrong & body.keys():
            raise Refusal(
                f"Unsupported parameter: '{name}' is not supported. Use '{field}' instead."
            )
        for name, has in (
            ("continue_final_message", manner.continues),
            ("prompt_logprobs", manner.prompt_logprobs),
            ("logprob_token_ids", manner.token_ids),
        ):
            if name in body and has == "refused":
                raise Refusal(f"{name}: Extra inputs are not permitted")
            if has == "ignored":
                body.pop(name, None)
        if body.get("logprobs") and manner.top == 0:
            raise Refusal("logprobs are not supported by this server")
        if body.get("top_logprobs", 0) > manner.top and manner.over_top == "refuse":
            raise Refusal(
                f"Requested sample logprobs of {body['top_logprobs']}, which is greater than max "
                f"allowed: {manner.top}"
            )
        body["messages"] = [self._with_media(message) for message in body["messages"]]
        return body

    def _with_media(self, message: Mapping[str, Any]) -> dict[str, Any]:
        content = message["content"]
        if isinstance(content, str):
            return dict(message)
        return {**message, "content": [self._part(part) for part in content]}

    def _part(self, part: Mapping[str, Any]) -> dict[str, Any]:
        uuid = part.get("uuid")
        if uuid is None:
            return dict(part)
        if self.manner.uuid == "refused":
            raise Refusal("messages: content part has an unexpected key: uuid")
        kind = part["type"]
        if not part.get(kind):
            if self.manner.uuid == "ignored" or uuid not in self.media:
                raise Refusal(f"Cache miss for {kind} item {uuid}, but data is not provided")
            return dict(self.media[uuid])
        if not self.manner.forgets:
            self.media[uuid] = {key: value for key, value in part.items() if key != "uuid"}
        return dict(part)

    def ask(self, body: Mapping[str, Any]) -> Ask:
        """The ask of a checked request, the text to be continued left out."""
        messages = body["messages"]
        return self._ask_of({**body, "messages": messages[:-1] if _continued(body) else messages})

    def completion(self, body: Mapping[str, Any], reply: Reply) -> dict[str, Any]:
        """The chat completion of a checked request to which the script says ``reply``."""
        model = WordModel(reply, spaces=self.manner.spaces)
        begun = self._pieces(body["messages"][-1]["content"]) if _continued(body) else []
        most = int(body.get(self.manner.tokens_field) or 1024)
        said = model.generate(begun, most)
        ended = said[-1][0] == END
        text = "".join(token for token, _ in said if token != END)
        finish = "stop" if ended else "length"
        if ended and reply.finish_reason == "length":
            finish = "length"
        if self.manner.echo:
            text = "".join(begun) + text
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": finish,
        }
        if body.get("logprobs"):
            choice["logprobs"] = {"content": [self._entry(body, *step) for step in said]}
        prompt = self._prompt(body["messages"], continued=_continued(body))
        answer: dict[str, Any] = {
            "id": "chatcmpl-scripted",
            "object": "chat.completion",
            "model": body["model"],
            "choices": [choice],
        }
        if self.manner.counts:
            counts = {"prompt_tokens": len(prompt), "completion_tokens": len(said)}
            answer["usage"] = counts | {"total_tokens": len(prompt) + len(said)}
        if body.get("prompt_logprobs") is not None:
            answer["prompt_logprobs"] = self._prompt_logprobs(model, prompt, begun)
        return answer

    def _entry(
        self, body: Mapping[str, Any], token: str, places: dict[str, float]
    ) -> dict[str, Any]:
        listed = sorted(places, key=lambda one: -places[one])[: self._top(body)]
        if "logprob_token_ids" in body:
            listed = self.vocabulary.tokens(body["logprob_token_ids"])
        entries = [self._spelt(one, places.get(one, 0.0)) for one in listed]
        return self._spelt(token, places[token]) | {"top_logprobs": entries}

    def _shown(self, token: str) -> str:
        return token if self.manner.spaces else token.strip()

    def _spelt(self, token: str, share: float) -> dict[str, Any]:
        shown = self._shown(token)
        raw = shown.encode("utf-8", "surrogatepass")
        return {"token": shown, "logprob": _log(share), "bytes": list(raw)}

    def _top(self, body: Mapping[str, Any]) -> int:
        return min(int(body.get("top_logprobs") or 0), self.manner.top)

    def _prompt_logprobs(
        self, model: WordModel, prompt: Sequence[str], begun: Sequence[str]
    ) -> list[Any]:
        found: list[Any] = [None]
        ids = self.vocabulary.ids(prompt)
        fixed = len(prompt) - len(begun)
        for place in range(1, len(prompt)):
            share = 0.5
            if place >= fixed:
                at = place - fixed
                share = model.next(begun[:at]).get(begun[at], 0.0)
            entry = {"logprob": _log(share), "rank": 1, "decoded_token": self._shown(prompt[place])}
            found.append({str(ids[place]): entry})
        return found

    def _pieces(self, text: str) -> list[str]:
        return pieces(text, spaces=self.manner.spaces)

    def _prompt(
        self, messages: Sequence[Mapping[str, Any]], *, continued: bool = False
    ) -> list[str]:
        """The tokens of a chat as a template lays it out, up to where the model goes on."""
        closed, laid = messages[:-1] if continued else messages, []
        for message in closed:
            laid += ["<|im_start|>", message["role"], "\n", *_tokens_in(message["content"])]
            laid += [END, "\n"]
        laid += _OPENED
        return laid + (self._pieces(messages[-1]["content"]) if continued else [])

    # Routes of its own ------------------------------------------------------------------------

    def route(self, path: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """What ``POST path`` answers; a Refusal of 404 for what this server has not."""
        scoring = "/generative_scoring" if self.manner.server == "vllm" else "/v1/score"
        if path == "/tokenize" and self.manner.tokenize == "yes":
            return self._tokenized(given)
        if path == scoring and self.manner.score != "refused":
            return self._scored(given)
        raise Refusal("Not Found", 404)

    def _tokenized(self, given: Mapping[str, Any]) -> dict[str, Any]:
        if "messages" in given and self.manner.server == "vllm":
            tokens = self._prompt(given["messages"])
        elif isinstance(given.get("prompt"), str):
            tokens = self._pieces(given["prompt"])
        else:
            raise Refusal("prompt: Field required", 422)
        ids = self.vocabulary.ids(tokens)
        return {"tokens": ids, "count": len(ids), "max_model_len": 4096}

    def _scored(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """``score`` of the first label for vLLM, ``scores`` of all of them for SGLang."""
        rows = [self._shares(given, [*given["query"], *item]) for item in given["items"]]
        if self.manner.score == "wrong":
            rows = [[share * 7.0 + 3.0 for share in row] for row in rows]
        if self.manner.server == "vllm":
            data = [{"index": k, "object": "score", "score": row[0]} for k, row in enumerate(rows)]
            return {"object": "list", "model": given.get("model"), "data": data, "usage": {}}
        return {"scores": rows, "model": given.get("model"), "object": "scoring"}

    def _shares(self, given: Mapping[str, Any], prompt: Sequence[int]) -> list[float]:
        text = "".join(self.vocabulary.tokens(prompt))
        ask = self._ask_of({"messages": [{"role": "user", "content": text}]})
        places = WordModel(self._said(ask), spaces=self.manner.spaces).next([])
        labels = self.vocabulary.tokens(given["label_token_ids"])
        shares = [places.get(label, 0.0) for label in labels]
        if given.get("apply_softmax"):
            total = math.fsum(shares)
            return [share / total for share in shares]
        return shares


def _continued(body: Mapping[str, Any]) -> bool:
    return bool(body.get("continue_final_message")) and body["messages"][-1]["role"] == "assistant"


def _tokens_in(content: str | Sequence[Mapping[str, Any]]) -> list[str]:
    if isinstance(content, str):
        return pieces(content)
    tokens: list[str] = []
    for part in content:
        text = part["type"] == "text"
        tokens += pieces(part["text"]) if text else ["<|image_pad|>"] * _IMAGE_TOKENS
    return tokens


def _log(share: float) -> float:
    # JSON has no infinity; servers send a very low number in its place.
    return math.log(share) if share > 0.0 else -9999.0
