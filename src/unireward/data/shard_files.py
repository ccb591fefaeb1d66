"""The two kinds of shard as files: one written from records, one read back as records."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from unireward.errors import InputError
from unireward.files.lines import LineError, Place, dumps, loads, replacing
from unireward.files.places import is_address
from unireward.files.records import record_of, row_of
from unireward.media import Image, Video
from unireward.media.source import HEAD, Source, one_line, sniff
from unireward.record import Part, Record

_SUFFIX = {"jpeg": "jpg", "matroska": "mkv", "mpegts": "ts", "mpeg": "mpg", "ogg": "ogv",
           "asf": "wmv", "jpeg2000": "jp2"}  # fmt: skip
_BLOCK = 512


class ShardFile:
    """One kind of shard. ``written()`` is about how many bytes the shard being written has."""

    name: str
    suffix: str

    def __init__(self) -> None:
        self._written = 0

    def written(self) -> int:
        return self._written

    def write(self, path: Path, records: Iterable[Record]) -> None:
        raise NotImplementedError

    def read(self, path: Path) -> Iterator[Record]:
        raise NotImplementedError


class TarShard(ShardFile):
    """A tar of ``KEY.json`` and media members, the same bytes for the same records."""

    name, suffix = "webdataset", ".tar"

    def write(self, path: Path, records: Iterable[Record]) -> None:
        self._written = 0
        with replacing(path) as stream, tarfile.open(
            fileobj=stream, mode="w", format=tarfile.GNU_FORMAT
        ) as tar:  # fmt: skip
            for number, record in enumerate(records):
                key = f"{number:09d}"
                try:
                    self._add(tar, key, record)
                except InputError as error:
                    raise InputError(f"record {record.id}: {error}") from None
                self._written = stream.tell()

    def _add(self, tar: tarfile.TarFile, key: str, record: Record) -> None:
        # The JSON names members by path; it goes first, so that a reader knows what follows.
        members: list[tuple[str, Source]] = []
        row = row_of(_stripped(record), Path("/"), embed=True)
        places = [("p", record.prompt, row["prompt"])]
        places += [
            (f"c{i}.", candidate.content, row["candidates"][i]["content"])
            for i, candidate in enumerate(record.candidates)
        ]
        for where, parts, rows in places:
            for index, (part, out) in enumerate(zip(parts, rows)):
                if part.text is None:
                    members += _members(part, out, f"{key}.{where}{index}")
        _put(tar, f"{key}.json", io.BytesIO(dumps(row).encode("utf-8")))
        for member, source in members:
            with source.open() as stream:
                _put(tar, member, stream)

    def read(self, path: Path) -> Iterator[Record]:
        """Records in order. Only members that a record names are read."""
        number = 0
        row: dict[str, Any] | None = None
        media: dict[str, bytes] = {}
        for name, data in _members_of(path):
            if name.endswith(".json"):
                if row is not None:
                    number += 1
                    yield _restored(row, media, Place(path, number, True))
                row, media = _row_of(data, Place(path, number + 1, True)), {}
            else:
                media[name] = data
        if row is not None:
            yield _restored(row, media, Place(path, number + 1, True))


class ParquetShard(ShardFile):
    """A Parquet file of records, media as bytes in it."""

    name, suffix = "parquet", ".parquet"

    def write(self, path: Path, records: Iterable[Record]) -> None:
        from unireward.files import write_records

        self._written = 0
        write_records(path, map(self._embedded, records))

    def _embedded(self, record: Record) -> Record:
        try:
            candidates = [
                c.model_copy(update={"content": tuple(map(self._part, c.content))})
                for c in record.candidates
            ]
            prompt = tuple(map(self._part, record.prompt))
        except InputError as error:
            raise InputError(f"record {record.id}: {error}") from None
        return record.model_copy(update={"prompt": prompt, "candidates": tuple(candidates)})

    def _part(self, part: Part) -> Part:
        self._written += len((part.text or "").encode("utf-8", "surrogatepass")) + 64
        if part.text is not None or (part.path is not None and is_address(part.path)):
            return part
        if part.frames is not None:
            frames = [Image(Source(frame).read()) for frame in part.frames]
            self._written += sum(len(image.data or b"") for image in frames)
            return _with(part, media=Video(frames, part.start, part.end, part.fps))
        data = _source_of(part.load()).read() if _is_whole(part) else None
        if data is None:  # frames in memory: saved beside the file
            return part
        self._written += len(data)
        return _with(part, bytes=data)

    def read(self, path: Path) -> Iterator[Record]:
        from unireward.files import read_records

        return read_records(path)


FORMATS: dict[str, type[ShardFile]] = {kind.name: kind for kind in (TarShard, ParquetShard)}


def read_shard(path: Path, format: str) -> Iterator[Record]:
    """The records of one shard, in order."""
    return FORMATS[format]().read(path)


def _is_whole(part: Part) -> bool:
    """Whether a part is one file's worth of bytes (not a list of frames in memory)."""
    media = part.load()
    return isinstance(media, Image) or media.images is None


def _source_of(media: Image | Video) -> Source:
    """The encoded bytes or the file behind a handle; pixels become PNG."""
    if media.path is not None:
        return Source(media.path)
    if media.data is not None:
        return Source(media.data)
    assert isinstance(media, Image)
    return Source(media.png())


def _with(part: Part, **payload: Any) -> Part:
    empty = dict.fromkeys(("text", "path", "bytes", "frames", "media"))
    kept = part.model_dump(exclude={*empty})
    handle = payload.get("media") or part.media
    if isinstance(handle, Video):
        kept |= {"start": handle.start, "end": handle.end, "fps": handle.fps}
    return Part(**{**kept, **payload})


def _stripped(record: Record) -> Record:
    """The record with every medium as an empty path: the row's shape, without its media."""

    def parts(given: Iterable[Part]) -> tuple[Part, ...]:
        return tuple(p if p.text is not None else _with(p, path="") for p in given)

    candidates = [c.model_copy(update={"content": parts(c.content)}) for c in record.candidates]
    return record.model_copy(
        update={"prompt": parts(record.prompt), "candidates": tuple(candidates)}
    )


def _members(part: Part, out: dict[str, Any], stem: str) -> list[tuple[str, Source]]:
    """The files of a medium; ``out`` (the part's row) gets their names."""
    if part.path is not None and is_address(part.path):
        out["path"] = part.path
        return []
    if part.frames is not None:
        frames = [Source(frame) for frame in part.frames]
    else:
        media = part.load()
        images = media.images if isinstance(media, Video) else None
        if images is None:
            name = f"{stem}.{_suffix(source := _source_of(media))}"
            out["path"] = name
            return [(name, source)]
        frames = [_source_of(image) for image in images]
    members = [(f"{stem}.f{i}.{_suffix(source)}", source) for i, source in enumerate(frames)]
    out.pop("path", None)
    out["frames"] = [name for name, _ in members]
    return members


def _suffix(source: Source) -> str:
    kind = sniff(source.head()[:HEAD]) or "bin"
    return _SUFFIX.get(kind, kind)


def _put(tar: tarfile.TarFile, name: str, stream: BinaryIO | io.BytesIO) -> None:
    """Add a member with nothing in its header that could differ between two runs."""
    info = tarfile.TarInfo(name)
    info.size = stream.seek(0, io.SEEK_END)
    stream.seek(0)
    info.mode = 0o644
    tar.addfile(info, stream)


def _members_of(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(path, mode="r:") as tar:
            for info in tar:
                tar.members = []  # type: ignore[attr-defined]  # else every header is kept
                stream = tar.extractfile(info)
                if stream is not None:
                    yield info.name, stream.read()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; write the shards again") from None
    except (tarfile.TarError, OSError, EOFError) as error:
        raise InputError(
            f"{path}: cannot be read ({one_line(error)}); write the shards again"
        ) from None


def _row_of(data: bytes, place: Place) -> dict[str, Any]:
    try:
        row = loads(data.decode("utf-8"))
    except (UnicodeDecodeError, InputError) as error:
        raise LineError(place, f"{one_line(error)}; write the shards again") from None
    if not isinstance(row, dict):
        raise LineError(place, "is no record; write the shards again")
    return row


def _restored(row: dict[str, Any], media: dict[str, bytes], place: Place) -> Record:
    """A record with the members it names as bytes in memory."""
    try:
        lists = [row.get("prompt", []), *(c.get("content", []) for c in row.get("candidates", []))]
        for parts in lists:
            for part in parts:
                _restore(part, media)
        return record_of(row, Path("/"))
    except KeyError as error:
        raise LineError(place, f"names {error}, which is not in the shard") from None
    except (InputError, AttributeError, TypeError) as error:
        raise LineError(place, f"{one_line(error)}; write the shards again") from None


def _restore(part: dict[str, Any], media: dict[str, bytes]) -> None:
    path, frames = part.get("path"), part.get("frames")
    if isinstance(frames, list):
        images = [Image(media[name]) for name in frames]
        cut = (part.get("start"), part.get("end"), part.get("fps"))
        del part["frames"]
        part["media"] = Video(images, *cut)
    elif isinstance(path, str) and not is_address(path):
        del part["path"]
        part["bytes"] = media[path]
