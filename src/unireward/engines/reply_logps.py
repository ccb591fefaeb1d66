"""Reply log-probabilities: how likely a model finds replies that it is given, token by token.

::

    reply_logps(engine, [(ask, ["two circles", "three"])])     # [[[-0.2, -1.1, -0.1], [...]]]

Rows, batches and the forward are training's own (:mod:`~unireward.engines.sequences`,
:mod:`~unireward.engines.states`): the reply's tokens after the prompt's, then the end of the turn,
padded on the right. What each row has does not depend on what else is in its batch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from unireward.ask import Ask
from unireward.engines.sequences import Encoder, padded
from unireward.engines.sequences import Sequence as Row
from unireward.engines.states import hidden_states
from unireward.errors import InputError

if TYPE_CHECKING:
    from unireward.engines.plain import PlainEngine

Logps = list[float]
LOGITS = 1 << 26
"""Logits that are made at a time."""


def reply_logps(
    engine: PlainEngine, asked: Sequence[tuple[Ask, Sequence[str]]]
) -> list[list[Logps | str]]:
    """Natural log-probabilities of each question's replies, the end of the turn last; in place of
    those of one that could not be read, why not."""
    encoder = Encoder(engine.processor, name=engine.name)
    found: list[list[Logps | str]] = []
    rows: list[tuple[int, int, Row]] = []
    for at, (ask, replies) in enumerate(asked):
        found.append(["" for _ in replies])
        for place, row in enumerate(_rows(encoder, ask, replies)):
            if isinstance(row, str):
                found[at][place] = row
            else:
                rows.append((at, place, row))
    for batch in _batches(engine, rows):
        for (at, place, _), read in zip(batch, _read(engine, [row for *_, row in batch])):
            found[at][place] = read
    return found


def _rows(encoder: Encoder, ask: Ask, replies: Sequence[str]) -> list[Row | str]:
    try:
        prompt = encoder.prompt(ask)
    except InputError as error:
        return [str(error)] * len(replies)
    out: list[Row | str] = []
    for reply in replies:
        try:
            out.append(encoder.with_reply(prompt, ("", reply)))
        except InputError as error:
            out.append(str(error))
    return out


def _batches(
    engine: PlainEngine, rows: list[tuple[int, int, Row]]
) -> Iterator[list[tuple[int, int, Row]]]:
    """Like with like, longest first, within the token and row bounds."""
    batch: list[tuple[int, int, Row]] = []
    for item in sorted(rows, key=lambda item: (-len(item[2]), *item[:2])):
        full = len(batch) >= engine.max_batch
        if batch and (full or (len(batch) + 1) * len(batch[0][2]) > engine.batch_tokens):
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch


def _read(engine: PlainEngine, rows: list[Row]) -> list[Logps | str]:
    """What each row's reply has. Where a batch does not fit, its halves are tried."""
    try:
        with engine.running():
            return [*_forward(engine.model, rows, engine.processor.tokenizer.pad_token_id)]
    except torch.OutOfMemoryError:
        if len(rows) == 1:
            return [f"out of memory on {engine.device}; show fewer frames or smaller pictures"]
    half = len(rows) // 2
    return _read(engine, rows[:half]) + _read(engine, rows[half:])


def _forward(model: Any, rows: list[Row], pad: int) -> list[Logps]:
    inputs = {name: value.to(model.device) for name, value in padded(rows, pad).items()}
    states = hidden_states(model, inputs)[-1].flatten(0, 1)
    width = inputs["input_ids"].shape[1]
    at = [
        row * width + one.prompt - 1 + k for row, one in enumerate(rows) for k in range(_said(one))
    ]
    targets = torch.tensor([token for one in rows for token in one.reply], device=model.device)
    states = states[torch.tensor(at, device=model.device)]
    head = model.get_output_embeddings()
    step = max(1, LOGITS // head.weight.shape[0])
    each = torch.cat(
        [
            -F.cross_entropy(head(part).float(), wanted, reduction="none")
            for part, wanted in zip(states.split(step), targets.split(step))
        ]
    )
    return [part.tolist() for part in each.split([_said(one) for one in rows])]


def _said(row: Row) -> int:
    return len(row) - row.prompt
