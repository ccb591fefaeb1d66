"""ReplyCache: engine replies by content, in one SQLite file that several processes share.

A reply is kept under sha256 of (format, engine identity, ask digest), so the same question to
the same model is asked once, whatever became of the parser since. Only what would come again is
kept: errors never, and :class:`~unireward.engines.cached.CachedEngine` hands in greedy asks
alone.

Edge rules: a reply is on disk when ``put_many`` returns and survives the process being killed
(WAL). A cache may never cost a job: a damaged file is moved aside and begun anew, a full disk or
read-only folder stops the writing, each with one :class:`UnirewardWarning`. Over ``max_bytes``
the replies written longest ago go first.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import sqlite3
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from unireward.ask import Reply
from unireward.errors import UnirewardWarning, UsageError

FORMAT = 1
"""Part of every key: raise it when a Reply comes to mean something else."""
FILE = "replies.sqlite"
_KEPT = ("text", "finish_reason", "choices", "prompt_tokens", "tokens", "notes")
_CHUNK = 500
_PRUNE_EVERY = 256
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
# Ids grow in the order of writing, so the oldest replies are those of the least ids.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS replies (
    id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, reply TEXT NOT NULL
)
"""
T = TypeVar("T")


def cache_folder() -> Path:
    """``UNIREWARD_CACHE`` where it is set, else the platform's cache folder."""
    moved = os.environ.get("UNIREWARD_CACHE")
    if moved:
        return Path(moved).expanduser()
    from platformdirs import user_cache_path

    return user_cache_path("unireward", appauthor=False)


def reply_key(identity: str, digest: str) -> bytes:
    """The key (32 bytes) of one ask's reply by one engine."""
    return hashlib.sha256(json.dumps([FORMAT, identity, digest]).encode()).digest()


class ReplyCache:
    """Replies by key (:func:`reply_key`), opened on first use; safe over threads and processes.

    ``path`` is a file, or a folder to hold ``replies.sqlite``; None means the cache folder.
    ``busy_seconds`` is how long another process's write is waited for.
    """

    def __init__(
        self,
        path: str | Path | None = None,
        *,
        max_bytes: int = 2 << 30,
        busy_seconds: float = 30.0,
    ) -> None:
        if max_bytes < 1:
            raise UsageError(f"max_bytes is {max_bytes}; set it to at least 1 byte")
        given = cache_folder() if path is None else Path(path)
        self.path = given if given.suffix in (".sqlite", ".db") else given / FILE
        self.max_bytes = max_bytes
        self._busy_seconds = busy_seconds
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self._inode: tuple[int, int] | None = None
        self._puts = 0
        self._off = False
        self._writes = True
        self._warned: set[str] = set()

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Reply]:
        """The replies kept under ``keys``, marked ``cached``; keys not kept are left out."""
        return self._try(lambda db: _select(db, keys), {})

    def put_many(self, replies: Mapping[bytes, Reply]) -> None:
        """Keep ``replies`` in one transaction; those with an ``error`` are left out."""
        rows = [
            (key, _written(reply))
            for key, reply in replies.items()
            if reply.error is None and reply.text is not None
        ]
        if rows and self._writes:
            self._try(lambda db: self._insert(db, rows), None)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                with contextlib.suppress(sqlite3.Error):
                    self._connection.close()
            self._connection = None

    def __len__(self) -> int:
        return self._try(lambda db: db.execute("SELECT count(*) FROM replies").fetchone()[0], 0)

    def __repr__(self) -> str:
        return f"<ReplyCache {self.path}>"

    def _insert(self, db: sqlite3.Connection, rows: list[tuple[bytes, str]]) -> None:
        with db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO replies (key, reply) VALUES (?, ?)", rows)
        self._puts += len(rows)
        if self._puts >= _PRUNE_EVERY:
            self._puts = 0
            prune(db, self.max_bytes)

    def _try(self, work: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """``work`` on the open database; what cannot be done is ``otherwise`` and a warning."""
        with self._lock:
            for attempt in range(2):
                if self._off:
                    return otherwise
                try:
                    return work(self._open())
                except (sqlite3.Error, OSError) as error:
                    if not self._mend(error) or attempt:
                        return otherwise
            return otherwise

    def _open(self) -> sqlite3.Connection:
        # A connection must not cross a fork: the child opens its own.
        if self._connection is not None and self._owner == os.getpid():
            return self._connection
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(
            self.path,
            timeout=self._busy_seconds,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._inode = _inode(self.path)
            self._use_wal(db)
            # With WAL this loses nothing to a killed process, only to a power cut.
            db.execute("PRAGMA synchronous=NORMAL")
            db.execute(_SCHEMA)
        except BaseException:
            db.close()
            raise
        self._inode = _inode(self.path)
        self._connection, self._owner = db, os.getpid()
        return db

    def _use_wal(self, db: sqlite3.Connection) -> None:
        # Where several processes make the file at once, SQLite refuses this step to all but one
        # at once instead of waiting, so the waiting is done here.
        until = time.monotonic() + self._busy_seconds
        while True:
            try:
                if db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    db.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > until:
                    raise
                time.sleep(0.005)

    def _mend(self, error: Exception) -> bool:
        """Deal with what went wrong; True where the work may be tried again."""
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in _DAMAGED:
            return self._begin_anew()
        if primary in _BUSY:
            self._warn(f"cache {self.path} stays locked by another process; going on without it")
        elif self._connection is None:
            self._off = True
            self._warn(
                f"cache {self.path} cannot be opened ({_reason(error)}); going on without it; "
                "set UNIREWARD_CACHE to a folder that can be written"
            )
        else:
            self._writes = False
            self._warn(
                f"cache {self.path} takes no more replies ({_reason(error)}); results are not "
                "affected; make room, or set UNIREWARD_CACHE to another folder"
            )
        return False

    def _begin_anew(self) -> bool:
        """Move a damaged file aside, unless another process has done so already."""
        self.close()
        aside = self.path.with_name(f"{self.path.name}.damaged-{time.time_ns()}")
        try:
            if _inode(self.path) == self._inode:
                # The log goes first: left behind, it would be replayed into the new file.
                for suffix in ("-wal", "-shm", ""):
                    part = self.path.with_name(self.path.name + suffix)
                    if part.exists():
                        os.replace(part, aside.with_name(aside.name + suffix))
                self._warn(f"cache {self.path} was damaged; moved to {aside.name}, begun anew")
        except OSError as error:
            self._off = True
            self._warn(
                f"cache {self.path} is damaged and cannot be moved ({_reason(error)}); "
                "delete it by hand"
            )
            return False
        return True

    def _warn(self, message: str) -> None:
        if message not in self._warned:
            self._warned.add(message)
            warnings.warn(message, UnirewardWarning, stacklevel=2)


def prune(db: sqlite3.Connection, max_bytes: int) -> int:
    """Delete the oldest replies until nine tenths of ``max_bytes`` hold the rest; their number.

    Pages set free are used again, so the file does not grow past its bound (it is not cut).
    """
    removed, target = 0, max_bytes * 0.9
    while (used := _used(db)) > (target if removed else max_bytes):
        kept = db.execute("SELECT count(*) FROM replies").fetchone()[0]
        surplus = math.ceil(kept * (1.0 - target / used))
        with db:
            db.execute("BEGIN IMMEDIATE")
            gone = db.execute(
                "DELETE FROM replies WHERE id IN (SELECT id FROM replies ORDER BY id LIMIT ?)",
                (surplus,),
            ).rowcount
        if gone < 1:
            break
        removed += gone
    return removed


def _used(db: sqlite3.Connection) -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _select(db: sqlite3.Connection, keys: Sequence[bytes]) -> dict[bytes, Reply]:
    found: dict[bytes, Reply] = {}
    for start in range(0, len(keys), _CHUNK):
        some = keys[start : start + _CHUNK]
        marks = ",".join("?" * len(some))
        rows: Iterable[tuple[bytes, str]] = db.execute(
            f"SELECT key, reply FROM replies WHERE key IN ({marks})", list(some)
        )
        for key, text in rows:
            reply = _read(text)
            if reply is not None:
                found[key] = reply
    return found


def _written(reply: Reply) -> str:
    body = {name: getattr(reply, name) for name in _KEPT}
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()


def _read(text: str) -> Reply | None:
    """A kept reply, or None where it is not one (it is then asked for again)."""
    try:
        body: dict[str, Any] = json.loads(text)
        return Reply(**{**body, "notes": tuple(body["notes"])}, cached=True)
    except (ValueError, TypeError, KeyError):
        return None


def _inode(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
