"""Seen: what was met before, on disk, so that memory does not grow with the number of records.

A temporary SQLite file that vanishes with the process, with a page cache of a few MiB. It lies in
``SQLITE_TMPDIR`` or the system's folder for temporary files.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

from unireward.errors import InputError
from unireward.media.source import one_line

CACHE_MIB = 16


class Seen:
    """First numbers by key, in named tables::

    seen = Seen("records", "prompts")
    seen.first("records", key, 7)      # None: new, and 7 is kept; else the number kept before
    seen.count("records")              # keys met
    """

    def __init__(self, *tables: str, cache_mib: int = CACHE_MIB) -> None:
        self._db = Scratch(cache_mib)
        for table in tables:
            self._db.run(f"CREATE TABLE {table} (key BLOB PRIMARY KEY, number) WITHOUT ROWID")

    def first(self, table: str, key: bytes, number: Any) -> Any:
        """The number kept under ``key`` before, or None, and then ``number`` is kept."""
        insert = f"INSERT OR IGNORE INTO {table} VALUES (?, ?)"
        if self._db.run(insert, (key, number)).rowcount:
            return None
        (kept,) = self._db.run(f"SELECT number FROM {table} WHERE key = ?", (key,)).fetchone()
        return kept

    def get(self, table: str, key: bytes) -> Any:
        found = self._db.run(f"SELECT number FROM {table} WHERE key = ?", (key,)).fetchone()
        return None if found is None else found[0]

    def put(self, table: str, key: bytes, number: Any) -> None:
        """Keep ``number`` under ``key``, whatever was there."""
        self._db.run(f"INSERT OR REPLACE INTO {table} VALUES (?, ?)", (key, number))

    def fresh(self, table: str, name: str, prefix: str) -> str:
        """``name`` where it is new, else ``PREFIX:NAME``, ``PREFIX:NAME-2`` ..."""
        found, number = name, 1
        while self.first(table, found.encode("utf-8", "surrogatepass"), 0) is not None:
            found = f"{prefix}:{name}" + (f"-{number}" if number > 1 else "")
            number += 1
        return found

    def count(self, table: str) -> int:
        return self._db.run(f"SELECT count(*) FROM {table}").fetchone()[0]

    def close(self) -> None:
        self._db.close()

    def __enter__(self) -> Seen:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Scratch:
    """A temporary database; a full disk is an :class:`InputError` that says what to set."""

    def __init__(self, cache_mib: int = CACHE_MIB) -> None:
        self._db = sqlite3.connect("", isolation_level=None)
        for setting in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{cache_mib << 10}"):
            self._db.execute(f"PRAGMA {setting}")

    def run(self, command: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        try:
            return self._db.execute(command, tuple(values))
        except sqlite3.OperationalError as error:
            raise _full(error) from None

    def many(self, command: str, rows: Iterable[tuple[Any, ...]]) -> None:
        try:
            self._db.executemany(command, rows)
        except sqlite3.OperationalError as error:
            raise _full(error) from None

    def rows(self, command: str, values: Iterable[Any] = ()) -> Iterator[tuple[Any, ...]]:
        yield from self.run(command, values)

    def close(self) -> None:
        self._db.close()


def _full(error: sqlite3.OperationalError) -> InputError:
    return InputError(
        f"the folder for temporary files cannot be written ({one_line(error)}); "
        "set SQLITE_TMPDIR to one with space"
    )
