"""Shards: records with their media in a row of files, for training that reads and never seeks.

``webdataset``: tar files as the webdataset library reads them. Each record is ``KEY.json`` with
its media beside it as ``KEY.p0.png`` (part 0 of the prompt), ``KEY.c1.0.jpg`` (part 0 of
candidate 1), ``KEY.c1.0.f7.png`` (its frame 7); paths in the JSON name these members.
``parquet``: files of records with media as bytes (frames of a list lie beside, in ``media/``).

``DIR/manifest.json`` lists what is finished, with counts and sha256. A shard appears under its
name when it is whole, so whatever stops the writing (``kill -9`` included), the same call goes
on after the last whole shard, and the same records give the same bytes::

    write_shards(read_records(path), "shards", size=512 << 20, identity={"input": digest})
    for record in read_shards("shards", rank=0, world=8, worker=1, workers=4): ...

Readers share shards without overlap; with fewer shards than readers, each takes its own records
of every shard.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from unireward.data.shard_files import FORMATS, ShardFile, read_shard
from unireward.errors import InputError, UsageError
from unireward.files.lines import replacing
from unireward.record import Record

MANIFEST = "manifest.json"
SCHEMA = 1
SIZE = 512 << 20
_UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
          "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40}  # fmt: skip


def parse_size(text: str) -> int:
    """``"512MB"``, ``"1GiB"``, ``"100000"`` in bytes; :class:`UsageError` for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    unit = _UNITS.get(match[2]) if match else None
    size = int(float(match[1]) * unit) if match and unit else 0
    if size < 1:
        raise UsageError(f"size {text!r} is no size; write 512MB, 1GiB or a number of bytes")
    return size


class Shard(NamedTuple):
    """One finished shard: file name, records, bytes of the file, and its sha256 in hex."""

    name: str
    records: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a folder of shards holds. ``job`` is what its making must find the same to go on."""

    folder: Path
    format: str
    shards: tuple[Shard, ...] = ()
    complete: bool = False
    job: Mapping[str, Any] | None = None

    @property
    def records(self) -> int:
        return sum(shard.records for shard in self.shards)

    def to_dict(self) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "format": self.format,
            "complete": self.complete,
            "records": self.records,
            "bytes": sum(shard.bytes for shard in self.shards),
            "job": dict(self.job or {}),
            "shards": [shard._asdict() for shard in self.shards],
        }

    def save(self) -> None:
        with replacing(self.folder / MANIFEST) as stream:
            text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
            stream.write(text.encode("utf-8") + b"\n")


def read_manifest(folder: str | Path) -> Manifest:
    """The manifest of a folder of shards; :class:`InputError` where it has none or is damaged."""
    path = Path(folder) / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        shards = tuple(
            Shard(str(s["name"]), int(s["records"]), int(s["bytes"]), str(s["sha256"]))
            for s in found["shards"]
        )
        return Manifest(
            Path(folder), FORMATS[found["format"]].name, shards, bool(found["complete"]),
            dict(found["job"]),
        )  # fmt: skip
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; give a folder that shards were written to") from (
            None
        )
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(
            f"{path}: is no manifest of shards; empty the folder and write them again"
        ) from None


def write_shards(
    records: Iterable[Record],
    out: str | Path,
    *,
    size: int = SIZE,
    format: str = "webdataset",
    identity: Mapping[str, Any] | None = None,
    advance: Callable[[int], None] | None = None,
) -> Manifest:
    """Write shards of about ``size`` bytes, going on after those that are finished.

    A shard is closed by the record that brings it to ``size``. ``identity`` tells the records
    apart from others (the digest of their file): going on with another one, or another size or
    format, is a :class:`UsageError`. ``advance`` is called with the records of each finished
    shard.
    """
    if format not in FORMATS:
        raise UsageError(f"format {format!r} is unknown; use {' or '.join(FORMATS)}")
    if size < 1:
        raise UsageError(f"size is {size}; set it to at least 1 byte")
    folder = Path(out)
    job = {"size": size, "format": format, **(identity or {})}
    manifest = _begun(folder, format, job)
    if manifest.complete:
        return manifest
    shards = list(manifest.shards)
    rows = iter(records)
    skipped = sum(1 for _ in islice(rows, manifest.records))
    if skipped < manifest.records:
        raise InputError(
            f"{folder}: {manifest.records:,} records are written but only {skipped:,} came; "
            "give the same records, or another folder"
        )
    first = next(rows, None)
    while first is not None:
        shard, first = _write_one(folder, FORMATS[format](), len(shards), first, rows, size)
        shards.append(shard)
        Manifest(folder, format, tuple(shards), False, job).save()
        if advance is not None:
            advance(shard.records)
    done = Manifest(folder, format, tuple(shards), True, job)
    done.save()
    return done


def _begun(folder: Path, format: str, job: dict[str, Any]) -> Manifest:
    """The manifest to go on from: only shards that are there with their size count."""
    if not (folder / MANIFEST).exists():
        if folder.exists() and (not folder.is_dir() or any(folder.glob("shard-*"))):
            raise UsageError(f"{folder}: holds files that are not of this job; name a new folder")
        folder.mkdir(parents=True, exist_ok=True)
        begun = Manifest(folder, format, (), False, job)
        begun.save()
        return begun
    found = read_manifest(folder)
    before = dict(found.job or {})
    for key in {*before, *job}:
        if before.get(key) != job.get(key):
            raise UsageError(
                f"{folder}: was begun with another {key} ({before.get(key)} then, "
                f"{job.get(key)} now); set it as it was, or name another folder"
            )
    whole: list[Shard] = []
    for shard in found.shards:
        path = folder / shard.name
        if not path.is_file() or path.stat().st_size != shard.bytes:
            break
        whole.append(shard)
    return Manifest(
        folder, format, tuple(whole), found.complete and len(whole) == len(found.shards), job
    )


def _write_one(
    folder: Path, kind: ShardFile, number: int, first: Record, rows: Iterator[Record], size: int
) -> tuple[Shard, Record | None]:
    """One shard, and the record that begins the next."""
    name = f"shard-{number:06d}{kind.suffix}"
    count, following = 0, None

    def mine() -> Iterator[Record]:
        nonlocal count, following
        record: Record | None = first
        while record is not None:
            count += 1
            yield record
            if kind.written() >= size:
                following = next(rows, None)
                return
            record = next(rows, None)

    kind.write(folder / name, mine())
    content = hashlib.sha256()
    with (folder / name).open("rb") as stream:
        while block := stream.read(1 << 20):
            content.update(block)
        length = stream.tell()
    return Shard(name, count, length, content.hexdigest()), following


def assigned(
    count: int, rank: int = 0, world: int = 1, worker: int = 0, workers: int = 1
) -> list[tuple[int, int, int]]:
    """The reader's shards of ``count``: (shard, first record, step), none shared by two readers.

    :class:`UsageError` for a rank or worker that is not one of ``world`` or ``workers``.
    """
    if not (0 <= rank < world and 0 <= worker < workers):
        raise UsageError(f"rank {rank} of {world}, worker {worker} of {workers}: count both from 0")
    reader, readers = rank * workers + worker, world * workers
    if count >= readers:
        return [(shard, 0, 1) for shard in range(reader, count, readers)]
    return [(shard, reader, readers) for shard in range(count)]


def read_shards(
    folder: str | Path,
    *,
    rank: int = 0,
    world: int = 1,
    worker: int = 0,
    workers: int = 1,
    seed: int | None = None,
) -> Iterator[Record]:
    """Records of a folder of shards, streaming; all readers together see each record once.

    ``rank`` of ``world`` processes, ``worker`` of ``workers`` in each, all counted from 0.
    ``seed`` puts the shards in another order (the same for all readers), such as one an epoch.
    Media are bytes in memory. :class:`InputError` for unfinished shards, or damaged ones.
    """
    manifest = read_manifest(folder)
    if not manifest.complete:
        raise InputError(f"{folder}: its writing has not finished; run it again to go on")
    order = list(range(len(manifest.shards)))
    if seed is not None:
        random.Random(f"shards {seed}").shuffle(order)
    readers = assigned(len(order), rank, world, worker, workers)
    return _records(manifest, [(order[shard], start, step) for shard, start, step in readers])


def _records(manifest: Manifest, mine: list[tuple[int, int, int]]) -> Iterator[Record]:
    for number, start, step in mine:
        shard = manifest.shards[number]
        path = manifest.folder / shard.name
        yield from islice(read_shard(path, manifest.format), start, None, step)


def verify_shards(folder: str | Path) -> Manifest:
    """Read every shard and compare its sha256; :class:`InputError` names the first that differs."""
    manifest = read_manifest(folder)
    for shard in manifest.shards:
        path = manifest.folder / shard.name
        content = hashlib.sha256()
        try:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    content.update(block)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; write the shards again") from None
        if content.hexdigest() != shard.sha256:
            raise InputError(f"{path}: has changed since it was written; write the shards again")
    return manifest
