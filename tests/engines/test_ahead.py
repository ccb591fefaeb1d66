"""Work ahead of the model: order, bounds, errors, and nothing left behind."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.engines.ahead import ahead


def workers() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("ahead")]


@given(st.lists(st.integers()), st.integers(1, 9), st.integers(1, 4))
def test_order_is_kept_and_errors_are_the_items_own(
    items: list[int], window: int, threads: int
) -> None:
    def work(item: int) -> int:
        if item % 3 == 0:
            raise ValueError(item)
        return item * 2

    out = list(ahead(items, work, window=window, threads=threads))
    assert [item for item, _ in out] == items
    for item, found in out:
        if item % 3 == 0:
            assert isinstance(found, ValueError)
            assert found.args == (item,)
        else:
            assert found == item * 2
    assert not workers()


def test_an_endless_iterator_is_pulled_a_window_ahead() -> None:
    pulled: list[int] = []
    main = threading.get_ident()

    def endless() -> Iterator[int]:
        for k in itertools.count():
            assert threading.get_ident() == main
            pulled.append(k)
            yield k

    stream = ahead(endless(), str, window=5, threads=2)
    assert not pulled
    for k in range(20):
        assert next(stream) == (k, str(k))
        assert len(pulled) == k + 5
    stream.close()
    assert len(pulled) == 24
    assert not workers()


def test_work_goes_on_while_the_caller_is_busy() -> None:
    """The third item is done before the second is asked for."""
    done = {k: threading.Event() for k in range(6)}
    stream = ahead(range(6), lambda k: done[k].set() or k, window=4, threads=2)
    assert next(stream) == (0, 0)
    assert all(done[k].wait(10) for k in (1, 2, 3))
    assert not done[4].is_set()
    assert [k for k, _ in stream] == [1, 2, 3, 4, 5]


def test_closing_gives_up_what_was_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go = [], threading.Event()

    class Pool(ThreadPoolExecutor):
        """Lets the work that was begun go on once the rest is given up."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            go.set()
            super().shutdown(wait=wait)

    monkeypatch.setattr("unireward.engines.ahead.ThreadPoolExecutor", Pool)

    def work(k: int) -> int:
        begun.append(k)
        if k:
            assert go.wait(10)
        return k

    stream = ahead(range(100), work, window=50, threads=2)
    assert next(stream) == (0, 0)
    stream.close()
    assert len(begun) <= 3
    assert not workers()


def test_a_generator_that_is_dropped_leaves_no_thread() -> None:
    stream = ahead(range(100), str, window=3, threads=2)
    next(stream)
    assert workers()
    del stream
    assert not workers()


def test_what_pulling_raises_comes_after_the_items_before_it() -> None:
    def broken() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("gone")

    stream = ahead(broken(), str, window=10, threads=2)
    assert [next(stream), next(stream)] == [(1, "1"), (2, "2")]
    with pytest.raises(OSError, match="gone"):
        next(stream)
    assert not workers()


def test_an_interruption_is_not_an_items_result() -> None:
    def work(item: int) -> int:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ahead([1, 2], work))
    assert not workers()
