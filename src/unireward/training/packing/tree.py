"""Tree packing: a record as one sequence whose replies are side branches.

The trunk is the prompt as it is asked (images encoded once); every supervised reply hangs off
some prefix of it, seeing that prefix and itself alone. Positions go on from the cut, so each
branch is equal to the plain causal prompt it stands for. Six replies cost little more than one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

IGNORE = -100


@dataclass
class Tree:
    """One packed sample. Token lists grow as it is built; ``images`` are frame groups [n, d]."""

    tokens: list[int] = field(default_factory=list)
    positions: list[tuple[int, int, int]] = field(default_factory=list)
    branch: list[int] = field(default_factory=list)
    cut: list[int] = field(default_factory=list)
    targets: dict[int, tuple[int, float]] = field(default_factory=dict)
    """Position -> (the token that follows there, the weight of its loss)."""
    words: dict[int, int] = field(default_factory=dict)
    """Position -> is what the word there says right (1) or wrong (0)?"""
    auxiliary: dict[str, dict[int, tuple[float, ...]]] = field(default_factory=dict)
    """Name of a training-only layer -> position -> its targets, NaN unknown."""
    images: list[np.ndarray] = field(default_factory=list)
    image_at: list[int] = field(default_factory=list)
    next_position: int = 0
    branches: int = 0

    def _add(self, token: int, place: tuple[int, int, int], branch: int, cut: int) -> None:
        self.tokens.append(token)
        self.positions.append(place)
        self.branch.append(branch)
        self.cut.append(cut)

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
        first = len(self.tokens)
        for k, token in enumerate([*prompt, *(token for token, _ in reply)]):
            place = at + k
            self._add(token, (place, place, place), self.branches, cut)
        for k, target in enumerate(reply):
            self.targets[first + len(prompt) + k - 1] = target


def buckets(
    trees: Sequence[Tree], pad: int, tokens_per_image: int, ratio: float = 1.4
) -> list[dict[str, Any]]:
    """The trees in parts of like length: none longer than ``ratio`` times its shortest."""
    groups: list[list[Tree]] = []
    for tree in sorted(trees, key=lambda tree: len(tree.tokens)):
        if not groups or len(tree.tokens) > ratio * len(groups[-1][0].tokens):
            groups.append([])
        groups[-1].append(tree)
    return [collate(group, pad, tokens_per_image) for group in groups]


def collate(trees: Sequence[Tree], pad: int, tokens_per_image: int) -> dict[str, Any]:
    """B trees as one part of a batch (fields of ``training.objectives.base``).

    ``inputs``: ids [B, L], positions [3, B, L], mask [B, 1, L, L] (bool), pixels [I, n, d],
    pixel_index [I * n] (flat). Right-padded; a padding token sees itself alone, so that no row of
    the softmax is empty.
    """
    import torch

    rows, length = len(trees), max(len(tree.tokens) for tree in trees)
    ids = np.full((rows, length), pad)
    places = np.zeros((3, rows, length), dtype=np.int64)
    branch = np.full((rows, length), -1)
    cut = np.zeros((rows, length), dtype=np.int64)
    pixels: list[np.ndarray] = []
    where: list[np.ndarray] = []
    for r, tree in enumerate(trees):
        n = len(tree.tokens)
        ids[r, :n] = tree.tokens
        places[:, r, :n] = np.asarray(tree.positions).T
        branch[r, :n] = tree.branch
        cut[r, :n] = tree.cut
        pixels += tree.images
        where += [r * length + at + np.arange(tokens_per_image) for at in tree.image_at]
    inputs = {
        "ids": torch.from_numpy(ids),
        "positions": torch.from_numpy(places),
        "mask": torch.from_numpy(_mask(branch, cut)[:, None]),
        "pixels": torch.from_numpy(np.stack(pixels)),
        "pixel_index": torch.from_numpy(np.concatenate(where)),
    }
    return {"inputs": inputs, **_supervised(trees, length)}


def _mask(branch: np.ndarray, cut: np.ndarray) -> np.ndarray:
    """[B, L] branch numbers (0 trunk, -1 padding) and cuts -> who sees whom, [B, L, L]."""
    j = np.arange(branch.shape[1])
    trunk = (branch == 0)[:, None, :] & (j[None, None, :] < cut[:, :, None])
    same = (branch[:, None, :] == branch[:, :, None]) & (branch > 0)[:, :, None]
    return (
        trunk | (same & (j[None, None, :] <= j[None, :, None])) | np.eye(len(j), dtype=bool)[None]
    )


def _supervised(trees: Sequence[Tree], length: int) -> dict[str, Any]:
    import torch

    at: list[int] = []
    targets: list[int] = []
    weights: list[float] = []
    words: list[int] = []
    for r, tree in enumerate(trees):
        for place in sorted(tree.targets.keys() | tree.words.keys()):
            token, weight = tree.targets.get(place, (IGNORE, 0.0))
            at.append(r * length + place)
            targets.append(token)
            weights.append(weight)
            words.append(tree.words.get(place, IGNORE))
    fields: dict[str, Any] = {
        "logits_at": torch.tensor(at, dtype=torch.long),
        "targets": torch.tensor(targets, dtype=torch.long),
        "target_weights": torch.tensor(weights, dtype=torch.float32),
        "words": torch.tensor(words, dtype=torch.long),
    }
    for name in {name for tree in trees for name in tree.auxiliary}:
        rows = [
            (r * length + place, values)
            for r, tree in enumerate(trees)
            for place, values in tree.auxiliary.get(name, {}).items()
        ]
        fields[f"aux_{name}_at"] = torch.tensor([place for place, _ in rows], dtype=torch.long)
        fields[f"aux_{name}"] = torch.tensor([list(v) for _, v in rows], dtype=torch.float32)
    return fields


def batch_of(
    trees: Sequence[Tree], pad: int, tokens_per_image: int, record_ids: Sequence[str] = ()
) -> Mapping[str, Any]:
    """What :class:`~unireward.training.trainer.RewardTrainer` takes for one micro-batch."""
    return {
        "parts": buckets(trees, pad, tokens_per_image),
        "record_ids": list(record_ids),
        "skipped": {},
    }
