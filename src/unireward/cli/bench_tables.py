"""A benchmark's result on a terminal: four tables that fit eighty columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from unireward.cli.output import console

if TYPE_CHECKING:
    from rich.console import Console

    from unireward.benchmarks.result import BenchResult
    from unireward.stats import Estimate

ENOUGH = 600
"""Records below which a share is called rough."""
WAYS = 3
"""Ways side by side in a table of eighty columns."""
SHORT = {
    "image_generation": "image generation",
    "video_generation": "video generation",
    "image_editing": "image editing",
    "image_understanding": "image questions",
    "video_understanding": "video questions",
}


def show_result(result: BenchResult) -> None:
    out = console()
    protocol = result.protocol
    orders = "both orders" if protocol["orders"] == "both" else "one order"
    out.print(f"{result.benchmark} · {result.judge} · {protocol['name']}, {orders} · "
              f"seed {result.seed}", style="bold")  # fmt: skip
    _accuracies(out, result)
    _beside(out, result)
    _where(out, result)
    _alone(out, result)
    for line in lines_of(result):
        out.print(line)


def lines_of(result: BenchResult) -> Iterator[str]:
    """The states, what was not asked, and how far to trust it."""
    states = ", ".join(f"{name} {count:,}" for name, count in result.statuses.items())
    yield (
        f"{result.n:,} records, {sum(result.statuses.values()):,} judgments: {states}. "
        f"{result.calls:,} calls, baselines included."
    )
    yield f"Confidence: {result.calibration}."
    for way, reason, names in skipped_of(result):
        yield f"not asked: {way} of {', '.join(names)}: {reason}"
    fewest = min(
        (got.n for name, got in result.metrics.items() if name.endswith("/accuracy")), default=0
    )
    if fewest < ENOUGH * 0.9:  # true ties are not counted
        yield f"Rough: fewer than {ENOUGH} records a number; raise --items before quoting one."


def skipped_of(result: BenchResult) -> list[tuple[str, str, list[str]]]:
    """(way, a reason, the sets) of what was not asked, a row a way."""
    by_way: dict[str, tuple[str, list[str]]] = {}
    for row in result.skipped:
        by_way.setdefault(row["way"], (row["reason"], []))[1].append(row["set"])
    return [(way, reason, names) for way, (reason, names) in by_way.items()]


def _accuracies(out: Console, result: BenchResult) -> None:
    ways = [w for w in result.ways if any(result.get(t, w, "accuracy") for t in result.tasks)]
    note = ""
    if result.best:
        how = next(iter(result.best.values())).chosen
        mean = result.get("mean", "best", "accuracy")
        note = f"* best way ({how})" + (f"; their mean {_with_range(mean)}" if mean else "")
    title = "Accuracy in %, 95 % interval (ties and unread replies are wrong)"
    parts = [ways[start : start + WAYS] for start in range(0, len(ways), WAYS)]
    for part in parts:
        rows = [_accuracy_row(result, name, part) for name in (*result.tasks, "mean")]
        _table(out, title, ["task", *part], rows, note if part is parts[-1] else "")
        title = "The same, other ways"


def _accuracy_row(result: BenchResult, name: str, ways: Sequence[str]) -> list[str]:
    best = result.best.get(name)
    marks = ["*" if best and best.way == way else " " * bool(result.best) for way in ways]
    got = [result.get(name, way, "accuracy") for way in ways]
    return [_task(name), *(_with_range(g) + m for g, m in zip(got, marks))]


def _beside(out: Console, result: BenchResult) -> None:
    names = ("accuracy", "text_only", "image_only", "longer", "majority", "order_agreement")
    rows = []
    for task in result.tasks:
        way = result.first_way(task)
        if way is not None:
            shares = [_share(result.get(task, way, name)) for name in names]
            rows.append([_task(task), *shares, _three(result.get(task, way, "ece"))])
    head = ["task", "judge", "text", "image", "longer", "major.", "orders", "ECE"]
    way = result.first_way(result.tasks[0]) if result.tasks else ""
    _table(out, f"Beside what looks at less ({way})", head, rows,
           "A baseline's tie counts half. orders: both agree. ECE: 0 is perfect.")  # fmt: skip


def _where(out: Console, result: BenchResult) -> None:
    groups = ("level_1", "level_2", "level_3", "kind_one_fact", "kind_quality", "kind_random")
    rows = []
    for task in result.tasks:
        way = result.first_way(task) or ""
        shares = [_share(result.get(task, way, f"accuracy_{name}")) for name in groups]
        hard = f"{task}-level-4"
        four = _share(result.get(hard, result.first_way(hard) or "", "accuracy"))
        rows.append([_task(task), *shares[:3], four, *shares[3:]])
    photographs = result.get("photographs", result.first_way("photographs") or "", "accuracy")
    note = "Level 4 is apart, and in no mean."
    if photographs:
        note += f" Photographs, technical quality: {_with_range(photographs)}."
    head = ["task", "L1", "L2", "L3", "L4", "one fact", "quality", "random"]
    _table(out, "By level and by what differs", head, rows, note)


def _alone(out: Console, result: BenchResult) -> None:
    names = list(
        dict.fromkeys(
            name.rpartition("/")[2] for name in result.metrics if name.endswith("_spearman")
        )
    )
    rows = [
        [_task(task), *(_two(result.get(task, "score", name)) for name in names)]
        for task in result.tasks
    ]
    if names:
        head = ["task", *(name.removesuffix("_spearman") for name in names)]
        _table(out, "Scored alone: rank correlation with the truth", head, rows)


def _table(
    out: Console, title: str, head: Sequence[str], rows: Sequence[Sequence[str]], note: str = ""
) -> None:
    from rich import box
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="", box=box.SIMPLE_HEAD,
                  pad_edge=False, padding=(0, 1), header_style="dim")  # fmt: skip
    for number, column in enumerate(head):
        table.add_column(column, justify="right" if number else "left", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    out.print(table)
    if note:
        out.print(note, style="dim")
    out.print()


def _task(name: str) -> str:
    return SHORT.get(name, name.replace("_", " "))


def _share(got: Estimate | None) -> str:
    return f"{100 * got.value:.1f}" if got else "–"


def _with_range(got: Estimate | None) -> str:
    return f"{_share(got)} {100 * got.low:.0f}–{100 * got.high:.0f}" if got else "–"


def _two(got: Estimate | None) -> str:
    return f"{got.value:.2f}" if got else "–"


def _three(got: Estimate | None) -> str:
    return f"{got.value:.3f}" if got else "–"
