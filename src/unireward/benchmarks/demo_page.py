"""The demo's page: the numbers first, then what was judged, then what the judge cannot do."""

from __future__ import annotations

import platform
from collections import Counter
from pathlib import Path

import unireward
from unireward.benchmarks.demo import GROUP, SHOWN, DemoRun
from unireward.benchmarks.demo_cards import group_card, pair_cards, single_card, task_name
from unireward.benchmarks.demo_numbers import TaskNumbers, numbers_of, reliability_of
from unireward.report import (
    Bar,
    BarGroup,
    Cards,
    Columns,
    Figure,
    Page,
    Points,
    Prose,
    Section,
    Table,
    Tile,
    Tiles,
    accuracy_bars,
    reliability_curve,
    write_page,
)
from unireward.stats import Estimate, expected_calibration_error

ENOUGH = 600
"""Records below which a share is called rough."""

TINY_LIMITS = (
    "It has seen nothing but this drawn world. On photographs, paintings, people, places or "
    "writing its numbers mean nothing, and it does not know that they mean nothing.",
    "It reads a small closed vocabulary. Words outside it are invisible to the judge, so a prompt "
    "of your own is judged by the few words of it that the judge knows.",
    "It looks at 64 by 64 pixels. What is not legible at that size is not judged.",
    "It gives scores and a verdict, no reasons. A larger judge of the same library writes them.",
    "Its confidence was learned on records like these. Elsewhere the curve above does not hold.",
    "Some tasks it does worse than others: read each row against its baselines.",
)


def write_demo_page(run: DemoRun, out: Path) -> Path:
    """Write ``out/index.html``; the media that ``run_demo`` drew lie under ``out/world``."""
    numbers = [numbers_of(task) for task in run.tasks]
    page = Page(
        title="A reward model judges a drawn world",
        lead=_lead(run),
        sections=[
            _in_numbers(run, numbers),
            _every_number(numbers),
            *_pairs(run, out),
            _alone(run, out),
            _groups(run, out),
            _limits(run),
        ],
        footer=_footer(run),
    )
    return write_page(page, out / "index.html")


def percent(share: Estimate | None) -> str:
    return f"{100 * share.value:.1f} %" if share else "–"


def between(share: Estimate | None) -> str:
    return f"{100 * share.low:.0f}–{100 * share.high:.0f}" if share else "–"


def statuses_of(numbers: list[TaskNumbers]) -> str:
    """Every state of the judgments with its count, ``ok`` first."""
    total: Counter[str] = Counter()
    for row in numbers:
        total.update(row.statuses)
    rows = sorted(total.items(), key=lambda row: (row[0] != "ok", row[0]))
    return ", ".join(f"{name} {count:,}" for name, count in rows)


def _lead(run: DemoRun) -> list[str]:
    records = sum(
        len(part.records) for task in run.tasks for part in (task.pairs, task.singles, task.groups)
    )
    return [
        f"The judge {run.judge} looked at {records:,} records: pictures, clips, edits, and answers "
        "to questions, all drawn by a program from a seed and written to ordinary PNG and MP4 "
        "files. The program knows what is true of each; the judge was told only the prompt. It "
        f"was asked {run.calls:,} questions in {run.seconds:.0f} seconds on this machine.",
    ]


def _in_numbers(run: DemoRun, numbers: list[TaskNumbers]) -> Section:
    bins, even = reliability_of(run), reliability_of(run, "mass")
    groups = [
        BarGroup(
            task_name(row.task),
            [
                Bar("judge", row.accuracy, main=True),
                *(Bar(name, share) for name, share in row.baselines.items()),
            ],
        )
        for row in numbers
        if row.accuracy is not None
    ]
    wide, mass = expected_calibration_error(bins), expected_calibration_error(even)
    bars = Figure(
        accuracy_bars(groups, "Accuracy of each task beside its baselines"),
        "Pairs in which one candidate is truly better: how often it was preferred (a judged tie "
        "counts half). Whiskers are 95 % intervals. Text only: the same judge shown plain grey "
        "instead of every picture. Image or video only: the same judge given another record's "
        "prompt; it still sees planted defects, and answers often repeat their question, so this "
        "one may well beat a coin. Both are asked in one order. Majority: always the position that "
        "is right most often.",
    )
    curve = Figure(
        reliability_curve(bins, "Reliability: how often right, by stated confidence"),
        "Verdicts of all tasks by how sure the judge was. On the dashed line confidence means "
        "what it says; below it the judge is too sure of itself. Grey: how many verdicts; hollow "
        "points have too few to mean much. "
        f"Expected calibration error {_three(wide)} in bins of equal width, {_three(mass)} of "
        "equal count.",
    )
    blocks = [
        Tiles(_tiles(numbers[0], wide)),
        Columns([[bars], [curve, Prose([_honest(numbers)])]]),
    ]
    intro = f"First {task_name(numbers[0].task)}, which has the most records; then every task."
    return Section("In numbers", blocks, intro)


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _tiles(first: TaskNumbers, error: float | None) -> list[Tile]:
    tiles = [
        Tile(percent(first.accuracy), "of pairs right", _detail(first.accuracy)),
        Tile(
            percent(first.ordered),
            f"of groups of {GROUP} in the right order",
            _detail(first.ordered) + (" groups" if first.ordered else ""),
        ),
        Tile(percent(first.agreement), "the same in both orders", _detail(first.agreement)),
        Tile(_three(error), "calibration error, all tasks", "0 is perfect"),
    ]
    if first.spearman is not None:
        got = first.spearman
        detail = f"{got.low:.2f} to {got.high:.2f}, n = {got.n}"
        tiles.insert(1, Tile(f"{got.value:.2f}", "rank correlation of alignment", detail))
    return tiles


def _detail(share: Estimate | None) -> str:
    if share is None:
        return ""
    return f"{100 * share.low:.1f} to {100 * share.high:.1f}, n = {share.n}"


def _honest(numbers: list[TaskNumbers]) -> str:
    counts = [row.accuracy.n for row in numbers if row.accuracy is not None]
    if not counts:
        return "Nothing was read, so there is nothing to report."
    widest = max(
        (row.accuracy.high - row.accuracy.low) / 2 for row in numbers if row.accuracy is not None
    )
    rough = (
        f"That is fewer than the {ENOUGH} this project asks of a reported number: run with more "
        "--items before you quote one. "
        if min(counts) < ENOUGH
        else ""
    )
    return (
        f"How far to trust this: the accuracies rest on {min(counts)} to {max(counts)} pairs each, "
        f"so they may be off by up to {100 * widest:.1f} points either way. {rough}"
        f"Judgments by state: {statuses_of(numbers)}. What was not read is left out of every share."
    )


def _every_number(numbers: list[TaskNumbers]) -> Section:
    head = (
        "task", "pairs right", "95 %", "ties wrong", "with ties", "orders agree", "rank corr.",
        "groups in order", "pairs",
    )  # fmt: skip
    rows = [
        (
            task_name(row.task),
            percent(row.accuracy),
            between(row.accuracy),
            percent(row.strict),
            percent(row.three_way),
            percent(row.agreement),
            f"{row.spearman.value:.2f}" if row.spearman else "–",
            percent(row.ordered),
            str(row.pairs),
        )
        for row in numbers
    ]
    caption = (
        "Ties wrong: a judged tie counts as a mistake. With ties: all pairs, and a true tie must "
        "be called one. Rank correlation: alignment of single candidates, judged against true."
    )
    return Section("Every number", [Table(head, rows, caption, tuple(range(1, len(head))))])


def _pairs(run: DemoRun, out: Path) -> list[Section]:
    return [
        Section(
            task_name(task.task).capitalize(),
            [Cards(pair_cards(task, out))],
            f"The first {min(SHOWN, len(task.written.records))} pairs of this task, right or "
            "wrong. Each pair was shown in both orders; the scores below the candidates were "
            "given to each alone.",
        )
        for task in run.tasks
    ]


def _alone(run: DemoRun, out: Path) -> Section:
    cards = [single_card(task.singles, out) for task in run.tasks]
    return Section("Scored alone", [Cards(cards)], "The first single candidate of each task.")


def _groups(run: DemoRun, out: Path) -> Section:
    cards = [group_card(task.groups, out) for task in run.tasks]
    intro = f"The first group of {GROUP} of each task, from best to worst by all its pairs."
    return Section("Ranked in groups", [Cards(cards)], intro)


def _limits(run: DemoRun) -> Section:
    if run.family.partition("/")[0] != "tiny":
        return Section(
            "What this page does not say",
            [Prose(["A drawn world tests what can be tested exactly, and little else."])],
        )
    return Section("What the tiny judge cannot do", [Points(TINY_LIMITS)])


def _footer(run: DemoRun) -> list[str]:
    return [
        f"unireward {unireward.__version__}, Python {platform.python_version()}. "
        f"Judge {run.judge}, family {run.family}, seed {run.seed}. "
        "The records lie beside this page under world/.",
    ]
