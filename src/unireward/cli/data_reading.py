"""What the ``data`` verbs share: records read with progress, and what was left out and why."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from unireward.files import LineError, OnError
    from unireward.record import Record

SHOWN = 5
OnBad = Annotated[
    str, typer.Option("--on-error", help="A bad row: raise (stop there), or skip and count.")
]
ByPath = Annotated[
    bool, typer.Option("--by-path", help="Take a media file's path for its content: faster.")
]
Near = Annotated[
    bool, typer.Option("--near", help="Near copies too: texts by MinHash, pictures by hash.")
]
NearText = Annotated[
    float | None,
    typer.Option("--near-text", help="How alike near texts are, 0.3 to 1 (Jaccard); else 0.8."),
]
NearBits = Annotated[
    int | None,
    typer.Option("--near-bits", help="Signs of 128 in which near pictures may differ; else 6."),
]


class Reading:
    """Records of files, a progress line, and the rows left out.

    A file may be read several times; its bad rows are counted the first time.
    """

    def __init__(self, on_error: str, does: str = "reading", did: str = "read") -> None:
        from unireward.errors import UsageError
        from unireward.jobs.progress import progress_for

        if on_error not in ("raise", "skip"):
            raise UsageError(f"--on-error {on_error!r} is unknown; use raise or skip")
        self._skips = on_error == "skip"
        self._reasons: Counter[str] = Counter()
        self._first: list[str] = []
        self._done: set[Path] = set()
        self._progress = progress_for(does=does, did=did)

    def records(self, *paths: Path) -> Iterator[Record]:
        """The records of files, one after the other; ``FILE:ID`` where an id was there before."""
        return self.told(self._one(paths[0]) if len(paths) == 1 else self._chained(paths))

    def _one(self, path: Path) -> Iterator[Record]:
        from unireward.files import read_records

        yield from read_records(path, on_error=self.handler(path))
        self._done.add(path)

    def _chained(self, paths: Sequence[Path]) -> Iterator[Record]:
        from unireward.data.seen import Seen

        with Seen("ids") as seen:
            for path in paths:
                for record in self._one(path):
                    fresh = seen.fresh("ids", record.id, path.stem)
                    if fresh != record.id:
                        record = record.model_copy(update={"id": fresh})
                    yield record

    def pass_of(self, *paths: Path) -> Callable[[], Iterable[Record]]:
        """A fresh pass over files, each time it is called."""
        return lambda: self.records(*paths)

    def handler(self, path: Path) -> OnError:
        if not self._skips:
            return "raise"
        return "skip" if path in self._done else self.skip

    def skip(self, error: LineError) -> None:
        """Count a row that is left out."""
        self._reasons[reason_of(error.message)] += 1
        if len(self._first) < SHOWN:
            self._first.append(str(error))

    def told(self, records: Iterable[Record]) -> Iterator[Record]:
        """The same records, each of them a step of the progress shown."""
        self._progress.start(None, 0)
        try:
            for record in records:
                self._progress.advance("ok")
                yield record
        finally:
            self._progress.stop()

    @property
    def skipped(self) -> int:
        return self._reasons.total()

    def to_dict(self) -> dict[str, Any]:
        return {"skipped": self.skipped, "reasons": dict(self._reasons.most_common())}

    def lines(self) -> list[str]:
        """What was left out, for people; nothing where nothing was."""
        if not self._reasons:
            return []
        lines = [f"skipped {self.skipped:,}"]
        lines += [f"  {count:,} x {reason}" for reason, count in self._reasons.most_common()]
        return [*lines, "first of them:", *(f"  {error}" for error in self._first)]


def reason_of(message: str) -> str:
    """A message without what differs from row to row: the record, words quoted, numbers, paths."""
    message = re.sub(r"^record \S+: ", "", message)
    message = re.sub(r"'[^']*'|\"[^\"]*\"", "'...'", message)
    message = re.sub(r"\S*[/\\]\S*?(?=[:;,)]?(\s|$))", "FILE", message)
    return re.sub(r"\d+([.,]\d+)*", "N", message)


def report(lines: Sequence[str], values: dict[str, Any], reading: Reading, json: bool) -> None:
    """The end of a verb: lines for people, or one JSON document."""
    from unireward.cli.output import print_json

    if json:
        print_json({**values, **reading.to_dict()})
    else:
        typer.echo("\n".join([*lines, *reading.lines()]))


def check_out(out: Path) -> None:
    """Refuse a name that records cannot be written under before anything long is done."""
    from unireward.errors import UsageError

    if not out.name.endswith((".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz", ".parquet")):
        raise UsageError(f"--out {out}: name it .jsonl, .jsonl.gz or .parquet")


def content_of(
    near: bool, by_path: bool, text: float | None, bits: int | None, lenient: bool = False
) -> Any:
    """How records are compared, as the options say."""
    from unireward.data.content import Content
    from unireward.errors import UsageError

    for name, value in (("--near-text", text), ("--near-bits", bits)):
        if value is not None and not near:
            raise UsageError(f"{name} is of near copies, which --near looks for; give it too")
    if not near:
        return Content(by_path, lenient)
    if by_path:
        raise UsageError("--near looks at pictures, --by-path does not; give one of them")
    from unireward.data.near import NearContent

    return NearContent(0.8 if text is None else text, 6 if bits is None else bits, lenient)
