"""Workers: a pool of processes that end when their parent does, however it ends.

A pool's own workers finish the task in hand after their parent was killed, which for a training
is hours, with its lock held. These look for the parent's end and go at once; what they were
doing is resumable, or lost.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import connection, get_context, parent_process


def pool_of(workers: int) -> ProcessPoolExecutor:
    """Fresh processes (spawned, so that none inherits threads or an accelerator)."""
    return ProcessPoolExecutor(
        workers, mp_context=get_context("spawn"), initializer=_end_with_parent
    )


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None, "runs in a worker only"

    def watch() -> None:
        connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
