"""``unireward data shards``: records and their media in a row of large files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o
from unireward.cli.data_reading import OnBad, Reading, report


def shards(
    files: Annotated[
        list[Path], typer.Argument(help="Files of records; or a folder of shards, with --verify.")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for shard-000000.tar ... and a manifest.")
    ] = None,
    size: Annotated[
        str, typer.Option("--size", help="Bytes of a shard: 512MB, 1GiB ...")
    ] = "512MB",
    format: Annotated[
        str, typer.Option("--format", help="webdataset (tar) or parquet.")
    ] = "webdataset",
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare every shard with its sha256, write nothing.")
    ] = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Write records with their media into shards, resumably.

    Run the same command again after an interruption and it goes on after the last whole shard.
    """
    from unireward.data.shards import parse_size, read_manifest, verify_shards, write_shards
    from unireward.errors import UsageError

    reading = Reading(on_error, "writing", "read")
    if verify:
        done = verify_shards(_one(files))
        report([f"{files[0]}: {_said(done)}, all as written"], done.to_dict(), reading, json)
        return
    if out is None:
        raise UsageError("shards need a place; add --out FOLDER")
    before = len(read_manifest(out).shards) if (out / "manifest.json").exists() else 0
    done = write_shards(
        reading.records(*files), out, size=parse_size(size), format=format,
        identity={"input": _digest(files), "on_error": on_error},
    )  # fmt: skip
    earlier = f" ({before:,} of an earlier run)" if before else ""
    report([f"{out}: {_said(done)}{earlier}"], {**done.to_dict(), "path": str(out)}, reading, json)


def _one(files: list[Path]) -> Path:
    from unireward.errors import UsageError

    if len(files) != 1:
        raise UsageError("--verify takes one folder of shards")
    return files[0]


def _said(done) -> str:
    count = sum(shard.bytes for shard in done.shards)
    return f"{done.records:,} records in {len(done.shards):,} shards, {count:,} bytes"


def _digest(files: list[Path]) -> str:
    """The files' content, by which a later run knows them again."""
    import hashlib

    from unireward.errors import InputError

    content = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as stream:
                while block := stream.read(1 << 20):
                    content.update(block)
        except FileNotFoundError:
            raise InputError(f"{path}: no such file; check the path") from None
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror})") from None
        content.update(b"\0")
    return content.hexdigest()
