"""CachedEngine: any engine, with the replies it gave before.

    engine = CachedEngine(ScriptedEngine("Image 1 is better"), ReplyCache())

Greedy asks alone are looked up and kept; a sampled one is asked each time. Two equal asks of
one stream are asked once, the second being answered (``cached=True``) as the first is done. A
reply is kept before it is handed on, so whoever has seen it can rely on it being there.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from unireward.ask import Ask, Reply
from unireward.engines.base import BaseEngine
from unireward.engines.cache import ReplyCache, reply_key
from unireward.errors import UnirewardError
from unireward.protocols import Engine

_RUN = 256
"""Asks answered without the engine after which its stream is let run dry, so that those answers
can be handed on: what bounds memory on a long run of known asks."""


class CachedEngine(BaseEngine):
    """``engine`` with ``cache`` before it; name, kind, identity, capabilities are the engine's.

    Closing it closes both.
    """

    def __init__(self, engine: Engine, cache: ReplyCache) -> None:
        self.engine = engine
        self.cache = cache

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.engine.name

    @property
    def kind(self) -> str:  # type: ignore[override]
        return self.engine.kind

    @property
    def identity(self) -> str:  # type: ignore[override]
        return self.engine.identity

    @property
    def capabilities(self) -> frozenset[str]:  # type: ignore[override]
        return self.engine.capabilities

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        yield from _Stream(self.engine, self.cache, asks).run()

    def close(self) -> None:
        self.engine.close()
        self.cache.close()


class _Stream:
    """One stream: asks sorted into known, equal to one in flight, and new."""

    def __init__(self, engine: Engine, cache: ReplyCache, asks: Iterable[Ask]) -> None:
        self.engine = engine
        self.cache = cache
        self.asks = enumerate(asks)
        self.identity = engine.identity
        self.done: deque[tuple[int, Reply]] = deque()
        self.followers: dict[bytes, list[int]] = {}
        self.asked: dict[int, tuple[int, bytes | None]] = {}
        self.sent = 0
        self.unsent = 0
        self.dry = False

    def run(self) -> Iterator[tuple[int, Reply]]:
        while not self.dry:
            with contextlib.closing(iter(self.engine.stream(self._new()))) as replies:  # type: ignore[type-var]
                for place, reply in replies:
                    index, key = self.asked.pop(place)
                    yield from self._drain()
                    yield from self._finish(index, key, reply)
            yield from self._drain()

    def _new(self) -> Iterator[Ask]:
        """The asks that the engine must answer; ends early when much else waits."""
        self.sent = self.unsent = 0
        for index, ask in self.asks:
            key = self._key(ask)
            if key is None or not self._known(index, key):
                if key is not None:
                    self.followers[key] = []
                self.asked[self.sent] = (index, key)
                self.sent += 1
                yield ask
            elif (waiting := self.unsent + 1) < _RUN:
                self.unsent = waiting
            else:
                return
        self.dry = True

    def _key(self, ask: Ask) -> bytes | None:
        if not ask.sampling.deterministic:
            return None
        try:
            return reply_key(self.identity, ask.digest)
        except UnirewardError:
            # A medium that cannot be read has no digest: the engine says so for this ask alone.
            return None

    def _known(self, index: int, key: bytes) -> bool:
        if key in self.followers:
            self.followers[key].append(index)
            return True
        found = self.cache.get_many([key]).get(key)
        if found is not None:
            self.done.append((index, found))
        return found is not None

    def _finish(self, index: int, key: bytes | None, reply: Reply) -> Iterator[tuple[int, Reply]]:
        if key is None:
            yield index, reply
            return
        self.cache.put_many({key: reply})
        yield index, reply
        again = replace(reply, cached=reply.error is None, seconds=0.0, retries=0)
        for follower in self.followers.pop(key):
            yield follower, again

    def _drain(self) -> Iterator[tuple[int, Reply]]:
        self.unsent = 0
        while self.done:
            yield self.done.popleft()
