"""The measured part of a model card, in Markdown, from a BenchResult alone.

A card's own words (what the judge can do, how it was trained) are the caller's; every figure is
the result's.
"""

from __future__ import annotations

from collections.abc import Sequence

from unireward.benchmarks.result import MEAN, BenchResult
from unireward.stats import Estimate


def card_section(result: BenchResult) -> str:
    """``## Measured`` and its tables: ways, baselines, what is apart, candidates alone."""
    parts = [_how(result), _ways(result), _beside(result), _apart(result), _alone(result)]
    return "## Measured\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _how(result: BenchResult) -> str:
    items, level = result.config.get("items"), result.config.get("level")
    orders = "both orders" if result.protocol["orders"] == "both" else "one order"
    chosen = next((best.chosen for best in result.best.values()), "")
    best = f" Best ways: {chosen}." if chosen else ""
    return (
        f"{items} records of each task (benchmark `{result.benchmark}`, seed {result.seed}, level "
        f"{level}), {orders}, against the truth where it differs; 95 % intervals. An unread reply "
        f"or a judged tie counts as wrong.{best}"
    )


def _ways(result: BenchResult) -> str:
    ways = [w for w in result.ways if any(result.get(t, w, "accuracy") for t in result.tasks)]
    rows = []
    for name in (*result.tasks, MEAN):
        best = result.best.get(name)
        cells = [percent(result.get(name, way, "accuracy")) for way in ways]
        rows.append([name, best.way if best else "-", *cells])
    return _table(["task", "best way", *ways], rows)


def _beside(result: BenchResult) -> str:
    names = ("text_only", "image_only", "longer", "majority", "order_agreement", "ece")
    rows = []
    for task in result.tasks:
        way = result.first_way(task) or ""
        shares = [percent(result.get(task, way, name)) for name in names[:-1]]
        rows.append([task, *shares, share(result.get(task, way, "ece"))])
    head = ["task", "text only", "image only", "longer", "majority", "agreement", "ECE"]
    return _table(head, rows)


def _apart(result: BenchResult) -> str:
    rows = [
        [name, percent(result.get(name, result.first_way(name) or "", "accuracy"))]
        for name in result.apart
    ]
    return _table(["apart, in no mean", "accuracy"], rows) if rows else ""


def _alone(result: BenchResult) -> str:
    names = dict.fromkeys(
        name.rpartition("/")[2] for name in result.metrics if name.endswith("_spearman")
    )
    rows = [
        [task, *(share(result.get(task, "score", name)) for name in names)] for task in result.tasks
    ]
    head = ["task, one candidate", *(name.removesuffix("_spearman") for name in names)]
    note = "Spearman's correlation with the truth."
    return f"{_table(head, rows)}\n\n{note}" if names else ""


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(got: Estimate | None) -> str:
    """``94.8 [92.6, 96.3]``, a dash where there is none."""
    return f"{100 * got.value:.1f} [{100 * got.low:.1f}, {100 * got.high:.1f}]" if got else "-"


def share(got: Estimate | None) -> str:
    return f"{got.value:.3f}" if got else "-"
