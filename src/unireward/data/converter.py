"""Other projects' data sets as records, and records as theirs.

::

    for record in convert("train.json", "llava", media="images"): ...
    export("dpo.json", read_records("pairs.jsonl"), "llama-factory")

A :class:`Format` is one module of ``data/formats`` that says how a row becomes a record and back.
Everything streams: a JSON array of a gigabyte takes no more memory than one of a megabyte. What
a format does not understand it refuses with the row's number; nothing is guessed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from unireward.errors import InputError, UsageError
from unireward.files import LineError, OnError
from unireward.files.lines import Place
from unireward.files.places import is_address
from unireward.record import Part, Record

Row = dict[str, Any]
Rows = Iterator[tuple[Place, Row | LineError]]
Container = Literal["json", "jsonl", "csv", "parquet"]

UNNAMED = "?"
"""The id of a record whose row has none; :func:`convert` gives it ``FORMAT-000001``."""
_PROBE = 20
"""Rows that must all fit for a format to be recognised."""


class RowError(InputError):
    """A row that a format refuses: field, fault and mend; the reader adds file and row."""


@dataclass(frozen=True)
class Source:
    """Where rows come from. ``media`` is the folder that media paths are relative to (absolute),
    ``task`` the caller's word where the format leaves the task open."""

    path: Path
    media: Path
    task: str | None = None


@dataclass(frozen=True)
class Format:
    """How one project writes its data down.

    ``read`` and ``write`` turn one row into its record(s) and back and raise :class:`RowError`;
    None where that direction does not exist. ``write`` gets records whose media are paths as the
    file will name them, or bytes, and puts them where its format wants them. ``rows`` replaces
    the reader that is chosen by suffix; ``fits`` says whether a row looks like this format
    (:func:`guess_format`). ``follow`` makes, for each reading of a file, a watcher that sees its
    records in order and may change them (what a row means beside those before it).
    """

    name: str
    summary: str
    read: Callable[[Row, Source], Record | Sequence[Record]] | None = None
    write: Callable[[Record], Row | Sequence[Row]] | None = None
    rows: Callable[[Path], Rows] | None = None
    container: Container = "json"
    fits: Callable[[Row], bool] | None = None
    follow: Callable[[], Callable[[Record], Record]] | None = None


_FORMATS: dict[str, Format] = {}


def register(format: Format) -> Format:
    """Make a format known by its name. A name registered again is replaced."""
    _FORMATS[format.name] = format
    return format


def get_format(name: str) -> Format:
    """The format of this name; :class:`UsageError` lists those there are."""
    from unireward.data.formats import MODULES, load

    if name not in _FORMATS and name in MODULES:
        load(name)
    if name not in _FORMATS:
        names = ", ".join(sorted({*_FORMATS, *MODULES}))
        raise UsageError(f"no data format {name!r}; use one of {names}")
    return _FORMATS[name]


def list_formats() -> list[Format]:
    """Every format, by name."""
    from unireward.data.formats import MODULES

    return [get_format(name) for name in sorted({*_FORMATS, *MODULES})]


def convert(
    path: str | os.PathLike[str],
    format: str | Format,
    *,
    media: str | os.PathLike[str] | None = None,
    task: str | None = None,
    on_error: OnError = "raise",
    check_media: bool = True,
) -> Iterator[Record]:
    """Records of a file (or folder of a data set) in another project's format, streaming.

    ``media`` is the folder that media paths are relative to (else the file's own), ``task`` the
    task of a format that leaves it open. Ids are the source's own or ``FORMAT-000123`` by row;
    an id given again gets ``-2``, ``-3`` ... A bad row is a :class:`LineError` naming file and
    row: raised, left out (``"skip"``) or handed to ``on_error``. ``check_media=False`` leaves
    out the look at whether each local media file is there.
    """
    path = Path(path)
    found = format if isinstance(format, Format) else get_format(format)
    if found.read is None:
        raise UsageError(f"format {found.name} can be written but not read")
    folder = Path(media) if media is not None else path if path.is_dir() else path.parent
    source = Source(path, folder.absolute(), task)
    return _records(found, source, on_error, check_media)


def _records(
    format: Format, source: Source, on_error: OnError, check_media: bool
) -> Iterator[Record]:
    assert format.read is not None
    names = _Names()
    watch = format.follow() if format.follow is not None else None
    number = 0
    for place, row in (format.rows or rows_of)(source.path):
        number += 1
        try:
            if isinstance(row, LineError):
                raise row
            made = format.read(row, source)
            made = [made] if isinstance(made, Record) else list(made)
            for record in made:
                check_record(record, check_media)
        except InputError as fault:
            error = fault if isinstance(fault, LineError) else LineError(place, str(fault))
            if on_error == "raise":
                raise error from None
            if callable(on_error):
                on_error(error)
            continue
        for index, record in enumerate(made):
            name = record.id
            if name == UNNAMED:
                name = f"{format.name}-{number:06d}" + (f"-{index + 1}" if len(made) > 1 else "")
            if name != record.id:
                record = record.model_copy(update={"id": name})
            if watch is not None:
                record = watch(record)
            name = names.once(record.id)
            yield record if name == record.id else record.model_copy(update={"id": name})


class _Names:
    """Makes ids unique; those met are kept on disk, so that memory stays flat over millions."""

    def __init__(self) -> None:
        from unireward.data.seen import Seen

        self._met = Seen("ids", cache_mib=2)
        self._times: dict[bytes, int] = {}

    def once(self, name: str) -> str:
        key = self._key(name)
        fresh = name
        while self._met.first("ids", self._key(fresh), 0) is not None:
            self._times[key] = self._times.get(key, 1) + 1
            fresh = f"{name}-{self._times[key]}"
        return fresh

    @staticmethod
    def _key(name: str) -> bytes:
        return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()


def rows_of(path: Path) -> Rows:
    """The rows of a ``.json`` (streamed), ``.jsonl``, ``.csv``, ``.tsv``, ``.parquet`` or
    ``.arrow`` file (each text file also as ``.gz``), or of a folder of a saved data set."""
    if path.name.lower().endswith((".json", ".json.gz")) and not path.is_dir():
        from unireward.data.arrays import read_array

        yield from read_array(path)
        return
    from unireward.files.sources import files_of, plain_rows

    for file in files_of(path):
        yield from plain_rows(file)


def check_record(record: Record, check_media: bool = True) -> None:
    """Raise :class:`RowError` for a record no one could learn from: an empty prompt, a pair of
    the same candidate twice, an empty answer, a media file that is not there."""
    if not any(part.text is None or part.text.strip() for part in record.prompt):
        raise RowError("the prompt is empty; give the text to judge by")
    if len(record.candidates) == 2:
        first, second = record.candidates
        if _payloads(first.content) == _payloads(second.content):
            raise RowError(f"candidates {first.id} and {second.id} are the same; a pair needs two")
    for candidate in record.candidates:
        if not any(part.text is None or part.text.strip() for part in candidate.content):
            raise RowError(f"candidate {candidate.id} is empty; give its text or media")
    if check_media:
        for part in (*record.prompt, *(p for c in record.candidates for p in c.content)):
            for path in (part.path,) if part.path is not None else part.frames or ():
                if not is_address(path) and not os.path.exists(path):
                    raise RowError(
                        f"{part.type} {path}: no such file; give the folder it is named from "
                        "as media"
                    )


def _payloads(parts: Sequence[Part]) -> list[Any]:
    return [
        (part.type, part.text, part.path, part.bytes, part.frames, part.start, part.end)
        for part in parts
    ]


def guess_format(path: str | os.PathLike[str]) -> str | None:
    """The name of the one format that the file's first rows fit; None when none or several do.

    :class:`InputError` where the file cannot be read.
    """
    path = Path(path)
    if path.suffix.lower() in (".yaml", ".yml"):
        return "llava"
    rows = [row for _, row in islice(rows_of(path), _PROBE) if isinstance(row, Mapping)]
    fitting = [
        format.name
        for format in list_formats()
        if rows and format.fits is not None and all(map(format.fits, rows))
    ]
    return fitting[0] if len(fitting) == 1 else None


def export(
    path: str | os.PathLike[str],
    records: Iterable[Record],
    format: str | Format,
    media: Literal["path", "absolute", "bytes"] = "path",
    *,
    on_error: OnError = "raise",
) -> int:
    """Write records in a format; how many. See :func:`unireward.data.exporter.export`."""
    from unireward.data.exporter import export as write

    return write(path, records, format, media, on_error=on_error)
