"""Flight: the asks of one stream that are under way at an endpoint.

Asks are pulled in the caller's thread, one for each that is done, so that an endless source is
never read far ahead; replies arrive from another thread through a queue.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from concurrent.futures import CancelledError, Future
from typing import Protocol

from unireward.ask import Ask, Reply
from unireward.errors import EngineError


class Submits(Protocol):
    concurrency: int

    def submit(self, ask: Ask) -> Future[Reply]: ...


class Flight:
    """The asks of one stream that are under way: as many as run at once and a few to follow.

    Those few have their pictures encoded while they wait for a place. ``wake`` is called, in
    another thread, as each is done; ``done`` then holds it.
    """

    def __init__(
        self, engine: Submits, asks: Iterable[Ask], wake: Callable[[], object] | None = None
    ) -> None:
        self.done: queue.SimpleQueue[tuple[int, Future[Reply]]] = queue.SimpleQueue()
        self._engine = engine
        self._asks = enumerate(asks)
        self._wake = wake
        self._most = engine.concurrency + engine.concurrency // 4 + 1
        self._flying: dict[int, Future[Reply]] = {}
        self._dry = False

    def refill(self) -> bool:
        """Send what may be sent; False where nothing is under way any more."""
        while not self._dry and len(self._flying) < self._most:
            for index, ask in self._asks:
                future = self._engine.submit(ask)
                self._flying[index] = future
                future.add_done_callback(lambda done, index=index: self._land(index, done))
                break
            else:
                self._dry = True
        return bool(self._flying)

    def _land(self, index: int, future: Future[Reply]) -> None:
        self.done.put((index, future))
        if self._wake is not None:
            self._wake()

    def landed(self, pair: tuple[int, Future[Reply]]) -> tuple[int, Reply]:
        """The reply of what ``done`` held; raises what makes the whole engine unusable."""
        index, future = pair
        del self._flying[index]
        try:
            return index, future.result()
        except CancelledError:
            raise EngineError(f"{self._engine!r} was closed while asks were under way") from None

    def cancel(self) -> None:
        """Abandon whatever is still under way."""
        for future in self._flying.values():
            future.cancel()
