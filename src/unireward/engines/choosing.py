"""Choosing: the log-probability of each of a few short answers, as a whole sequence of tokens.

The answers are tokenised apart from the prompt, since that is how the model would have to say
them. What each begins with is read where the prompt ends; what comes after, from one more small
pass over the answers' tree, in which what they share stands once::

    Image -> 1 -> is better        one row: Image 1 is Image 2 is ...; each token sees the prompt
          -> 2 -> is better        and its own way back to the root, nothing else

Where one answer begins another, all are closed by the end of the turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch

from unireward.engines.forward import Forward
from unireward.engines.kv import Held
from unireward.errors import InputError

CLOSE = -1
"""Stands for the end of the turn: any of the tokens that end it."""
MASKED = ("sdpa", "eager")
"""Attention implementations that take a mask of their own; the others get a row a choice."""


@dataclass(frozen=True)
class Tree:
    """Choices as sequences of tokens (``CLOSE`` last where one begins another)."""

    sequences: tuple[tuple[int, ...], ...]

    @classmethod
    def of(cls, tokenizer: Any, choices: Sequence[str]) -> Tree:
        """``choices`` as an Ask has them. Raises :class:`InputError` for one without a token."""
        ids = [tuple(tokenizer(text, add_special_tokens=False).input_ids) for text in choices]
        if not all(ids):
            raise InputError("a choice is empty under this tokenizer; give it other words")
        begins = any(a != b and b[: len(a)] == a for a in ids for b in ids)
        return cls(tuple((*tokens, CLOSE) for tokens in ids) if begins else tuple(ids))

    @cached_property
    def prefixes(self) -> tuple[tuple[int, ...], ...]:
        """What must be fed, beginnings before what goes on from them."""
        found = {s[:k] for s in self.sequences for k in range(1, len(s))}
        return tuple(sorted(found, key=lambda prefix: (len(prefix), prefix)))

    @property
    def size(self) -> int:
        """Tokens of the second pass; 0 where the first has told all."""
        return len(self.prefixes)

    @cached_property
    def edges(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each choice ``(place, token)`` of each token: place 0 is where the prompt ends,
        place k after the k-th prefix."""
        place = {prefix: k for k, prefix in enumerate(((), *self.prefixes))}
        return tuple(tuple((place[s[:k]], s[k]) for k in range(len(s))) for s in self.sequences)

    @cached_property
    def sees(self) -> torch.Tensor:
        """Bool [size, size]: does prefix i stand on prefix j (its own token included)?"""
        rows = [[i[: len(j)] == j for j in self.prefixes] for i in self.prefixes]
        return torch.tensor(rows, dtype=torch.bool).view(self.size, self.size)


def score(
    forward: Forward,
    logits: torch.Tensor,
    held: Held | None,
    starts: Sequence[int],
    trees: Sequence[Tree],
    ends: Sequence[int],
) -> list[list[float]]:
    """Natural log-probabilities of each row's choices.

    ``logits`` [rows, vocabulary] where the prompts end, ``held`` what they left (needed where a
    tree has a second pass; changed), ``starts`` the position of each reply's first token.
    """
    asked = [
        (row, choice, place, token)
        for row, tree in enumerate(trees)
        for choice, edges in enumerate(tree.edges)
        for place, token in edges
    ]
    first = [edge for edge in asked if edge[2] == 0]
    found = list(zip(first, _read(logits[:, None], first, ends)))
    if any(tree.size for tree in trees):
        assert held is not None
        later = [(r, c, place - 1, token) for r, c, place, token in asked if place]
        rest = _tree_pass if forward.attention in MASKED else _chain_pass
        found += zip(later, _read(*rest(forward, held, starts, trees, later), ends))
    sums = [[0.0] * len(tree.sequences) for tree in trees]
    for (row, choice, _, _), value in found:
        sums[row][choice] += value
    return sums


Edge = tuple[int, int, int, int]
"""Row, choice, place, token."""


def _read(logits: torch.Tensor, edges: Sequence[Edge], ends: Sequence[int]) -> list[float]:
    """Log-probabilities of edges' tokens under ``logits`` [rows, places, vocabulary]."""
    device = logits.device
    rows = torch.tensor([edge[0] for edge in edges], device=device)
    places = torch.tensor([edge[2] for edge in edges], device=device)
    tokens = torch.tensor([edge[3] for edge in edges], device=device)
    # Row by row where the vocabulary is large: float32 copies of all would not fit.
    total = torch.stack([row.float().logsumexp(-1) for row in logits])
    said = logits[rows, places, tokens.clamp(min=0)].float()
    if (closing := tokens == CLOSE).any():
        at = closing.nonzero()[:, 0]
        ending = logits[rows[at], places[at]][:, torch.tensor(ends, device=device)]
        said[at] = ending.float().logsumexp(-1)
    return (said - total[rows, places]).tolist()


def _tree_pass(
    forward: Forward, held: Held, starts: Sequence[int], trees: Sequence[Tree], edges: list[Edge]
) -> tuple[torch.Tensor, list[Edge]]:
    """Logits [rows, size, vocabulary] after each prefix: one row an ask."""
    device = forward.model.device
    rows, widest = len(trees), max(tree.size for tree in trees)
    ids = torch.full((rows, widest), forward.pad)
    places = torch.zeros((rows, widest), dtype=torch.long)
    # Padding sees the prompt alone, so that its numbers are finite.
    sees = torch.zeros((rows, widest, widest), dtype=torch.bool)
    for row, (tree, start) in enumerate(zip(trees, starts)):
        ids[row, : tree.size] = torch.tensor([p[-1] for p in tree.prefixes])
        places[row, : tree.size] = torch.tensor([start + len(p) - 1 for p in tree.prefixes])
        sees[row, : tree.size, : tree.size] = tree.sees
    before = torch.ones((rows, held.columns), dtype=torch.bool, device=device)
    real = before if held.real is None else held.real
    mask = torch.cat([real[:, None].expand(-1, widest, -1), sees.to(device)], dim=2)[:, None]
    if forward.attention == "eager":
        dtype = forward.model.dtype
        mask = torch.zeros(mask.shape, dtype=dtype, device=device).masked_fill(
            ~mask, torch.finfo(dtype).min
        )
    return forward.more(held, ids.to(device), places.to(device), mask), edges


def _chain_pass(
    forward: Forward, held: Held, starts: Sequence[int], trees: Sequence[Tree], edges: list[Edge]
) -> tuple[torch.Tensor, list[Edge]]:
    """The same with a row for each choice, for attention that takes no mask of this kind."""
    device = forward.model.device
    chains = [(r, c) for r, tree in enumerate(trees) for c in range(len(tree.sequences))]
    longest = max(len(s) for tree in trees for s in tree.sequences) - 1
    ids = torch.full((len(chains), longest), forward.pad)
    places = torch.zeros((len(chains), longest), dtype=torch.long)
    for k, (row, choice) in enumerate(chains):
        fed = trees[row].sequences[choice][:-1]
        ids[k, : len(fed)] = torch.tensor(fed, dtype=torch.long)
        places[k] = starts[row] + torch.arange(longest)
    repeated = held.select(torch.tensor([r for r, _ in chains], device=device), longest)
    logits = forward.more(repeated, ids.to(device), places.to(device))
    row_of = {chain: k for k, chain in enumerate(chains)}
    depth = {(r, k): len(p) - 1 for r, t in enumerate(trees) for k, p in enumerate(t.prefixes)}
    return logits, [(row_of[r, c], c, depth[r, place], token) for r, c, place, token in edges]
