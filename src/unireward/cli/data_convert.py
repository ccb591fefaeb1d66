"""``unireward data formats`` and ``convert``: other projects' data sets in and out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unireward.cli import options as o
from unireward.cli.data_reading import OnBad, Reading, check_out, report

if TYPE_CHECKING:
    from unireward.record import Record

OURS = "records"


def formats(json: o.Json = False) -> None:
    """List the formats that convert reads and writes."""
    from unireward.cli.output import print_json, table_of
    from unireward.data import list_formats

    rows = [
        {"name": f.name, "reads": f.read is not None, "writes": f.write is not None,
         "summary": f.summary}
        for f in list_formats()
    ]  # fmt: skip
    if json:
        print_json(rows)
        return
    cells = [
        (str(row["name"]), " and ".join(w for w in ("reads", "writes") if row[w]),
         str(row["summary"]))
        for row in rows
    ]  # fmt: skip
    table_of(("format", "", "what it is"), [(OURS, "reads and writes", "our own"), *cells])


def convert(
    path: Annotated[Path, typer.Argument(help="The data set: a file, or a folder of one.")],
    out: Annotated[Path, typer.Option("--out", help="Where it goes; the suffix says how.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Its format (data formats); else told by its rows.")
    ] = None,
    to: Annotated[str, typer.Option("--to", help="records, or a format that is written.")] = OURS,
    media: Annotated[
        Path | None, typer.Option("--media", help="Folder that media paths are relative to.")
    ] = None,
    media_as: Annotated[
        str, typer.Option("--media-as", help="With --to: path, absolute or bytes (Parquet).")
    ] = "path",
    task: o.Task = None,
    on_error: OnBad = "raise",
    unchecked: Annotated[
        bool, typer.Option("--unchecked", help="Do not look whether media files are there.")
    ] = False,
    json: o.Json = False,
) -> None:
    """Turn a data set into records, or records into another project's format."""
    from unireward.data import export
    from unireward.files import write_records

    if to == OURS:
        check_out(out)
    reading = Reading(on_error, "converting", "converted")
    name = source or _told(path)
    found = reading.told(_records(reading, path, name, media, task, unchecked))
    if to == OURS:
        count = write_records(out, found)
    else:
        handler = reading.handler(out)
        count = export(out, found, to, media_as, on_error=handler)  # type: ignore[arg-type]
    lines = [f"{count:,} records of {path} ({name}) in {out}"]
    values = {"records": count, "from": name, "to": to, "path": str(out)}
    report(lines, values, reading, json)


def _records(
    reading: Reading, path: Path, name: str, media: Path | None, task: str | None, unchecked: bool
) -> Iterator[Record]:
    from unireward.data import convert as read
    from unireward.files import read_records

    handler = reading.handler(path)
    if name == OURS:
        return read_records(path, on_error=handler)
    return read(
        path, name, media=media, task=task, on_error=handler, check_media=not unchecked
    )  # fmt: skip


def _told(path: Path) -> str:
    """The format that the file's first rows tell."""
    from itertools import islice

    from unireward.data import guess_format, list_formats
    from unireward.data.converter import rows_of
    from unireward.errors import InputError, UsageError

    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if path.suffix.lower() not in (".yaml", ".yml"):
        row = next((row for _, row in islice(rows_of(path), 1)), None)
        if isinstance(row, dict) and {"task", "prompt", "candidates"} <= set(row):
            return OURS
    found = guess_format(path)
    if found is None:
        names = ", ".join(f.name for f in list_formats() if f.read is not None)
        raise UsageError(
            f"{path}: holds no row, or rows that fit no format or several; give --from, one of "
            f"{names}"
        )
    return found
