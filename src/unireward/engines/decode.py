"""Decode: replies token by token, many rows at once, each as if it ran alone.

Greedy rows take the likeliest token. A sampled row draws from a generator of its own, seeded by
its ask, so that its reply does not depend on what else is in the batch. A row ends at an
end-of-turn token, at its limit, or once its text holds a stop string; rows that have ended leave
the batch when a quarter of it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from unireward.ask import Sampling
from unireward.engines.forward import Forward
from unireward.engines.kv import Held
from unireward.engines.stops import Stops

LEAVE = 0.25
"""Share of a batch's rows that must have ended before they leave it: each time, what the others
hold is copied."""


@dataclass
class Said:
    """One row's reply so far: its tokens (an end-of-turn token included), and how it ended."""

    tokens: list[int] = field(default_factory=list)
    ended: bool = False
    stopped: bool = False


class Decoder:
    """``forward``'s model, replying. ``ends`` are its end-of-turn tokens, ``penalty`` its
    repetition penalty (1 none; over the prompt's tokens too)."""

    def __init__(
        self, forward: Forward, tokenizer: Any, ends: Sequence[int], penalty: float = 1.0
    ) -> None:
        self.forward = forward
        self.tokenizer = tokenizer
        self.ends = frozenset(ends)
        self.penalty = penalty
        self.steps = 0
        self._stops: dict[Sampling, Stops] = {}

    def __call__(
        self,
        logits: torch.Tensor,
        held: Held,
        starts: Sequence[int],
        samplings: Sequence[Sampling],
        *,
        prompts: Sequence[Any] = (),
        ignore_end: bool = False,
    ) -> list[Said]:
        """Replies to rows whose prompts have left ``held`` (changed) and end in ``logits`` [rows,
        vocabulary], the reply's first token standing at ``starts``. ``prompts`` are their ids
        (needed for a penalty). ``ignore_end`` goes on to the limit, for measurements."""
        device = logits.device
        replies = [Said() for _ in samplings]
        rows = list(range(len(replies)))
        places = torch.tensor(list(starts), device=device)
        taking = _Taking(samplings, device)
        seen = self._seen(prompts, logits)
        while True:
            tokens = taking(self._penalised(logits, seen), rows)
            if seen is not None:
                seen.scatter_(1, tokens[:, None], True)
            self.steps += 1
            said = tokens.tolist()
            for row, token in zip(rows, said):
                if not replies[row].ended:
                    self._hear(replies[row], token, samplings[row], ignore_end)
            left = [k for k, row in enumerate(rows) if not replies[row].ended]
            if not left:
                return replies
            if len(rows) - len(left) >= max(1, LEAVE * len(rows)):
                at = torch.tensor(left, device=device)
                held, places, tokens = (
                    held.select(at, room=held.columns // 2),
                    places[at],
                    tokens[at],
                )
                seen = seen if seen is None else seen[at]
                rows = [rows[k] for k in left]
            logits = self.forward.more(held, tokens[:, None], places[:, None])[:, -1]
            places = places + 1

    def _hear(self, reply: Said, token: int, sampling: Sampling, ignore_end: bool) -> None:
        reply.tokens.append(token)
        if ignore_end:
            reply.ended = len(reply.tokens) >= sampling.max_tokens
            return
        stops = self._stops.get(sampling)
        if stops is None:
            stops = self._stops[sampling] = Stops(self.tokenizer, sampling)
        reply.stopped = token in self.ends or stops.completed(reply.tokens)
        reply.ended = reply.stopped or len(reply.tokens) >= sampling.max_tokens

    def _seen(self, prompts: Sequence[Any], logits: torch.Tensor) -> torch.Tensor | None:
        if self.penalty == 1.0:
            return None
        seen = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
        for row, ids in enumerate(prompts):
            seen[row, torch.as_tensor(ids, device=logits.device)] = True
        return seen

    def _penalised(self, logits: torch.Tensor, seen: torch.Tensor | None) -> torch.Tensor:
        logits = logits.float()
        if seen is None:
            return logits
        less = torch.where(logits < 0, logits * self.penalty, logits / self.penalty)
        return torch.where(seen, less, logits)


class _Taking:
    """The next token of each row."""

    def __init__(self, samplings: Sequence[Sampling], device: torch.device) -> None:
        self.samplings = samplings
        self.device = device
        self.generators = {
            row: torch.Generator().manual_seed(sampling.seed)
            for row, sampling in enumerate(samplings)
            if not sampling.deterministic
        }

    def __call__(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """``logits`` float32 [rows, vocabulary] -> int64 [rows]."""
        tokens = logits.argmax(-1)
        drawn = [k for k, row in enumerate(rows) if row in self.generators]
        if drawn:
            at = torch.tensor(drawn, device=self.device)
            # MPS has no float64.
            mine = logits[at].cpu() if self.device.type == "mps" else logits[at]
            tokens[at] = self._draw(mine, [rows[k] for k in drawn]).to(self.device)
        return tokens

    def _draw(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """The token at which the likeliest tokens' mass passes a number drawn from the row's own
        generator (on the CPU, so that a device draws as another does)."""
        chosen = [self.samplings[row] for row in rows]
        device = logits.device
        warmth = torch.tensor([[s.temperature] for s in chosen], device=device)
        top = torch.tensor([[s.top_p] for s in chosen], device=device, dtype=torch.float64)
        numbers = [torch.rand(1, generator=self.generators[r], dtype=torch.float64) for r in rows]
        masses, order = (logits / warmth).softmax(-1).sort(dim=-1, descending=True, stable=True)
        upto = masses.double().cumsum(-1)
        # The fewest tokens whose mass reaches top_p are kept: those before which it has not.
        kept = (upto - masses < top).sum(-1, keepdim=True)
        whole = upto.gather(-1, kept - 1)
        point = torch.stack(numbers).to(device) * whole
        place = (upto <= point).sum(-1, keepdim=True).clamp(max=kept - 1)
        return order.gather(-1, place)[:, 0]
