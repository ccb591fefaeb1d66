"""A benchmark's page: ``index.html`` from a BenchResult alone, figures first, then every number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from unireward.benchmarks.baselines import BASELINES
from unireward.benchmarks.result import BEST, MEAN, BenchResult
from unireward.report import (
    Bar,
    BarGroup,
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
"""Records asked of a reported number."""
SPOKEN = {"text_only": "text only", "image_only": "media only"}


def write_result_page(result: BenchResult, folder: str | Path) -> Path:
    """Write ``folder/index.html``. Raises MissingExtraError without jinja2."""
    page = Page(
        title=f"{result.judge} on {_name(result.benchmark)}",
        lead=[_lead(result)],
        sections=[section for section in _sections(result) if section.blocks],
        footer=_footer(result),
    )
    return write_page(page, Path(folder) / "index.html")


def _sections(result: BenchResult) -> Iterator[Section]:
    yield _in_numbers(result)
    yield Section("Ways of asking", [table for table in [_ways(result)] if table])
    yield Section("Where it is right", [table for table in [_where(result)] if table])
    yield Section("Scored alone", [table for table in [_alone(result)] if table])
    yield Section("Every baseline", [table for table in [_beside(result)] if table])
    points = [f"{row['set']}, {row['way']}: {row['reason']}" for row in result.skipped]
    yield Section("Not asked", [Points(points)] if points else [])


def _lead(result: BenchResult) -> str:
    rules = result.protocol
    orders = "in both orders" if rules["orders"] == "both" else "in one order"
    unread = {"wrong": "is wrong", "half": "counts half", "exclude": "is left out"}
    ties = "is wrong" if not rules["tie_credit"] else f"earns {rules['tie_credit']:g}"
    return (
        f"{result.n:,} records, each pair shown {orders}. Accuracy is over pairs in which one "
        f"candidate is truly better: a judged tie {ties}, a reply that could not be read "
        f"{unread[rules['unread']]}. Brackets and whiskers are 95 % intervals."
    )


def _in_numbers(result: BenchResult) -> Section:
    groups = [
        BarGroup(_name(task), list(_bars(result, task, way)))
        for task in result.tasks
        if (way := result.first_way(task)) is not None
    ]
    way = result.first_way(result.tasks[0]) if result.tasks else ""
    bars = Figure(
        accuracy_bars(groups, f"Accuracy of each task ({way}) beside its baselines"),
        "Text only: the same judge shown plain grey instead of every picture. Media only: the same "
        "judge given another record's prompt; it still sees planted defects, and answers often "
        "repeat their question. Both are asked in one order. Longer: the longer answer, or the "
        "larger file. Majority: always the position that is right most often. A baseline's tie "
        "counts half.",
    )
    bins = result.bins.get(f"{MEAN}/{way}")
    right: list[Figure | Prose] = [Prose([_trust(result)])]
    if bins:
        error = expected_calibration_error(bins)
        right.insert(
            0,
            Figure(
                reliability_curve(bins, "Reliability: how often right, by stated confidence"),
                "Verdicts of all tasks by how sure the judge was. On the dashed line confidence "
                "means what it says. Grey: how many verdicts; hollow points have too few to mean "
                f"much. Expected calibration error {_three(error)}.",
            ),
        )
    return Section("In numbers", [Tiles(list(_tiles(result))), Columns([[bars], right])])


def _bars(result: BenchResult, task: str, way: str) -> Iterator[Bar]:
    for name in ("accuracy", *BASELINES):
        got = result.get(task, way, name)
        if got is not None:
            label = "judge" if name == "accuracy" else SPOKEN.get(name, name)
            yield Bar(label, got, main=name == "accuracy")


def _tiles(result: BenchResult) -> Iterator[Tile]:
    way = result.first_way(result.tasks[0]) if result.tasks else ""
    rows = (
        (result.get(MEAN, way or "", "accuracy"), f"right, mean of the tasks ({way})"),
        (result.get(MEAN, BEST, "accuracy"), "right, each task in its best way"),
        (result.get(MEAN, way or "", "order_agreement"), "the same in both orders, mean"),
    )
    for got, label in rows:
        if got is not None:
            yield Tile(_percent(got), label, _range(got))
    photographs = _first(result, "photographs", "accuracy")
    if photographs is not None:
        yield Tile(_percent(photographs), "right on photographs' quality", _range(photographs))


def _first(result: BenchResult, name: str, metric: str) -> Estimate | None:
    way = result.first_way(name)
    return result.get(name, way, metric) if way is not None else None


def _trust(result: BenchResult) -> str:
    shares = [got for name, got in result.metrics.items() if name.endswith("/accuracy")]
    if not shares:
        return "Nothing was read, so there is nothing to report."
    fewest = min(got.n for got in shares)
    widest = max((got.high - got.low) / 2 for got in shares)
    states = ", ".join(f"{name} {count:,}" for name, count in result.statuses.items())
    rough = (
        f" That is fewer than the {ENOUGH} records this project asks of a reported number."
        if fewest < ENOUGH * 0.9  # true ties are not counted
        else ""
    )
    return (
        f"How far to trust this: each accuracy rests on {fewest:,} pairs or more and may be off by "
        f"up to {100 * widest:.1f} points either way.{rough} Judgments by state: {states}. "
        f"Confidence is {result.calibration}. "
        f"{result.calls:,} questions were put to the model, those of the baselines included."
    )


# Tables ---------------------------------------------------------------------------------------


def _ways(result: BenchResult) -> Table | None:
    ways = [w for w in result.ways if any(result.get(t, w, "accuracy") for t in result.tasks)]
    rows = []
    for name in (*result.tasks, MEAN):
        best = result.best.get(name)
        cells = [_cell(result.get(name, way, "accuracy")) for way in ways]
        rows.append((_name(name), *cells, f"{best.way}" if best else "–"))
    how = next((best.chosen for best in result.best.values()), "")
    caption = f"Best: {how}." if how else ""
    return _table(("task", *ways, "best"), rows, caption)


def _where(result: BenchResult) -> Table | None:
    groups = list(
        dict.fromkeys(
            name.rpartition("/accuracy_")[2]
            for name in result.metrics
            if "/accuracy_level_" in name or "/accuracy_kind_" in name
        )
    )
    rows = []
    for name in (*result.tasks, *result.apart):
        whole = _cell(_first(result, name, "accuracy"))
        parts = [_percent(_first(result, name, f"accuracy_{group}")) for group in groups]
        rows.append((_name(name), whole, *parts))
    head = ("records", "all", *(group.removeprefix("kind_").replace("_", " ") for group in groups))
    return _table(head, rows, "Level 4 and photographs are apart: they count in no mean.")


def _alone(result: BenchResult) -> Table | None:
    names = list(
        dict.fromkeys(n.rpartition("/")[2] for n in result.metrics if n.endswith("_spearman"))
    )
    rows = [
        (_name(task), *(_correlation(result.get(task, "score", name)) for name in names))
        for task in result.tasks
    ]
    head = ("task", *(name.removesuffix("_spearman") for name in names))
    caption = "Spearman's rank correlation of one candidate's scores with the truth."
    return _table(head, rows, caption) if names else None


def _beside(result: BenchResult) -> Table | None:
    names = (*BASELINES, "accuracy_with_ties", "ties", "unread", "order_agreement")
    rows = []
    for task in result.tasks:
        way = result.first_way(task)
        if way is not None:
            shares = [_cell(result.get(task, way, name)) for name in names]
            error = result.get(task, way, "ece")
            rows.append((_name(task), *shares, _three(error.value if error else None)))
    head = ("task", *(SPOKEN.get(name, name.replace("_", " ")) for name in names), "ECE")
    caption = "With ties: all pairs, and a true tie must be called one. Ties: pairs called a tie."
    return _table(head, rows, caption)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str) -> Table | None:
    return Table(head, rows, caption, tuple(range(1, len(head)))) if rows else None


def _footer(result: BenchResult) -> list[str]:
    versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
    sets = "; ".join(f"{name} {row['sha256'][:12]}" for name, row in result.records.items())
    config = "; ".join(
        f"{key} {', '.join(map(str, value)) if isinstance(value, list) else value}"
        for key, value in result.config.items()
    )
    return [
        f"Benchmark {result.benchmark} ({config}). Judge {result.judge}, family {result.family}, "
        f"prompt {result.identity.get('prompt', '–')}.",
        f"{versions}. Digests of the records: {sets}.",
    ]


def _name(name: str) -> str:
    return name.replace("_", " ").replace("-level-", ", level ")


def _percent(got: Estimate | None) -> str:
    return f"{100 * got.value:.1f} %" if got else "–"


def _cell(got: Estimate | None) -> str:
    return f"{100 * got.value:.1f} [{100 * got.low:.1f}, {100 * got.high:.1f}]" if got else "–"


def _range(got: Estimate) -> str:
    return f"{100 * got.low:.1f} to {100 * got.high:.1f}, n = {got.n:,}"


def _correlation(got: Estimate | None) -> str:
    return f"{got.value:.3f} [{got.low:.2f}, {got.high:.2f}]" if got else "–"


def _three(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
