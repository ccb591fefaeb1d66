"""From the world's items to packed trees: what the tiny judge is shown and what it should say.

The trunk is the family's own prompt, piece by piece (``families/tiny/spec.py``); a test holds the
two equal token by token. Every label comes from the world's truth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image
from transformers import PreTrainedTokenizerFast

from recipes.tiny_judge.model import PATCH, SIDE, TEMPORAL
from unireward.families import get_family
from unireward.media import FrameRule
from unireward.training.packing.tree import Tree
from unireward.world.edits import asked, done
from unireward.world.facts import describe, facts, held
from unireward.world.item import FPS, WorldItem
from unireward.world.photographs import Photograph

GRID = SIDE // PATCH
FRAMES = FrameRule.parse(get_family("tiny").spec.frames)
TEMPLATE = 0.1
"""Weight of a reply's fixed words; what is judged weighs 1, a direct verdict VERDICT."""
VERDICT = 5.0
AUX_SCORES = ("alignment", "coherence", "style", "physics")


def resized(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] to float32 [64, 64, 3] in [-1, 1], as the engine's processor does it."""
    small = np.asarray(Image.fromarray(pixels).resize((SIDE, SIDE)), dtype=np.float32)
    return small / 127.5 - 1


def patches(frames: Sequence[np.ndarray]) -> np.ndarray:
    """``TEMPORAL`` frames [64, 64, 3] to [16, C*T*p*p], rows of patches from the top left."""
    stack = np.stack(frames).reshape(TEMPORAL, GRID, PATCH, GRID, PATCH, 3)
    return stack.transpose(1, 3, 5, 0, 2, 4).reshape(GRID * GRID, -1)


def still(pixels: np.ndarray) -> np.ndarray:
    one = resized(pixels)
    return patches([one] * TEMPORAL)


def frame_groups(clip: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """The frames of the family's rule in twos, each with the mean of its times (s)."""
    at = np.asarray(FRAMES.indices(len(clip)))
    return [
        (float(at[k : k + TEMPORAL].mean()) / FPS, clip[at[k : k + TEMPORAL]])
        for k in range(0, len(at), TEMPORAL)
    ]


def number(value: float, step: float = 0.5) -> str:
    """``value`` as one of the tokenizer's score words."""
    snapped = min(max(round(value / step) * step, 1.0), 5.0)
    text = f"{snapped:.2f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


class Writer:
    """Builds trees with one tokenizer."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        self.vocabulary = tokenizer.get_vocab()
        self.unknown = self.vocabulary["<unk>"]
        self.pad = self.vocabulary["<pad>"]
        ids = tokenizer.convert_tokens_to_ids
        self.reply, self.end = ids("<|reply|>"), ids("<|end|>")
        self.start, self.stop = ids("<|vision_start|>"), ids("<|vision_end|>")
        self.image_pad, self.video_pad = ids("<|image_pad|>"), ids("<|video_pad|>")

    def ids(self, words: str) -> list[int]:
        """Token ids of space-separated words; an unknown word is a fault of the recipe."""
        found = [self.vocabulary[word] for word in words.split()]
        assert self.unknown not in found, words
        return found

    def show(self, tree: Tree, pixels: np.ndarray) -> None:
        """A picture [H, W, 3], or a clip [T, H, W, 3] as Qwen3-VL writes it: within its frame,
        each two frames led by their time."""
        tree.text([self.start])
        if pixels.ndim == 3:
            tree.image(still(pixels), self.image_pad, GRID)
        else:
            for time, pair in frame_groups(pixels):
                tree.text([*self.ids(f"< {time:.1f} seconds >"), self.start])
                tree.image(patches([resized(frame) for frame in pair]), self.video_pad, GRID)
                tree.text([self.stop])
        tree.text([self.stop])

    def said(self, words: Sequence[tuple[str, float]]) -> list[tuple[int, float]]:
        """A reply: (word, weight) with the end of turn."""
        return [(self.vocabulary[word], weight) for word, weight in words] + [(self.end, TEMPLATE)]

    def ask(
        self, tree: Tree, mark: tuple[int, int], what: str, words: list[tuple[str, float]]
    ) -> None:
        tree.hang(mark, [*self.ids(f"{what} :"), self.reply], self.said(words))

    def judged(self, tree: Tree, text: str, marks: Sequence[tuple[int, bool]], lead: str) -> None:
        """``lead : text .`` on the trunk, with right/wrong at the words in ``marks``."""
        tree.text(self.ids(f"{lead} :"))
        first = tree.text(self.ids(text))
        for at, right in marks:
            tree.words[first + at] = int(right)
        tree.text(self.ids("."))

    def score_words(self, truth: dict[str, float]) -> list[tuple[str, float]]:
        words: list[tuple[str, float]] = []
        for name, value in truth.items():
            step = 0.25 if name in ("alignment", "overall") else 0.5
            words += [(name, TEMPLATE), (number(value, step), 1.0)]
        return words

    def both_words(self, label: str, truths: Sequence[dict[str, float]]) -> list[tuple[str, float]]:
        words: list[tuple[str, float]] = []
        for k, truth in enumerate(truths, start=1):
            words += [(label, TEMPLATE), (str(k), TEMPLATE), (":", TEMPLATE)]
            words += [*self.score_words(truth), (".", TEMPLATE)]
        return words


def aux_scores(truth: dict[str, float]) -> tuple[float, ...]:
    """The four dimensions scaled to about [-1, 1]; NaN where the task has none."""
    return tuple((truth[n] - 3) / 2 if n in truth else float("nan") for n in AUX_SCORES)


def verdict_of(item: WorldItem) -> str:
    """``1``, ``2`` or ``tie`` by the label, candidates in their own order."""
    assert item.record.label is not None
    winner = item.record.label.winner()
    names = [candidate.id for candidate in item.record.candidates]
    return "tie" if winner == "tie" else str(names.index(str(winner)) + 1)


LABEL = {"image_generation": "image", "video_generation": "video", "image_editing": "image"}


def caption_tree(writer: Writer, item: WorldItem, rng: np.random.Generator) -> Tree:
    """Describe one picture or clip, after either label."""
    drawn = next(iter(item.made.values()))
    tree = Tree()
    tree.text(writer.ids(f"{LABEL[item.task]} {1 + int(rng.random() * 2)} :"))
    writer.show(tree, drawn.pixels)
    writer.ask(tree, tree.mark(), "describe", [(w, 1.0) for w in describe(drawn.scene).split()])
    return tree


def drawn_tree(writer: Writer, item: WorldItem, replies: str) -> Tree:
    """A pair (or one) of pictures, clips or edits with the replies asked for: **d**escribe,
    **s**core, **r**ank, **t**race, **p**air scores."""
    tree = Tree()
    label = LABEL[item.task]
    lead = "instruction" if item.task == "image_editing" else "caption"
    if item.task == "image_editing":
        tree.text(writer.ids("source :"))
        writer.show(tree, item.prompt_media[0])
    for k, (drawn, truth) in enumerate(zip(item.made.values(), item.truth.values()), start=1):
        tree.text(writer.ids(f"{label} {k} :"))
        writer.show(tree, drawn.pixels)
        if "d" in replies:
            told = [(w, 0.5) for w in describe(drawn.scene).split()]
            writer.ask(tree, tree.mark(), "describe", told)
        writer.judged(tree, item.record.text, word_marks(item, drawn), lead)
        tree.auxiliary.setdefault("score", {})[len(tree.tokens) - 1] = aux_scores(truth)
        if k == 1 and "s" in replies:
            writer.ask(tree, tree.mark(), "score", writer.score_words(truth))
    if len(item.made) == 2:
        finish_pair(writer, tree, item, label, replies)
    return tree


def word_marks(item: WorldItem, drawn: Any) -> list[tuple[int, bool]]:
    """Where the prompt states something, and whether it holds of what was drawn."""
    if isinstance(drawn, Photograph):
        return []  # "a clear photograph" states nothing that could be wrong
    if item.task == "image_editing":
        return [(fact.at, ok) for fact, ok in zip(asked(item.spec), done(item.spec, drawn.scene))]
    right = held(item.spec, drawn.scene)
    return [(fact.at, ok) for fact, ok in zip(facts(item.spec), right)]


def answer_tree(writer: Writer, item: WorldItem, replies: str) -> Tree:
    """A question about a picture or clip with one or two answers."""
    tree = Tree()
    tree.text(writer.ids("image :" if item.task == "image_understanding" else "video :"))
    writer.show(tree, item.prompt_media[0])
    tree.text(writer.ids(f"question : {item.record.text}"))
    texts = [answer.text.split() for answer in item.made.values()]
    for k, (answer, truth) in enumerate(zip(item.made.values(), item.truth.values()), start=1):
        marks = answer_marks(texts, k - 1, all(answer.right), len(answer.right) == 1)
        writer.judged(tree, answer.text, marks, f"answer {k}")
        tree.auxiliary.setdefault("score", {})[len(tree.tokens) - 1] = aux_scores(truth)
        if k == 1 and "s" in replies:
            writer.ask(tree, tree.mark(), "score", writer.score_words(truth))
    if len(texts) == 2:
        finish_pair(writer, tree, item, "answer", replies)
    return tree


def answer_marks(
    texts: Sequence[list[str]], k: int, right: bool, one_fact: bool
) -> list[tuple[int, bool]]:
    """The words in which two answers of equal length differ; else the last word of an answer
    that states one thing."""
    mine = texts[k]
    if len(texts) == 2 and len(texts[0]) == len(texts[1]):
        differ = [at for at, (a, b) in enumerate(zip(*texts)) if a != b]
        if len(differ) == 1:
            return [(differ[0], right)]
    return [(len(mine) - 1, right)] if one_fact else []


def finish_pair(writer: Writer, tree: Tree, item: WorldItem, label: str, replies: str) -> None:
    mark = tree.mark()
    verdict = verdict_of(item)
    truths = list(item.truth.values())
    if "r" in replies:
        writer.ask(tree, mark, "rank", [(verdict, VERDICT)])
    if "t" in replies:
        told = writer.both_words(label, truths)
        told += [("rank", TEMPLATE), (":", TEMPLATE), (verdict, 1.0)]
        writer.ask(tree, mark, "think", told)
    if "p" in replies:
        writer.ask(tree, mark, "scores", writer.both_words(label, truths))
