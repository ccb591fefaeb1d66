"""Quick: asks answered with nothing computed twice.

A window of asks becomes lines of tokens, made in threads ahead of the model. Media are encoded
once and kept; stretches that several lines share are computed once and gone on from; choices are
read from one pass and a small one over their tree; replies are decoded together. Batches are
bounded by tokens, longest first. Where lines share nothing, each batch is one bare forward.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import torch

from unireward.ask import Ask, Reply
from unireward.engines.ahead import ahead
from unireward.engines.choosing import Tree, score
from unireward.engines.decode import Decoder
from unireward.engines.features import Features
from unireward.engines.forward import Forward, Stretch
from unireward.engines.kept import MOST, Begun, Kept, parent_of
from unireward.engines.kv import Held
from unireward.engines.plain import reply_of
from unireward.engines.prefixes import SHARE, WORTH, Node, plan
from unireward.engines.task import Task
from unireward.errors import InputError, UnirewardError

WINDOW = 256
"""Asks looked at together: a group of 16 in both orders is 240."""
WINDOW_TOKENS = 1 << 18
"""Tokens of different media in one window: what bounds the decoded pictures in memory."""
AHEAD = 128
"""Asks made ready in threads while the model runs."""
REACH = 4
"""How many times ``batch_tokens`` a batch may hold with the prefixes that it goes on from."""
ROOM = 256
"""Columns made ready for replies, which grow as they need."""
SCORES = 1 << 28
"""Logits that the pass over choices may make at a time."""


@dataclass(frozen=True)
class Limits:
    """``tokens`` padded tokens a batch, ``rows`` its rows; ``share`` prefixes or not, where that
    saves ``worth`` tokens and ``part`` of all (:func:`~unireward.engines.prefixes.plan`)."""

    tokens: int
    rows: int
    share: bool = True
    worth: int = WORTH
    part: float = SHARE


@dataclass
class Batch:
    """Nodes that run together, each on a row of ``parent`` (None: from the start). ``spent`` is
    what its prompts have cost before, in seconds each."""

    kind: str
    nodes: list[Node] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    parent: Held | None = None
    spent: float = 0.0

    def halves(self) -> Iterator[Batch]:
        middle = len(self.nodes) // 2
        for part in (slice(None, middle), slice(middle, None)):
            yield replace(self, nodes=self.nodes[part], rows=self.rows[part])


class Quick:
    """One model's quick path. ``locked`` is what guards the model while it runs, ``kept`` what is
    gone on from in later windows (:meth:`forget` it where the weights change)."""

    def __init__(
        self,
        forward: Forward,
        tokenizer: Any,
        lines: Any,
        features: Features,
        ends: Sequence[int],
        limits: Limits,
        *,
        penalty: float = 1.0,
        kept: Kept,
        locked: Any,
    ) -> None:
        self.forward = forward
        self.tokenizer = tokenizer
        self.lines = lines
        self.features = features
        self.ends = list(ends)
        self.limits = limits
        self.penalty = penalty
        self.kept = kept
        self.locked = locked
        self.computed = 0
        """Tokens of prompts put through the model, padding left aside."""
        self.forwards = 0
        self._tree: Callable[[tuple[str, ...]], Tree] = lru_cache(256)(
            lambda choices: Tree.of(tokenizer, choices)
        )

    def stream(self, numbered: Iterable[tuple[int, Ask]]) -> Iterator[tuple[int, Reply]]:
        """Replies as they are done. Every ask is one that the lines take."""
        window: list[Task] = []
        seen: dict[str, int] = {}
        for (index, _), task in ahead(numbered, self._task, window=AHEAD):
            if isinstance(task, UnirewardError):
                yield index, Reply(error=str(task))
                continue
            if isinstance(task, Exception):
                raise task
            window.append(task)
            seen |= {shown.medium.key: shown.medium.tokens for shown in task.line.media}
            if len(window) == WINDOW or sum(seen.values()) > WINDOW_TOKENS:
                yield from self._answer(window)
                window, seen = [], {}
        yield from self._answer(window)

    def forget(self) -> None:
        """Let go of what was computed with the weights as they were."""
        self.features.clear()
        self.kept.clear()

    def _task(self, numbered: tuple[int, Ask]) -> Task:
        index, ask = numbered
        tree = self._tree(ask.choices) if ask.choices else None
        return Task(index, ask, self.lines.of(ask), tree)

    # A window ---------------------------------------------------------------------------------

    def _answer(self, window: list[Task]) -> Iterator[tuple[int, Reply]]:
        if not window:
            return
        planned = self._planned(window)
        following = next(planned, None)
        with ThreadPoolExecutor(1, thread_name_prefix="patches") as beside:
            while following is not None:
                batch, following = following, next(planned, None)
                # The next batch's patches are made while the model runs.
                loading = following and beside.submit(_load, self._missing(window, following))
                yield from self._run(window, batch)
                if loading:
                    loading.result()

    def _planned(self, window: list[Task]) -> Iterator[Batch]:
        """The first batches of a window: of prompts that begin as one that is kept does, and of
        those that begin anew."""
        if not self.limits.share:
            yield from self._batches(
                window, [Node(k, 0, len(t.line)) for k, t in enumerate(window)]
            )
            return
        alike: dict[bytes, list[int]] = {}
        begun: dict[bytes, Begun] = {}
        anew: list[int] = []
        for place, task in enumerate(window):
            found = self._begun(task)
            if found is None:
                anew.append(place)
                continue
            key = task.codes[: found.length].tobytes()
            begun[key] = found
            alike.setdefault(key, []).append(place)
        yield from self._batches(window, self._forest(window, anew))
        for keys in self._held_at_once(begun):
            nodes = {key: self._forest(window, alike[key], begun[key].length) for key in keys}
            row_of = [row for row, key in enumerate(keys) for _ in nodes[key]]
            parent = parent_of([begun[key] for key in keys])
            for batch in self._batches(window, [n for key in keys for n in nodes[key]], parent):
                batch.rows = [row_of[k] for k in batch.rows]
                yield batch

    def _held_at_once(self, begun: Mapping[bytes, Begun]) -> Iterator[list[bytes]]:
        """Beginnings that are stacked together: no more tokens than a batch may go on from."""
        most = REACH * self.limits.tokens
        part: list[bytes] = []
        for key in sorted(begun, key=lambda key: -begun[key].length):
            if part and (len(part) + 1) * begun[part[0]].length > most:
                yield part
                part = []
            part.append(key)
        if part:
            yield part

    def _begun(self, task: Task) -> Begun | None:
        limits = self.limits
        return self.kept.find(task.codes, task.whole, worth=limits.worth, share=limits.part)

    def _forest(self, window: list[Task], places: Sequence[int], start: int = 0) -> list[Node]:
        """The plan of some of the window's prompts from ``start`` on."""
        tasks = [window[place] for place in places]
        if len(tasks) == 1:
            return [Node(places[0], start, len(tasks[0].line))]
        found = plan(
            [task.codes[start:] for task in tasks],
            [[(a - start, b - start) for a, b in task.whole if a >= start] for task in tasks],
            worth=self.limits.worth,
            share=self.limits.part,
        )
        return [node.moved(places, start) for node in found]

    def _missing(self, window: list[Task], batch: Batch) -> list[Any]:
        """Media of a batch whose features are not at hand."""
        shown = _pixels([Stretch(window[n.line].line, n.start, n.stop) for n in batch.nodes])
        return [pixels for pixels in shown if pixels.key not in self.features]

    def _batches(
        self, window: list[Task], nodes: Sequence[Node], parent: Held | None = None,
        spent: float = 0.0,
    ) -> Iterator[Batch]:  # fmt: skip
        """Like with like, longest first; ``nodes`` are those of the parent's rows in turn."""
        kinds: dict[str, list[tuple[Node, int]]] = {}
        for row, node in enumerate(nodes):
            for one, kind in [(node, "share" if node.children else window[node.line].kind)]:
                kinds.setdefault(kind, []).append((one, row))
        for kind, members in sorted(kinds.items()):
            members.sort(key=lambda member: (-member[0].length, member[0].line))
            batch = Batch(kind, parent=parent, spent=spent)
            for node, row in members:
                if batch.nodes and not self._fits(window, batch, node):
                    yield batch
                    batch = Batch(kind, parent=parent, spent=spent)
                batch.nodes.append(node)
                batch.rows.append(row)
            yield batch

    def _fits(self, window: list[Task], batch: Batch, node: Node) -> bool:
        rows = len(batch.nodes) + 1
        longest = max(node.length, batch.nodes[0].length)
        reach = max(node.stop, *(one.stop for one in batch.nodes))
        fits = rows <= self.limits.rows and rows * longest <= self.limits.tokens
        fits = fits and rows * reach <= REACH * self.limits.tokens
        tree = window[node.line].tree
        if batch.kind == "choose" and tree is not None:
            vocabulary = self.forward.model.config.get_text_config().vocab_size
            fits = fits and rows * max(tree.size, 1) * vocabulary <= SCORES
        return fits

    # A batch ----------------------------------------------------------------------------------

    def _run(self, window: list[Task], batch: Batch) -> Iterator[tuple[int, Reply]]:
        start = time.perf_counter()
        fault, held, replies = "", None, []
        with self.locked, torch.inference_mode():
            try:
                held, replies = self._forward(window, batch)
            except torch.OutOfMemoryError:
                mend = "lower the family's max_pixels or frames, or use a larger device"
                fault = f"out of memory on {self.forward.model.device}; {mend}"
            except InputError as error:
                fault = str(error)
        if fault:
            yield from self._without(window, batch, fault)
            return
        below = sum(1 for node in batch.nodes for _ in node.leaves())
        spent = batch.spent + (time.perf_counter() - start) / below
        if held is not None and batch.kind == "share":
            yield from self._go_on(window, batch, held, spent)
        for node, reply in zip(batch.nodes, replies):
            yield window[node.line].index, replace(reply, seconds=spent)

    def _go_on(
        self, window: list[Task], batch: Batch, held: Held, spent: float
    ) -> Iterator[tuple[int, Reply]]:
        children = [child for node in batch.nodes for child in node.children]
        row_of = [row for row, node in enumerate(batch.nodes) for _ in node.children]
        for part in self._batches(window, children, held, spent):
            part.rows = [row_of[k] for k in part.rows]
            yield from self._run(window, part)

    def _without(self, window: list[Task], batch: Batch, fault: str) -> Iterator[tuple[int, Reply]]:
        """A fault of one of them, or of all together: the halves tell. What a shared stretch
        cannot do may be done for one prompt alone, or is that prompt's own error."""
        if len(batch.nodes) > 1:
            for half in batch.halves():
                yield from self._run(window, half)
        elif batch.kind != "share":
            yield window[batch.nodes[0].line].index, Reply(error=fault)
        else:
            for leaf in batch.nodes[0].leaves():
                alone = Node(leaf.line, 0, leaf.stop)
                for part in self._batches(window, [alone]):
                    yield from self._run(window, part)

    def _forward(self, window: list[Task], batch: Batch) -> tuple[Held | None, list[Reply]]:
        tasks = [window[node.line] for node in batch.nodes]
        stretches = [
            Stretch(task.line, node.start, node.stop) for task, node in zip(tasks, batch.nodes)
        ]
        self.forwards += 1
        self.computed += sum(stretch.length for stretch in stretches)
        # A window that is not full is somebody's who waits for it before he asks for more.
        keeps = self.kept.max_bytes > 0 and len(window) <= MOST and batch.kind != "share"
        keeps = keeps and self.limits.share
        room = 0
        if batch.kind == "choose":
            room = max(task.tree.size for task in tasks if task.tree is not None)
        elif batch.kind == "generate":
            room = min(ROOM, max(task.ask.sampling.max_tokens for task in tasks))
        passed = self.forward(
            stretches,
            batch.parent,
            batch.rows,
            features=self.features.encode(_pixels(stretches)),
            logits=batch.kind != "share",
            keep=batch.kind != "choose" or room > 0 or keeps,
            room=room,
        )
        if batch.kind == "share":
            return passed.held, []
        assert passed.logits is not None
        if keeps and passed.held is not None:
            self.kept.keep([task.codes for task in tasks], passed.held)
        finish = self._choose if batch.kind == "choose" else self._generate
        return None, finish(tasks, passed.logits, passed.held)

    def _choose(self, tasks: list[Task], logits: torch.Tensor, held: Held | None) -> list[Reply]:
        starts = [task.line.next_position for task in tasks]
        trees = [task.tree for task in tasks if task.tree is not None]
        found = score(self.forward, logits, held, starts, trees, self.ends)
        return [
            Reply(
                text=max(zip(values, task.ask.choices), key=lambda pair: pair[0])[1],
                finish_reason="stop",
                choices=dict(zip(task.ask.choices, values)),
                prompt_tokens=len(task.line),
            )
            for task, values in zip(tasks, found)
        ]

    def _generate(self, tasks: list[Task], logits: torch.Tensor, held: Held | None) -> list[Reply]:
        assert held is not None
        decoder = Decoder(self.forward, self.tokenizer, self.ends, self.penalty)
        said = decoder(
            logits,
            held,
            [task.line.next_position for task in tasks],
            [task.ask.sampling for task in tasks],
            prompts=[task.line.ids for task in tasks],
        )
        return [
            reply_of(self.tokenizer, one.tokens, self.ends, task.ask.sampling, len(task.line))
            for task, one in zip(tasks, said)
        ]


def _pixels(stretches: Sequence[Stretch]) -> list[Any]:
    """Handles of the media that the stretches show."""
    found: dict[str, Any] = {}
    for stretch in stretches:
        shown = {shown.medium.key for shown in stretch.media}
        found |= {one.key: one for one in stretch.line.pixels if one.key in shown}
    return list(found.values())


def _load(media: Sequence[Any]) -> None:
    """Makes patches. What cannot be made is said when they are asked for."""
    for pixels in media:
        with suppress(Exception):
            pixels.load()
