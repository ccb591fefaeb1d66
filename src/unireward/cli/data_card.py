"""``unireward data card`` and ``check``: what is in the records, and what should not be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from unireward.data.contamination import Benchmark, CheckReport, Hit

PAIRS_SHOWN = 10


def card(
    files: Annotated[list[Path], typer.Argument(help="Files of records.")],
    out: Annotated[
        Path | None, typer.Option("--out", help="Write it: card.md, or card.json.")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="Heading of a card.md.")] = "Data card",
    near: Near = False,
    near_text: NearText = None,
    near_bits: NearBits = None,
    by_path: ByPath = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Count what is in files of records: labels, positions, lengths, copies, conflicts."""
    import json as js

    from unireward.data.card import CardMaker
    from unireward.errors import UsageError
    from unireward.files.lines import replacing

    if out is not None and out.suffix not in (".md", ".json"):
        raise UsageError(f"--out {out}: name it .md or .json")
    reading = Reading(on_error)
    maker = CardMaker(content_of(near, by_path, near_text, near_bits, lenient=True))
    for record in reading.records(*files):
        maker.add(record)
    found = maker.finish()
    if out is not None:
        whole = {**found.to_dict(), **reading.to_dict()}
        text = found.markdown(title) if out.suffix == ".md" else js.dumps(whole, indent=2) + "\n"
        with replacing(out) as stream:
            stream.write(text.encode("utf-8"))
    report(found.text().splitlines(), found.to_dict(), reading, json)


def check(
    files: Annotated[list[Path], typer.Argument(help="Files of training records.")],
    against: Annotated[
        list[Path],
        typer.Option("--against", help="A benchmark: records, or a list of prompts; repeatable."),
    ],
    field: Annotated[
        str | None, typer.Option("--field", help="Key of the prompt in the benchmark's objects.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option("--pairs", help="Write every hit, one JSON object a line.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the records that are clean.")
    ] = None,
    text_only: Annotated[
        bool, typer.Option("--text-only", help="Compare words, not pictures and videos.")
    ] = False,
    fail: Annotated[
        bool, typer.Option("--fail", help="Leave with exit code 1 if anything is contaminated.")
    ] = False,
    on_error: OnBad = "raise",
    json: o.Json = False,
) -> None:
    """Look for training records that stand in a benchmark."""
    from contextlib import ExitStack

    from unireward.data.contamination import Benchmark
    from unireward.data.prompts import read_prompts
    from unireward.files import write_records
    from unireward.files.lines import dumps, replacing

    if out is not None:
        check_out(out)
    reading = Reading(on_error, "checking", "checked")
    benchmark = Benchmark(media=not text_only)
    for path in against:
        for item in read_prompts(path, field):
            benchmark.add(item)
    first: list[Hit] = []
    with ExitStack() as stack:
        stream = stack.enter_context(replacing(pairs)) if pairs is not None else None

        def clean():
            for record, hits in benchmark.check(reading.records(*files)):
                counting = [hit for hit in hits if not hit.other_media]
                first.extend(counting[: PAIRS_SHOWN - len(first)])
                if stream is not None:
                    for hit in hits:
                        stream.write(dumps(hit.to_dict()).encode("utf-8") + b"\n")
                if not counting:
                    yield record

        if out is not None:
            write_records(out, clean())
        else:
            for _ in clean():
                pass
    found = benchmark.report
    values = {**found.to_dict(), "first": [hit.to_dict() for hit in first]}
    report(_check_lines(found, first, benchmark, out), values, reading, json)
    if fail and found.contaminated:
        raise typer.Exit(1)


def _check_lines(
    found: CheckReport, first: list[Hit], benchmark: Benchmark, out: Path | None
) -> list[str]:
    share = 100 * found.contaminated / found.read if found.read else 0.0
    lines = [
        f"{found.contaminated:,} of {found.read:,} records ({share:.2f} %) meet the benchmark, "
        f"{found.benchmark_hit:,} of its {found.items:,} prompts are met"
    ]
    lines += [f"  {kind:<10} {count:,}" for kind, count in found.to_dict()["hits"].items() if count]
    if found.other_media:
        lines.append(f"{found.other_media:,} more share words alone, about other media")
    lines += [
        f"  {hit.id} = {hit.where} ({hit.kind}, {hit.share:.0%}): {' '.join(hit.text.split())[:60]}"
        for hit in first
    ]
    if out is not None:
        lines.append(f"{found.read - found.contaminated:,} clean records in {out}")
    return lines
