"""Sequence: a question with its reply as one row of tokens, and the tensors of its media.

The prompt's tokens and pixels are those the engine asks with (both come from
:mod:`unireward.engines.prompt`); the reply's tokens are made apart from the prompt and followed
by the end of the turn, as the model would have to say them.
"""

from __future__ import annotations

from collections.abc import Sequence as Several
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unireward.ask import Ask
from unireward.engines.prompt import encode, prompt_of
from unireward.errors import InputError
from unireward.families.writing import Pieces

if TYPE_CHECKING:
    from torch import Tensor

ALIGNED = {"input_ids": None, "attention_mask": 1, "token_type_ids": 0, "mm_token_type_ids": 0}
"""What a processor says of every token, and what it would say of a reply's."""


@dataclass(frozen=True)
class Sequence:
    """``tokens`` are lists of one length by the names of ``ALIGNED``, the first ``prompt`` of
    them the prompt's. ``weights`` belong to the reply's tokens; ``media`` is stacked by picture
    or patch."""

    tokens: dict[str, list[int]]
    prompt: int
    weights: list[float] = field(default_factory=list)
    media: dict[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens["input_ids"])

    @property
    def reply(self) -> list[int]:
        return self.tokens["input_ids"][self.prompt :]


class Encoder:
    """Makes sequences with one processor. ``name`` is what messages call the model.

    ``end_token`` is the id that ends a turn, found from the chat template unless given.
    """

    def __init__(
        self,
        processor: Any,
        *,
        end_token: int | None = None,
        fixed_weight: float = 1.0,
        name: str = "the model",
    ) -> None:
        self.processor = processor
        self.name = name
        self.fixed_weight = fixed_weight
        self.end_token = end_of_turn(processor) if end_token is None else end_token

    def __call__(self, asks: Several[Ask], replies: Several[Pieces | None]) -> list[Sequence]:
        """The sequences of an example; a question that is there twice is encoded once.

        Raises :class:`InputError` (:class:`MediaError` for media that cannot be read).
        """
        prompts: dict[int, Sequence] = {}
        out = []
        for ask, reply in zip(asks, replies, strict=True):
            if id(ask) not in prompts:
                prompts[id(ask)] = self.prompt(ask)
            out.append(self.with_reply(prompts[id(ask)], reply))
        return out

    def prompt(self, ask: Ask) -> Sequence:
        """The question alone. Raises as the whole does."""
        import torch

        found = encode(self.processor, [prompt_of(self.processor, ask, self.name)], self.name)
        tensors = {key: value for key, value in found.items() if isinstance(value, torch.Tensor)}
        real = tensors["attention_mask"][0].bool()
        tokens = {key: value[0][real].tolist() for key, value in tensors.items() if key in ALIGNED}
        media = {key: value for key, value in tensors.items() if key not in ALIGNED}
        return Sequence(tokens, len(tokens["input_ids"]), media=media)

    def with_reply(self, prompt: Sequence, reply: Pieces | None) -> Sequence:
        """``prompt`` and after it the reply; raises :class:`InputError` where that is no token."""
        if reply is None:
            return prompt
        ids, weights = self._said(reply)
        tokens = {
            key: [*values, *(ids if key == "input_ids" else [ALIGNED[key]] * len(ids))]
            for key, values in prompt.tokens.items()
        }
        return Sequence(tokens, prompt.prompt, weights, prompt.media)  # pyright: ignore[reportArgumentType]

    def _said(self, reply: Pieces) -> tuple[list[int], list[float]]:
        """Token ids of a reply and the end of its turn, with their weights."""
        tokenizer, text = self.processor.tokenizer, "".join(reply)
        weighed = self.fixed_weight != 1 and tokenizer.is_fast
        found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=weighed)
        ids = list(found.input_ids)
        if not ids:
            raise InputError(f"a reply is empty under this tokenizer: {text[:40]!r}")
        weights = [1.0] * len(ids)
        if weighed:
            judged = _places(reply)
            weights = [
                1.0 if any(start < b and a < end for a, b in judged) else self.fixed_weight
                for start, end in found.offset_mapping
            ]
        return [*ids, self.end_token], [*weights, self.fixed_weight]


def _places(pieces: Pieces) -> list[tuple[int, int]]:
    """Where the judged pieces stand in the whole: (first character, one past the last)."""
    out, at = [], 0
    for number, piece in enumerate(pieces):
        if number % 2 and piece.strip():
            lead = len(piece) - len(piece.lstrip())
            out.append((at + lead, at + len(piece.rstrip())))
        at += len(piece)
    return out


def padded(rows: list[Sequence], pad: int) -> dict[str, Any]:
    """The model's inputs of sequences, padded on the right; media in the order of the rows."""
    import torch

    width = max(map(len, rows))
    inputs: dict[str, Any] = {}
    for key in ALIGNED:
        # A processor may leave out what says of a prompt without media that it has none.
        if not any(key in row.tokens for row in rows):
            continue
        filler = pad if key == "input_ids" else 0
        values = [row.tokens.get(key, [0] * len(row)) for row in rows]
        inputs[key] = torch.tensor([[*v, *[filler] * (width - len(v))] for v in values])
    for key in dict.fromkeys(key for row in rows for key in row.media):
        inputs[key] = stacked([row.media[key] for row in rows if key in row.media])
    return inputs


def stacked(tensors: list[Any]) -> Any:
    """One after the other along the first axis; zeros fill the others up to the largest."""
    import torch

    shapes = [tensor.shape[1:] for tensor in tensors]
    most = [max(sizes) for sizes in zip(*shapes)]
    out = []
    for tensor in tensors:
        spare = [n for size, top in zip(tensor.shape[:0:-1], most[::-1]) for n in (0, top - size)]
        out.append(torch.nn.functional.pad(tensor, spare) if any(spare) else tensor)
    return torch.cat(out)


_MARK = "0123456789"


def end_of_turn(processor: Any) -> int:
    """The token that the chat template puts after an assistant's words; the tokenizer's end of
    text where it puts none. Raises :class:`InputError` where there is neither."""
    tokenizer = processor.tokenizer
    user = {"role": "user", "content": [{"type": "text", "text": "?"}]}
    said = {"role": "assistant", "content": [{"type": "text", "text": _MARK}]}
    before = processor.apply_chat_template([user], tokenize=False, add_generation_prompt=True)
    whole = processor.apply_chat_template([user, said], tokenize=False)
    after = tokenizer(whole.rpartition(_MARK)[2], add_special_tokens=False).input_ids[:1]
    # A template may know no roles and close every turn by what asks for a reply.
    asking = tokenizer(before, add_special_tokens=False).input_ids[-1:]
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    if after and after[0] in special and after != asking:
        return after[0]
    if tokenizer.eos_token_id is None:
        raise InputError("this tokenizer has no end of turn; give end_token")
    return tokenizer.eos_token_id
