"""TarRows: a WebDataset shard with any record at hand.

A record's members lie together (``KEY.json``, then its media), so 16 bytes of each are kept:
where it begins and ends. Looking through the shard at the start reads the records and skips
over the media.
"""

from __future__ import annotations

import io
import os
import tarfile
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.lines import LineError, Place, loads
from unireward.files.places import is_address
from unireward.media import Image, Video
from unireward.media.source import one_line

_END = bytes(1024)


class TarRows:
    """See :mod:`unireward.data.shards` for the format. Rows are counted from 0."""

    own_media = True
    """Paths of its rows name members, no files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._starts = array("q")
        self._ends = array("q")

    def place(self, number: int) -> Place:
        return Place(self.path, number + 1, True)

    def rows(self) -> Iterator[tuple[int, Place, dict[str, Any] | LineError]]:
        """Every row as its raw object, or its error where it names a member that is not there."""
        self._starts, self._ends = array("q"), array("q")
        row: dict[str, Any] | LineError | None = None
        names: set[str] = set()
        with self._reading(), tarfile.open(self.path, mode="r:") as tar:
            for info in tar:
                tar.members = []  # type: ignore[attr-defined]  # else every header is kept
                if info.name.endswith(".json"):
                    if row is not None:
                        yield self._whole(row, names)
                    place = self.place(len(self._starts))
                    stream = tar.extractfile(info)
                    row = _object(stream.read() if stream is not None else b"", place)
                    names = set()
                    self._starts.append(info.offset)
                    self._ends.append(info.offset)
                elif row is None:
                    raise InputError(f"{self.path}: begins with no record; write the shards again")
                names.add(info.name)
                self._ends[-1] = info.offset_data + -(-info.size // 512) * 512
            if row is not None:
                yield self._whole(row, names)

    def _whole(
        self, row: dict[str, Any] | LineError, names: set[str]
    ) -> tuple[int, Place, dict[str, Any] | LineError]:
        number = len(self._starts) - 1
        place = self.place(number)
        if isinstance(row, dict):
            for part in _parts(row):
                path, frames = part.get("path"), part.get("frames")
                wanted = frames if isinstance(frames, list) else [path] if path else []
                for name in wanted:
                    if not is_address(str(name)) and name not in names:
                        row = LineError(place, f"names {name!r}, which is not in the shard")
                        return number, place, row
        return number, place, row

    def row(self, number: int) -> dict[str, Any]:
        """A row's raw object with its media in memory."""
        start, end = self._starts[number], self._ends[number]
        with self._reading():
            with self.path.open("rb") as stream:
                stream.seek(start)
                data = stream.read(end - start)
            members: dict[str, bytes] = {}
            row: dict[str, Any] | LineError = LineError(self.place(number), "is no record")
            with tarfile.open(fileobj=io.BytesIO(data + _END), mode="r:") as tar:
                for info in tar:
                    held = tar.extractfile(info)
                    body = held.read() if held is not None else b""
                    if info.name.endswith(".json"):
                        row = _object(body, self.place(number))
                    else:
                        members[info.name] = body
        if isinstance(row, LineError):
            raise row
        for part in _parts(row):
            _fill(part, members)
        return row

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError:
            raise InputError(f"{self.path}: no such file; check the path") from None
        except (tarfile.TarError, OSError, EOFError, KeyError) as error:
            raise InputError(
                f"{self.path}: cannot be read ({one_line(error)}); write the shards again"
            ) from None


def _object(data: bytes, place: Place) -> dict[str, Any] | LineError:
    try:
        row = loads(data.decode("utf-8"))
    except (UnicodeDecodeError, InputError) as error:
        return LineError(place, f"{one_line(error)}; write the shards again")
    return row if isinstance(row, dict) else LineError(place, "is no record")


def _parts(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    lists = [row.get("prompt")]
    lists += [c.get("content") for c in row.get("candidates") or () if isinstance(c, dict)]
    for listed in lists:
        yield from (part for part in listed or () if isinstance(part, dict))


def _fill(part: dict[str, Any], members: dict[str, bytes]) -> None:
    path, frames = part.get("path"), part.get("frames")
    if isinstance(frames, list):
        cut = (part.pop("start", None), part.pop("end", None), part.pop("fps", None))
        del part["frames"]
        part["media"] = Video([Image(members[name]) for name in frames], *cut)
    elif isinstance(path, str) and not is_address(path):
        del part["path"]
        part["bytes"] = members[os.fspath(path)]
