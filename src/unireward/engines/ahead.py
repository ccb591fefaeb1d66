"""Ahead: work on the next items in threads while the model is busy with the last ones.

::

    for ask, line in ahead(asks, lines.of, window=64):
        ...                         # ``line`` may be the exception that this ask's work raised

Decoding and resizing leave Python's lock for most of their time, so a few threads are enough.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ahead(
    items: Iterable[Item],
    work: Callable[[Item], Result],
    *,
    window: int = 64,
    threads: int | None = None,
) -> Generator[tuple[Item, Result | Exception]]:
    """Each item with ``work(item)``, or with the exception that it raised, in order.

    At most ``window`` items are pulled beyond the last one given out, always by the caller's own
    thread; ``threads`` is by the processors there are. Closing it early gives up what was not
    begun and waits for what was. What pulling an item raises comes out after the items before it.
    """
    assert window >= 1
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    source = iter(items)
    fault: BaseException | None = None
    dry = False
    pool = ThreadPoolExecutor(threads or default_threads(), thread_name_prefix="ahead")
    try:
        while True:
            while not dry and len(waiting) < window:
                try:
                    item = next(source)
                except StopIteration:
                    dry = True
                except Exception as error:
                    dry, fault = True, error
                else:
                    waiting.append((item, pool.submit(work, item)))
            if not waiting:
                break
            item, future = waiting.popleft()
            yield item, _outcome(future)
        if fault is not None:
            raise fault
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _outcome(future: Future[Any]) -> Any:
    try:
        return future.result()
    except Exception as error:
        # Another's traceback would hold its frames, and with them pictures, for as long as the
        # reply that tells of it.
        return error.with_traceback(None)


def default_threads() -> int:
    """Two to eight, by the processors that this process may use."""
    count = getattr(os, "process_cpu_count", None) or _affinity
    return max(2, min(8, count() or 2))


def _affinity() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 2
