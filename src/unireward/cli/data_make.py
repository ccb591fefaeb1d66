"""``unireward data mix``, ``swap``, ``split`` and ``dedup``: records made into better sets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unireward.cli import options as o
from unireward.cli.data_reading import (
    ByPath,
    Near,
    NearBits,
    NearText,
    OnBad,
    Reading,
    check_out,
    content_of,
    report,
)

Out = Annotated[Path, typer.Option("--out", help="Records: .jsonl, .jsonl.gz or .parquet.")]
Files = Annotated[list[Path], typer.Argument(help="Files of records.")]


def mix(
    parts: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE[=HOW]...",
            help="HOW is all, first:N, end:N, random:N (or N%), or a weight such as 0.3.",
        ),
    ],
    out: Out,
    total: Annotated[
        int | None, typer.Option("--total", min=1, help="Records that weighted files give.")
    ] = None,
    seed: o.Seed = 0,
    repeat: Annotated[
        bool, typer.Option("--repeat", help="Take a weighted file several times if it is small.")
    ] = False,
    in_order: Annotated[
        bool, typer.Option("--in-order", help="One file after the other, not shuffled together.")
    ] = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Mix files of records by counts or weights, each file's own order kept."""
    from unireward.data.mix import Mix, Part, parse_part
    from unireward.files import write_records

    check_out(out)
    reading = Reading(on_error, "mixing", "read")
    named = [parse_part(part) for part in parts]
    mixed = Mix(
        [Part(path.stem, reading.pass_of(path), strategy) for path, strategy in named],
        total=total, seed=seed, repeat=repeat, in_order=in_order,
    )  # fmt: skip
    count = write_records(out, mixed)
    lines = [f"{count:,} records in {out}"]
    lines += [
        f"  {taken.taken:,} of {taken.available:,} of {path} ({taken.strategy})"
        + (f", {taken.renamed:,} renamed" if taken.renamed else "")
        for (path, _), taken in zip(named, mixed.taken)
    ]
    values = {"records": count, "parts": [taken.to_dict() for taken in mixed.taken]}
    report(lines, {**values, "path": str(out)}, reading, json)


def swap(
    files: Files,
    out: Out,
    only: Annotated[bool, typer.Option("--only", help="The copies without the originals.")] = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Add a copy of each record with its candidates in reverse order."""
    from unireward.data.swap import SwapReport
    from unireward.data.swap import swap as swapping
    from unireward.files import write_records

    check_out(out)
    reading = Reading(on_error, "swapping", "swapped")
    done = SwapReport()
    count = write_records(out, swapping(reading.records(*files), only=only, report=done))
    lines = [f"{count:,} records in {out}: {done.read:,} read, {done.swapped:,} swapped copies"]
    if done.single:
        lines.append(f"  {done.single:,} of one candidate have no other order")
    if done.replies:
        lines.append(f"  {done.replies:,} copies without the reply that was written for one order")
    report(lines, {"records": count, **done.to_dict(), "path": str(out)}, reading, json)


def split(
    files: Files,
    out: Annotated[Path, typer.Option("--out", help="Folder for train.jsonl, test.jsonl ...")],
    share: Annotated[
        list[str] | None,
        typer.Option("--share", help="Share of prompts held out: 0.1, or NAME=0.1; repeatable."),
    ] = None,
    seed: o.Seed = 0,
    by: Annotated[
        str,
        typer.Option("--by", help="What parts never share: prompt, media, user, meta.KEY; a,b."),
    ] = "prompt",
    format: Annotated[str, typer.Option("--format", help="jsonl or parquet.")] = "jsonl",
    by_path: ByPath = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Split records so that no prompt is on two sides; adding data moves nobody."""
    from unireward.data.split import Split, split_records
    from unireward.errors import UsageError

    if format not in ("jsonl", "parquet"):
        raise UsageError(f"--format {format!r} is unknown; use jsonl or parquet")
    parts = Split(_shares(share or ["0.1"]), seed, [key.strip() for key in by.split(",")], by_path)
    reading = Reading(on_error, "splitting", "read")
    done = split_records(reading.pass_of(*files), out, parts, f".{format}")
    whole = max(1, done.records.total())
    lines = [
        f"{out / name}.{format}: {done.records[name]:,} records "
        f"({100 * done.records[name] / whole:.1f} %) of {done.prompts[name]:,} prompts"
        for name in parts.names
    ]
    if done.between:
        lines.append(f"left out {done.between:,} whose keys ({by}) belong to different parts")
    if done.shared:
        lines.append(f"{done.shared:,} prompts stand in several parts; add prompt to --by")
    report(lines, {**done.to_dict(), "path": str(out)}, reading, json)


def _shares(given: list[str]) -> dict[str, float]:
    from unireward.errors import UsageError

    shares: dict[str, float] = {}
    for text in given:
        name, _, number = text.rpartition("=")
        name = name or "test"
        try:
            value = float(number)
        except ValueError:
            raise UsageError(f"--share {text!r} is no share; write 0.1 or NAME=0.1") from None
        if name in shares:
            raise UsageError(f"--share {name} is given twice; name each part once")
        shares[name] = value
    return shares


def dedup(
    files: Files,
    out: Out,
    near: Near = False,
    near_text: NearText = None,
    near_bits: NearBits = None,
    conflicts: Annotated[
        str,
        typer.Option(
            "--conflicts", help="Copies labelled differently: first, majority, drop, keep."
        ),
    ] = "first",
    removed: Annotated[
        Path | None, typer.Option("--removed", help="Write what was left out and for what.")
    ] = None,
    by_path: ByPath = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Leave out records that are there already, exactly or nearly."""
    from unireward.data.duplicates import Duplicates
    from unireward.files import write_records
    from unireward.files.lines import dumps, replacing

    check_out(out)
    reading = Reading(on_error)
    found = Duplicates(content_of(near, by_path, near_text, near_bits), conflicts)
    read = reading.pass_of(*files)
    for record in read():
        found.add(record)
    done = found.settle()
    count = write_records(out, found.kept(read()))
    if removed is not None:
        with replacing(removed) as stream:
            for row in found.removed():
                stream.write(dumps(row._asdict()).encode("utf-8") + b"\n")
    copies = f"{done.exact:,} exact" + (f" and {done.near:,} near" if near else "")
    lines = [
        f"{count:,} of {done.read:,} records in {out}",
        f"  removed {copies} copies",
        f"  {done.conflicts:,} labelled in several ways ({done.opposite:,} opposite): {conflicts}"
        + (f", {done.dropped:,} records dropped" if done.dropped else ""),
    ]  # fmt: skip
    if done.unreadable:
        lines.append(f"  {done.unreadable:,} media could not be decoded and went by their bytes")
    report(lines, {**done.to_dict(), "path": str(out)}, reading, json)
