"""Rows of other people's tables: CSV, TSV, JSON Lines, Parquet, Arrow, and folders of these.

A folder is a Hugging Face data set saved to disk (one, or one per split), or one of Parquet
shards. ``FOLDER/train`` names the split ``train`` of a folder that has several.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unireward.errors import InputError
from unireward.files.lines import LineError, Place, opened, read_lines
from unireward.files.parquet import BATCH, columns_of, read_rows, reading_arrow
from unireward.files.tables import TableMap

Rows = Iterator[tuple[Place, dict[str, Any] | LineError]]
_SHARD = re.compile(r"^(?P<split>.+)-\d+-of-\d+$")
KINDS = ".csv, .tsv, .jsonl, .parquet, .arrow or a folder of a saved data set"


def table_rows(path: Path, table: TableMap) -> Rows:
    """Raw objects of records, one a row; a bad row comes as its :class:`LineError`."""
    number = 0
    for file in files_of(path):
        for place, row in _rows(file, table):
            number += 1
            try:
                yield place, row if isinstance(row, LineError) else table.raw(row, number)
            except InputError as error:
                yield place, LineError(place, str(error))


class _EveryColumn(TableMap):
    """Takes the columns as they are."""

    def check(self, columns: list[str]) -> dict[str, str]:
        return {name: name for name in columns}


def plain_rows(file: Path) -> Rows:
    """The rows of one file of a table (:func:`files_of`) as they are, all columns."""
    return _rows(file, _EveryColumn({}, None, file.parent))


def table_folder(path: Path) -> Path:
    """What relative media paths in the table are relative to."""
    if path.is_dir():
        return path
    return path.parent


def files_of(path: Path) -> list[Path]:
    """The files that hold the rows, in order; a split may be named below the folder."""
    if path.is_dir():
        return _shards(path, None)
    if not path.exists() and path.parent.is_dir() and path.suffix == "":
        return _shards(path.parent, path.name)
    return [path]


def _shards(folder: Path, split: str | None) -> list[Path]:
    if (folder / "dataset_dict.json").is_file():
        splits = [str(name) for name in _listed(folder / "dataset_dict.json", "splits")]
        return _shards(folder / _one_split(folder, splits, split), None)
    if (folder / "state.json").is_file() and split is None:
        return [
            folder / entry["filename"] for entry in _listed(folder / "state.json", "_data_files")
        ]
    shards = sorted(folder.rglob("*.parquet"))
    found: dict[str, list[Path]] = {}
    for shard in shards:
        match = _SHARD.match(shard.stem)
        found.setdefault(match["split"] if match else "", []).append(shard)
    if not shards:
        raise InputError(f"{folder}: holds no saved data set and no Parquet files; give {KINDS}")
    return found[_one_split(folder, list(found), split)]


def _one_split(folder: Path, splits: list[str], split: str | None) -> str:
    if split in splits:
        return str(split)
    if split is None and len(splits) == 1:
        return splits[0]
    names = ", ".join(splits)
    if split is None:
        raise InputError(f"{folder}: has several splits; give {folder}/NAME, of {names}")
    if not splits:
        raise InputError(f"{folder / split}: no such file; check the path")
    raise InputError(f"{folder / split}: no such file or split; splits are {names}")


def _listed(path: Path, key: str) -> list[Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))[key]
        assert isinstance(found, list)
        assert all(isinstance(e, str) or isinstance(e["filename"], str) for e in found)
    except (OSError, ValueError, KeyError, TypeError, AssertionError):
        raise InputError(f"{path}: lists no {key}; save the data set again") from None
    return found


def _rows(file: Path, table: TableMap) -> Iterator[tuple[Place, dict[str, Any] | LineError]]:
    name = file.name.removesuffix(".gz")
    suffix = Path(name).suffix.lower()
    if suffix in (".csv", ".tsv"):
        return _csv_rows(file, table, "\t" if suffix == ".tsv" else ",")
    if suffix in (".jsonl", ".ndjson"):
        return _json_rows(file, table)
    if suffix == ".parquet":
        homes = table.check(columns_of(file))
        return iter(read_rows(file, list(dict.fromkeys(homes.values()))))
    if suffix == ".arrow":
        return _arrow_rows(file, table)
    raise InputError(f"{file}: is no table we read; give {KINDS}")


def _json_rows(file: Path, table: TableMap) -> Iterator[tuple[Place, dict[str, Any] | LineError]]:
    checked = False
    for place, row in read_lines(file):
        if not checked and isinstance(row, dict):
            table.check(list(row))
            checked = True
        yield place, row


def _csv_rows(file: Path, table: TableMap, delimiter: str) -> Iterator[Any]:
    with opened(file) as stream, io.TextIOWrapper(stream, "utf-8-sig", newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        header: list[str] | None = None
        while True:
            place = Place(file, reader.line_num + 1)
            try:
                cells = next(reader, None)
            except (csv.Error, UnicodeDecodeError) as error:
                reason = "not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
                raise LineError(place, f"is no CSV we can read ({reason}); mend it") from None
            if cells is None:
                break
            if not cells:
                continue
            if header is None:
                header = cells
                table.check(header)
            elif len(cells) != len(header):
                yield (
                    place,
                    LineError(
                        place,
                        f"has {len(cells)} cells, the header {len(header)}; quote what has commas",
                    ),
                )
            else:
                yield place, dict(zip(header, cells))


def _arrow_rows(file: Path, table: TableMap) -> Iterator[tuple[Place, dict[str, Any]]]:
    import pyarrow as pa

    with reading_arrow(file), pa.memory_map(str(file)) as memory:
        try:
            reader = pa.ipc.open_stream(memory)
            batches = iter(reader)
        except pa.ArrowInvalid:
            memory.seek(0)
            reader = pa.ipc.open_file(memory)
            batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
        columns = list(dict.fromkeys(table.check(list(reader.schema.names)).values()))
        number = 0
        for batch in batches:
            wanted = batch.select(columns)
            for start in range(0, wanted.num_rows, BATCH):
                for row in wanted.slice(start, BATCH).to_pylist():
                    number += 1
                    yield Place(file, number, True), row
