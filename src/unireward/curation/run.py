"""curate: a config's curation on disk, from prompts to pairs that can be trained on.

::

    result = curate(load_config("pairs.yaml"))
    result.counts["pairs"]["kept"]

What lies in the output at the end: ``records.jsonl`` (the pairs), ``dropped.jsonl`` (what did not
stay, with reasons), ``counts.json``, ``card.md`` and ``card.json``, ``index.html``, the media, and
the steps' journals. Whatever stops a run, the same call goes on: no prompt is sampled twice, no
judgment that was finished is asked again. ``records.jsonl`` appears whole, at the end.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from unireward.curation.case import Case
from unireward.curation.claim import claim, finished, journal_path, mark_complete
from unireward.curation.config import CurateConfig
from unireward.curation.counts import Counts
from unireward.curation.dropped import dropped_rows
from unireward.curation.estimate import Estimate, estimate
from unireward.curation.journaled import journaled, read_journal, rows_in
from unireward.curation.kept import Naming, kept_record
from unireward.curation.means import Means
from unireward.curation.measure import measure_pairs
from unireward.curation.page import write_pages
from unireward.curation.sample import Sample
from unireward.curation.step import Step, named
from unireward.data.card import CardMaker
from unireward.errors import InputError
from unireward.files import read_prompts, read_records
from unireward.files.lines import dumps, loads, replacing
from unireward.files.prompts import DUPLICATE
from unireward.files.records import row_of
from unireward.jobs.progress import Progress, Silent
from unireward.protocols import Policy

RECORDS, DROPPED, COUNTS = "records.jsonl", "dropped.jsonl", "counts.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Curated:
    """What lies in ``output`` now. ``counts`` as in ``counts.json``; ``estimate`` is None where
    all was finished before."""

    output: Path
    counts: dict[str, Any]
    estimate: Estimate | None = None

    @property
    def records(self) -> Path:
        return self.output / RECORDS

    def to_dict(self) -> dict[str, Any]:
        return {
            "output": str(self.output),
            "records": str(self.records),
            "estimate": self.estimate.to_dict() if self.estimate is not None else None,
            "counts": self.counts,
        }


def curate(
    config: CurateConfig,
    *,
    judges: Mapping[str, Any] | None = None,
    say: Say = lambda line: None,
    progress: Progress | None = None,
) -> Curated:
    """Do it, or go on with it. ``judges`` are those of the config that are loaded already, by
    name; they stay open. ``say`` gets the estimate before anything is made, and the counts.

    Raises UsageError where the output is another curation's (naming the difference) or another
    run is writing there, InputError for prompts that cannot be read or a disk that is too small,
    JournalError for one that filled up, and what the policy and the judges raise.
    """
    if finished(config):
        say(f"{config.output}: was finished before")
        if not (config.output / "index.html").exists():
            write_pages(config, say)
        counts = loads((config.output / COUNTS).read_text(encoding="utf-8"))
        return Curated(config.output, counts)
    with Means(config, judges) as means:
        steps = steps_of(config, means)
        found = planned(config, steps)
        for line in found.lines():
            say(line)
        found.check(config.output)
        claim(config, steps)
        counts = _written(config, steps, found.prompts, progress or Silent())
        body = _summed_up(config, counts)
        write_pages(config, say)
        mark_complete(config, steps)
    for line in counts.lines():
        say(line)
    return Curated(config.output, body, found)


def plan(config: CurateConfig, policy: Policy | None = None) -> Estimate:
    """What it would cost; nothing is made, asked or written. ``policy`` is the config's where it
    is loaded already."""
    with Means(config, policy=policy) as means:
        return planned(config, steps_of(config, means))


def steps_of(config: CurateConfig, means: Means) -> list[Step]:
    """The config's steps, each with a name of its own."""
    steps = [options.build(means) for options in config.options]
    named(steps)
    return steps


def planned(config: CurateConfig, steps: list[Step]) -> Estimate:
    """The estimate of what is left to do."""
    left_out: Counter[str] = Counter()
    sampled = [
        rows_in(journal_path(config.output, at, step))
        for at, step in enumerate(steps)
        if isinstance(step, Sample)
    ]
    found = estimate(cases_of(config, left_out), steps, config.output, done=sum(sampled))
    found.duplicates = left_out[DUPLICATE]
    if not found.prompts:
        raise InputError(f"{config.prompts or config.records}: holds no prompt; give some")
    return found


def cases_of(config: CurateConfig, left_out: Counter[str] | None = None) -> Iterator[Case]:
    """A fresh pass over the input."""
    if config.records is not None:
        cases = (Case.of(record) for record in read_records(config.records))
    else:
        assert config.prompts is not None
        prompts = read_prompts(config.prompts, task=config.task, left_out=left_out)
        cases = (Case(prompt=prompt) for prompt in prompts)
    return islice(cases, config.limit)


def read_cases(output: str | Path) -> Iterator[Case]:
    """The cases of a curation as its last journal has them."""
    output = Path(output)
    journals = sorted((output / "steps").glob("*.jsonl"))
    if not journals:
        raise InputError(f"{output}: has no journal of a curation; check the path")
    return read_journal(journals[-1], output)


def _written(config: CurateConfig, steps: list[Step], total: int, progress: Progress) -> Counts:
    """Run the steps and write what came of them."""
    left_out: Counter[str] = Counter()
    counts, naming = Counts(), Naming()
    names = [step.name for step in steps]
    folder = config.output.absolute()
    with ExitStack() as stack:
        stack.callback(naming.close)
        stack.callback(progress.stop)
        cases = cases_of(config, left_out)
        for at, step in enumerate(steps):
            path = journal_path(config.output, at, step)
            run = journaled(step, path, config.output) if step.costly else step
            cases = run(cases)
            # Whatever happens, no journal is left open (and with it locked).
            stack.callback(getattr(cases, "close", lambda: None))
        records = stack.enter_context(replacing(config.output / RECORDS))
        dropped = stack.enter_context(replacing(config.output / DROPPED))
        progress.start(total, 0)
        for case in cases:
            counts.add(case)
            for pair, name in naming.names(case):
                record = kept_record(case, pair, name, names, config.seed)
                records.write(dumps(row_of(record, folder)).encode("utf-8") + b"\n")
            for row in dropped_rows(case, folder):
                dropped.write(dumps(row).encode("utf-8") + b"\n")
            progress.advance("ok")
        counts.duplicates = left_out[DUPLICATE]
    return counts


def _summed_up(config: CurateConfig, counts: Counts) -> dict[str, Any]:
    """Write the counts and the data card; the counts as they were written."""
    body, card = counts.to_dict(), CardMaker()
    for record in read_records(config.output / RECORDS):
        card.add(record)
    truth = measure_pairs(read_records(config.output / RECORDS), seed=config.seed)
    if truth.known:
        body["truth"] = truth.to_dict()
    made = card.finish()
    title = f"Pairs in {config.output.name}"
    for name, text in (
        (COUNTS, json.dumps(body, indent=2, ensure_ascii=False) + "\n"),
        ("card.json", json.dumps(made.to_dict(), indent=2, ensure_ascii=False) + "\n"),
        ("card.md", made.markdown(title)),
    ):
        with replacing(config.output / name) as stream:
            stream.write(text.encode("utf-8"))
    return body
