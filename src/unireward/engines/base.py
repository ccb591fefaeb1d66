"""BaseEngine: everything an engine is besides ``stream``.

An engine writes one method, ``stream``; the two batched calls, the context manager and the
printed form come from here. ``Ask.choices`` decides what is done with an ask: where it holds
short answers they are scored by log-probability, otherwise text is generated::

    class Parrot(BaseEngine):
        kind = "scripted"
        def stream(self, asks):
            for index, ask in enumerate(asks):
                yield index, Reply(text=ask.text, finish_reason="stop")

Edge rules: ``stream`` pulls lazily, so a caller may hand it an endless iterator; closing the
generator early abandons what is in flight; an engine is closed once and ``close`` is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from unireward.ask import Ask, Reply
from unireward.errors import UsageError

GENERATE, CHOOSE, IMAGE, VIDEO = "generate", "choose", "image", "video"


class BaseEngine:
    """``generate`` and ``choose`` over ``stream``; see :class:`unireward.protocols.Engine`."""

    name: str = "engine"
    kind: str = "scripted"
    identity: str = ""
    capabilities: frozenset[str] = frozenset({GENERATE})

    def stream(self, asks: Iterable[Ask]) -> Iterator[tuple[int, Reply]]:
        """Yield ``(index of the ask, reply)`` as each is done, in whatever order suits."""
        raise NotImplementedError

    def generate(self, asks: Sequence[Ask]) -> list[Reply]:
        """Text for each ask, in order; ``Ask.choices`` are left aside."""
        return self._in_order([replace(ask, choices=()) for ask in asks])

    def choose(self, asks: Sequence[Ask]) -> list[Reply]:
        """Log-probabilities of each ask's ``choices``, in order.

        Raises :class:`UsageError` where an ask has no choices, or the engine gives no
        log-probabilities at all. A reply may still hold ``choices=None`` (a server that cut
        its alternatives short): that ask was answered by text only.
        """
        if CHOOSE not in self.capabilities:
            raise UsageError(f"engine {self.name} gives no log-probabilities; use generate")
        for index, ask in enumerate(asks):
            if not ask.choices:
                raise UsageError(f"ask {index} has no choices; set Ask.choices or use generate")
        return self._in_order(asks)

    def close(self) -> None:
        """Let go of threads, sockets and memory. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    def _in_order(self, asks: Sequence[Ask]) -> list[Reply]:
        replies: list[Reply | None] = [None] * len(asks)
        for index, reply in self.stream(asks):
            assert replies[index] is None, f"ask {index} was answered twice"
            replies[index] = reply
        assert all(reply is not None for reply in replies), "an ask was left unanswered"
        return [reply for reply in replies if reply is not None]
