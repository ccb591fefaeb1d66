"""The demo: a drawn world is written to real files, read back, judged, and held to its truth.

::

    run = run_demo(judge, Path("demo"), items=200, seed=0)
    write_demo_page(run, Path("demo"))                    # demo/index.html

Nothing is chosen by hand: records come from the seed, and those shown are the first of each
task, right or wrong.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from unireward.benchmarks.shown_less import with_others_words, without_media
from unireward.judgment import Judgment
from unireward.record import Record

if TYPE_CHECKING:
    from unireward.rewards.face import Face

TASKS = (
    "image_generation",
    "image_editing",
    "video_generation",
    "image_understanding",
    "video_understanding",
)
HEADLINE = 3
"""Times as many records of the first task: its accuracy is the one people will quote."""
GROUP = 4
"""Candidates in a ranked group."""
SHOWN = 3
"""Pairs shown of each task."""


@dataclass(frozen=True)
class Judged:
    """Records and what was said of them, one judgment each, in order."""

    records: list[Record]
    judgments: list[Judgment]

    def __post_init__(self) -> None:
        assert [r.id for r in self.records] == [j.record for j in self.judgments]


@dataclass(frozen=True)
class TaskRun:
    """One task's part. ``text_only`` and ``image_only`` are the same pairs shown less (in one
    order: what they see of a pair is often twice the same, and would always tie in both);
    ``written`` the shown pairs with the judge's scores of each candidate alone."""

    task: str
    pairs: Judged
    text_only: Judged
    image_only: Judged
    singles: Judged
    groups: Judged
    written: Judged


@dataclass(frozen=True)
class DemoRun:
    judge: str
    family: str
    seed: int
    tasks: list[TaskRun]
    seconds: float
    """Of judging alone, on this machine."""
    calls: int
    """Asks put to the model, all modes and baselines together."""


def run_demo(
    judge: Face,
    out: Path,
    *,
    items: int = 200,
    seed: int = 0,
    say: Callable[[str], None] = lambda line: None,
) -> DemoRun:
    """Write the world under ``out/world`` and judge it.

    ``items`` pairs of each task in ``rank`` and as many single candidates in ``score`` (three
    times as many of the first task), and groups of four in ``rank``, one for eight items.
    ``say`` gets a line before each task.
    """
    tasks, calls, seconds = [], 0, 0.0
    blind = copy.copy(judge)
    blind.both_orders = False
    for task in TASKS:
        count = items * HEADLINE if task == TASKS[0] else items
        few = max(1, items // 8)
        say(f"{task}: drawing and judging {count} pairs, {count} singles, {few} groups of {GROUP}")
        pairs = _drawn(task, count, seed, out, 2)
        singles = _drawn(task, count, seed, out, 1)
        groups = _drawn(task, few, seed, out, GROUP)
        began = time.perf_counter()
        run = TaskRun(
            task,
            pairs=_judged(judge, pairs, "rank"),
            text_only=_judged(blind, [without_media(record) for record in pairs], "rank"),
            image_only=_judged(blind, with_others_words(pairs), "rank"),
            singles=_judged(judge, singles, "score"),
            groups=_judged(judge, groups, "rank"),
            written=_judged(judge, pairs[:SHOWN], "score"),
        )
        seconds += time.perf_counter() - began
        calls += sum(j.calls for part in _parts(run) for j in part.judgments)
        tasks.append(run)
    return DemoRun(judge.name, judge.family.id, seed, tasks, seconds, calls)


def _parts(run: TaskRun) -> list[Judged]:
    return [run.pairs, run.text_only, run.image_only, run.singles, run.groups, run.written]


def _drawn(task: str, items: int, seed: int, out: Path, candidates: int) -> list[Record]:
    """Records of the world by way of files, as a user's own would come."""
    from unireward.files import read_records
    from unireward.world import write_world

    folder = out / "world" / {1: "singles", 2: "pairs"}.get(candidates, "groups") / task
    write_world([task], items, seed, folder, candidates=candidates)
    return list(read_records(folder / "records.jsonl"))


def _judged(judge: Face, records: list[Record], mode: str) -> Judged:
    return Judged(records, judge(records, mode=mode))
