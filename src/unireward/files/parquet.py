"""Parquet in and out, a row group at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unireward.errors import InputError, UnirewardError
from unireward.files.lines import Place, replacing
from unireward.files.schemas import to_columns
from unireward.media.source import one_line

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 1_000
GROUP_BYTES = 32 << 20
"""A row group is written when it has this many rows, or this many bytes of media."""
BATCH = 64


@contextmanager
def reading_arrow(path: Path) -> Iterator[None]:
    """Arrow's own errors as one :class:`InputError` that names the file."""
    import pyarrow as pa

    try:
        yield
    except UnirewardError:
        raise
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except (pa.ArrowException, OSError, UnicodeDecodeError, EOFError) as error:
        raise InputError(f"{path}: cannot be read ({one_line(error)}); make it again") from None


def columns_of(path: Path) -> list[str]:
    """The names of a file's columns."""
    import pyarrow.parquet as pq

    with reading_arrow(path):
        return list(pq.read_schema(path).names)


def read_rows(
    path: Path, columns: list[str] | None = None
) -> Iterator[tuple[Place, dict[str, Any]]]:
    """The place and values of each row as plain Python; maps come as lists of pairs."""
    import pyarrow.parquet as pq

    with reading_arrow(path), pq.ParquetFile(path) as file:
        number = 0
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            for row in batch.to_pylist():
                number += 1
                yield Place(path, number, True), row


def write_rows(path: Path, rows: Iterable[tuple[str, dict[str, Any]]], schema: pa.Schema) -> int:
    """Write ``(name for messages, JSON object)`` rows atomically; how many there were."""
    import pyarrow.parquet as pq

    count = 0
    with replacing(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        group: list[tuple[str, dict[str, Any]]] = []
        held = 0
        for name, row in rows:
            group.append(_checked(name, row, schema))
            held += sum(len(part["bytes"]) for part in _parts(row) if "bytes" in part)
            count += 1
            if len(group) >= GROUP_ROWS or held >= GROUP_BYTES:
                writer.write_table(_table(group, schema))
                group, held = [], 0
        if group:
            writer.write_table(_table(group, schema))
    return count


def _table(group: list[tuple[str, dict[str, Any]]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.Table.from_pylist([row for _, row in group], schema=schema)
    except (pa.ArrowException, OverflowError, TypeError, UnicodeEncodeError) as error:
        if len(group) == 1:
            raise InputError(
                f"{group[0][0]}: has no place in Parquet ({one_line(error)})"
            ) from None
        # One of the group is at fault: the one that fails alone.
        for single in group:
            _table([single], schema)
        raise


def _checked(name: str, row: dict[str, Any], schema: pa.Schema) -> tuple[str, dict[str, Any]]:
    try:
        return name, to_columns(row, schema)
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def _parts(row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from row.get("prompt", ()) if isinstance(row.get("prompt"), list) else ()
    for candidate in row.get("candidates", ()):
        yield from candidate["content"]
