"""Tree packing: a record as one sequence whose replies are side branches.

The trunk is the prompt as it is asked (images encoded once); every supervised reply hangs off
some prefix of it, seeing that prefix and itself alone. Positions go on from the cut, so each
branch is equal to the plain causal prompt it stands for. Six replies cost little more than one.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch

IGNORE = -100


@dataclass
class Tree:
    """One packed sample. Token lists grow as it is built; ``images`` are frame groups [n, d]."""

    tokens: list[int] = field(default_factory=list)
    positions: list[tuple[int, int, int]] = field(default_factory=list)
    branch: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    scores: dict[int, tuple[float, ...]] = field(default_factory=dict)
    images: list[np.ndarray] = field(default_factory=list)
    image_at: list[int] = field(default_factory=list)
    next_position: int = 0
    branches: int = 0

    def _add(self, token: int, place: tuple[int, int, int], branch: int, cut: int) -> None:
        self.tokens.append(token)
        self.positions.append(place)
        self.branch.append(branch)
        self.cut.append(cut)
        self.targets.append(IGNORE)
        self.weights.append(0.0)
        self.words.append(IGNORE)

    def text(self, tokens: list[int]) -> int:
        """Appends trunk text; returns the index of its first token."""
        first = len(self.tokens)
        for token in tokens:
            at = self.next_position
            self._add(token, (at, at, at), 0, len(self.tokens) + 1)
            self.next_position += 1
        return first

    def image(self, patches: np.ndarray, pad: int, side: int) -> None:
        """Appends one frame group's placeholders with M-RoPE places (t, t+row, t+column)."""
        start = self.next_position
        self.images.append(patches)
        self.image_at.append(len(self.tokens))
        for k in range(side * side):
            row, column = divmod(k, side)
            self._add(pad, (start, start + row, start + column), 0, len(self.tokens) + 1)
        self.next_position = start + side

    def mark(self) -> tuple[int, int]:
        """A place of the trunk to hang branches on: (token index, next position)."""
        return len(self.tokens), self.next_position

    def hang(
        self, mark: tuple[int, int], prompt: list[int], reply: list[tuple[int, float]]
    ) -> None:
        """A branch after ``mark``: unsupervised ``prompt`` tokens, then (token, weight) reply."""
        cut, at = mark
        self.branches += 1
        tokens = [*prompt, *(token for token, _ in reply)]
        first = len(self.tokens)
        for k, token in enumerate(tokens):
            place = at + k
            self._add(token, (place, place, place), self.branches, cut)
        for k, (token, weight) in enumerate(reply):
            where = first + len(prompt) + k - 1
            self.targets[where] = token
            self.weights[where] = weight


@dataclass
class Batch:
    """Tensors of B trees, L tokens: ids [B,L], positions [3,B,L], mask [B,1,L,L] (bool)."""

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    pixels: torch.Tensor
    pixel_index: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    words: torch.Tensor
    score_index: torch.Tensor
    scores: torch.Tensor


def buckets(trees: list[Tree], pad: int, tokens_per_image: int, ratio: float = 1.4) -> list[Batch]:
    """The trees in batches of like length: none longer than ``ratio`` times its shortest."""
    ordered = sorted(trees, key=lambda tree: len(tree.tokens))
    groups: list[list[Tree]] = []
    for tree in ordered:
        if not groups or len(tree.tokens) > ratio * len(groups[-1][0].tokens):
            groups.append([])
        groups[-1].append(tree)
    return [collate(group, pad, tokens_per_image) for group in groups]


def collate(trees: list[Tree], pad: int, tokens_per_image: int) -> Batch:
    """Right-padded; a padding token sees itself alone, so that no row of the softmax is empty."""
    rows, length = len(trees), max(len(tree.tokens) for tree in trees)
    ids = np.full((rows, length), pad)
    places = np.zeros((3, rows, length), dtype=np.int64)
    branch = np.full((rows, length), -1)
    cut = np.zeros((rows, length), dtype=np.int64)
    targets = np.full((rows, length), IGNORE)
    weights = np.zeros((rows, length), dtype=np.float32)
    words = np.full((rows, length), IGNORE)
    pixels, where, score_index, scores = [], [], [], []
    for r, tree in enumerate(trees):
        n = len(tree.tokens)
        ids[r, :n] = tree.tokens
        places[:, r, :n] = np.asarray(tree.positions).T
        branch[r, :n] = tree.branch
        cut[r, :n] = tree.cut
        targets[r, :n] = tree.targets
        weights[r, :n] = tree.weights
        words[r, :n] = tree.words
        pixels += tree.images
        where += [r * length + at + np.arange(tokens_per_image) for at in tree.image_at]
        score_index += [r * length + at for at in tree.scores]
        scores += list(tree.scores.values())
    branch_t, cut_t = torch.from_numpy(branch), torch.from_numpy(cut)
    j = torch.arange(length)
    trunk = (branch_t == 0)[:, None, :] & (j[None, None, :] < cut_t[:, :, None])
    same = (branch_t[:, None, :] == branch_t[:, :, None]) & (branch_t > 0)[:, :, None]
    mask = trunk | (same & (j[None, None, :] <= j[None, :, None]))
    mask |= torch.eye(length, dtype=torch.bool)[None]
    return Batch(
        ids=torch.from_numpy(ids),
        positions=torch.from_numpy(places),
        mask=mask[:, None],
        pixels=torch.from_numpy(np.stack(pixels)),
        pixel_index=torch.from_numpy(np.concatenate(where)),
        targets=torch.from_numpy(targets),
        weights=torch.from_numpy(weights),
        words=torch.from_numpy(words),
        score_index=torch.tensor(score_index, dtype=torch.long),
        scores=torch.tensor(scores, dtype=torch.float32).reshape(-1, 4),
    )
