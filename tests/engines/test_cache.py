"""The reply cache: what it keeps, for whom, and what becomes of it when things break."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unireward.ask import Reply
from unireward.engines.cache import FILE, ReplyCache, cache_folder, reply_key
from unireward.errors import UnirewardWarning, UsageError

WRITER = Path(__file__).with_name("cache_writer.py")
GOOD = Reply(
    text="Image 1 is better 👍\ud800",
    finish_reason="stop",
    choices={"a": -0.1, "b": -3.5},
    prompt_tokens=31,
    tokens=4,
    notes=("said twice",),
)


def key(name: str) -> bytes:
    return reply_key("engine", name)


def test_a_reply_comes_back_as_it_went_in_marked_cached(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    given = replace(GOOD, seconds=2.5, retries=3)
    cache.put_many({key("one"): given})
    cache.close()
    assert ReplyCache(tmp_path).get_many([key("none"), key("one")]) == {
        key("one"): replace(GOOD, cached=True)
    }


@pytest.fixture(scope="module")
def shared_cache(tmp_path_factory) -> ReplyCache:
    return ReplyCache(tmp_path_factory.mktemp("cache"))


@given(
    reply=st.builds(
        Reply,
        text=st.text(),
        finish_reason=st.none() | st.text(),
        choices=st.none() | st.dictionaries(st.text(), st.floats(max_value=0, min_value=-1e9)),
        tokens=st.integers(0, 10**6),
        notes=st.lists(st.text()).map(tuple),
    )
)
def test_any_reply_survives(shared_cache: ReplyCache, reply: Reply) -> None:
    cache = shared_cache
    cache.put_many({key("x"): reply})
    assert cache.get_many([key("x")]) == {key("x"): replace(reply, cached=True)}


def test_errors_and_empty_replies_are_never_kept(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put_many({key("error"): Reply(error="out of memory"), key("none"): Reply()})
    assert len(cache) == 0


def test_keys_tell_engines_asks_and_their_border_apart() -> None:
    assert len({reply_key("a", "bc"), reply_key("ab", "c"), reply_key("a", "bd")}) == 3
    assert reply_key("a", "b") == reply_key("a", "b")


def test_more_keys_than_one_statement_holds(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    many = {key(str(n)): Reply(text=str(n)) for n in range(1203)}
    cache.put_many(many)
    found = cache.get_many(list(many))
    assert {k: r.text for k, r in found.items()} == {k: r.text for k, r in many.items()}


def test_the_variable_moves_the_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "moved"))
    assert cache_folder() == tmp_path / "moved"
    assert ReplyCache().path == tmp_path / "moved" / FILE
    monkeypatch.delenv("UNIREWARD_CACHE")
    assert cache_folder().name == "unireward"


def test_threads_share_one_cache(tmp_path) -> None:
    cache = ReplyCache(tmp_path)

    def write(name: int) -> None:
        for turn in range(50):
            cache.put_many({key(f"{name}/{turn}"): Reply(text="x")})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) == 200


def writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(WRITER), str(path), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_processes_write_at_once_and_one_killed_loses_nothing_it_had_kept(tmp_path) -> None:
    path = tmp_path / FILE
    doomed = writer(path, "doomed", 0)
    others = [writer(path, f"w{n}", 60) for n in range(3)]
    assert doomed.stdout is not None
    said = [doomed.stdout.readline() for _ in range(40)]
    os.kill(doomed.pid, signal.SIGKILL)
    said += doomed.stdout.readlines()
    for process in others:
        process.communicate()
    assert [process.returncode for process in others] == [0, 0, 0]
    assert doomed.wait() == -signal.SIGKILL
    kept = [reply_key("doomed", line.strip()) for line in said if line.endswith("\n")]
    assert len(kept) >= 40
    cache = ReplyCache(path)
    assert len(cache.get_many(kept)) == len(kept)
    for n in range(3):
        assert len(cache.get_many([reply_key(f"w{n}", str(turn)) for turn in range(60)])) == 60
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_file_that_is_no_database_is_moved_aside(tmp_path) -> None:
    path = tmp_path / FILE
    path.write_bytes(b"\0not a database at all" * 500)
    cache = ReplyCache(tmp_path)
    with pytest.warns(UnirewardWarning, match="was damaged; moved to"):
        cache.put_many({key("one"): GOOD})
    assert cache.get_many([key("one")])[key("one")].text == GOOD.text
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"\0not a database")


def test_pages_overwritten_under_an_open_cache_are_moved_aside(tmp_path) -> None:
    path = tmp_path / FILE
    first = ReplyCache(tmp_path)
    first.put_many({key(str(n)): Reply(text="x" * 3000) for n in range(200)})
    first.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))
    cache = ReplyCache(tmp_path)
    with pytest.warns(UnirewardWarning, match="was damaged"):
        assert cache.get_many([key(str(n)) for n in range(200)]) == {}
    cache.put_many({key("new"): GOOD})
    assert list(ReplyCache(tmp_path).get_many([key("new")])) == [key("new")]


def test_a_damaged_file_already_replaced_by_another_process_is_left_alone(tmp_path) -> None:
    path = tmp_path / FILE
    cache = ReplyCache(tmp_path)
    cache.put_many({key("old"): GOOD})
    other = ReplyCache(tmp_path / "other")
    other.put_many({key("new"): GOOD})
    other.close()
    os.replace(other.path, path)
    damage = sqlite3.DatabaseError("database disk image is malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    assert cache._mend(damage) is True
    assert list(tmp_path.glob("*.damaged-*")) == []


def test_a_kept_value_that_is_no_reply_is_a_miss(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put_many({key("a"): GOOD, key("b"): GOOD})
    cache.close()
    with sqlite3.connect(cache.path) as db:
        db.execute("UPDATE replies SET reply = '{\"text\": 1' WHERE key = ?", (key("a"),))
    assert list(cache.get_many([key("a"), key("b")])) == [key("b")]


def test_a_full_disk_stops_the_writing_with_one_warning(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put_many({key("first"): GOOD})
    assert cache._connection is not None
    pages = cache._connection.execute("PRAGMA page_count").fetchone()[0]
    cache._connection.execute(f"PRAGMA max_page_count={pages}")
    big = Reply(text="x" * 100_000)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for n in range(5):
            cache.put_many({key(f"big{n}"): big})
    (warning,) = said
    assert "takes no more replies (database or disk is full)" in str(warning.message)
    assert list(cache.get_many([key("first"), key("big0")])) == [key("first")]


def test_a_folder_that_cannot_be_made_goes_without(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    cache = ReplyCache(tmp_path / "file" / "cache")
    with pytest.warns(UnirewardWarning, match="cannot be opened"):
        cache.put_many({key("a"): GOOD})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put_many({key("a"): GOOD})
        assert cache.get_many([key("a")]) == {}


def test_a_read_only_database_is_still_read(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put_many({key("a"): GOOD})
    assert cache._connection is not None
    cache._connection.execute("PRAGMA query_only=ON")
    with pytest.warns(UnirewardWarning, match="takes no more replies .*readonly"):
        cache.put_many({key("b"): GOOD})
    assert list(cache.get_many([key("a"), key("b")])) == [key("a")]


def test_a_lock_that_stays_is_gone_on_without(tmp_path) -> None:
    cache = ReplyCache(tmp_path, busy_seconds=0.05)
    cache.put_many({key("a"): GOOD})
    with sqlite3.connect(cache.path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.warns(UnirewardWarning, match="stays locked"):
            cache.put_many({key("b"): GOOD})
        other.execute("ROLLBACK")
    cache.put_many({key("c"): GOOD})
    assert set(cache.get_many([key("a"), key("b"), key("c")])) == {key("a"), key("c")}


def test_over_its_bound_the_oldest_go_first(tmp_path) -> None:
    cache = ReplyCache(tmp_path, max_bytes=1_000_000)
    for n in range(2048):
        cache.put_many({key(str(n)): Reply(text="x" * 900)})
    kept = [n for n in range(2048) if cache.get_many([key(str(n))])]
    # Three rows to a page of 4,096 bytes and the index: some 700 in the bound, nine tenths kept.
    assert 580 < len(kept) < 700
    assert kept == list(range(2048 - len(kept), 2048))


def test_no_bound_below_one_byte(tmp_path) -> None:
    with pytest.raises(UsageError, match="max_bytes is 0"):
        ReplyCache(tmp_path, max_bytes=0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_opens_its_own_connection(tmp_path) -> None:
    cache = ReplyCache(tmp_path)
    cache.put_many({key("parent"): GOOD})
    child = os.fork()
    if child == 0:
        cache.put_many({key("child"): GOOD})
        os._exit(0 if len(cache) == 2 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(cache) == 2
