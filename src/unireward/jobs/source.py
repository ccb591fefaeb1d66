"""Source: the file of records that a job reads, and how to know it again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files import read_records
from unireward.files.sources import files_of
from unireward.record import Record

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Source:
    """Records in ``path``; ``map`` names one's own columns (``prompt=caption,a=img1``)."""

    path: Path
    map: str | None = None
    task: str | None = None

    def records(self) -> Iterator[Record]:
        """A fresh pass over the file."""
        return read_records(self.path, map=self.map, task=self.task)

    @cached_property
    def _content(self) -> tuple[str, int, int | None]:
        """(sha256, bytes, lines) over the file, or over the data files of a folder."""
        digest, size, lines = hashlib.sha256(), 0, 0
        # The very files that are read: of a folder of several splits only the one named.
        files = [self.path] if self.map is None else files_of(self.path)
        for file in files:
            if not file.exists():
                raise InputError(f"{self.path}: no such file; check the path")
            if file != self.path:
                digest.update(f"\0{file.name}\0".encode())
            try:
                with file.open("rb") as stream:
                    while chunk := stream.read(_CHUNK):
                        digest.update(chunk)
                        size += len(chunk)
                        lines += chunk.count(b"\n")
                        last = chunk[-1:]
                if size and last != b"\n":
                    lines += 1
            except OSError as error:
                raise InputError(f"{file}: cannot be read ({error.strerror})") from None
        return digest.hexdigest(), size, lines

    @property
    def total(self) -> int | None:
        """Records in it where that is cheap to know: lines (blank ones too), Parquet rows."""
        if self.path.suffix == ".parquet":
            import pyarrow.parquet as pq

            try:
                return pq.ParquetFile(self.path).metadata.num_rows
            except (OSError, ValueError):
                return None  # the reader says what is wrong with it
        return self._content[2] if self.path.suffix == ".jsonl" else None

    @property
    def identity(self) -> dict[str, Any]:
        """What a resumed job must find the same; not the path, since files may be moved."""
        digest, size, _ = self._content
        return {"input": digest, "bytes": size, "map": self.map, "task": self.task}
