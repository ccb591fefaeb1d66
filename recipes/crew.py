"""Crew: several trainings at once, each told of as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import as_completed
from typing import Any, TypeVar

from unireward.jobs.workers import pool_of

Name = TypeVar("Name")
T = TypeVar("T")


def each(
    workers: int, run: Callable[..., T], todo: Mapping[Name, Sequence[Any]]
) -> Iterator[tuple[Name, T]]:
    """What ``run`` gives for the arguments of each name, in the order in which they are done.

    Raises what the first to fail raises; what runs beside it is finished, nothing else is begun.
    """
    with pool_of(workers) as pool:
        running = {pool.submit(run, *given): name for name, given in todo.items()}
        try:
            for done in as_completed(running):
                yield running[done], done.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
