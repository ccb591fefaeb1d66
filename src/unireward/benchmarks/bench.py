"""bench: a benchmark put to a judge and measured, in one call.

>>> result = bench("world", ur.load("tiny"), items=600, out="bench")
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from platform import python_version
from typing import Any

import unireward
from unireward.benchmarks.baselines import WHOLE
from unireward.benchmarks.benchmark import Benchmark, Rules, get_benchmark
from unireward.benchmarks.measure import (
    Metrics,
    baseline_metrics,
    bins_of,
    confidences,
    mean_over,
    pair_metrics,
    single_metrics,
    statuses_of,
)
from unireward.benchmarks.result import BEST, MEAN, BenchResult, BestWay, write_result
from unireward.benchmarks.run import DEFAULT_WAYS, BenchRun, Heard, hear
from unireward.benchmarks.ways import Way, best_by_family
from unireward.jobs.progress import Progress
from unireward.stats import Bin

MEANS = ("accuracy", "accuracy_with_ties", "order_agreement")
PACKAGES = ("numpy", "torch", "transformers")


def bench(
    benchmark: str | Benchmark,
    judge: Any,
    *,
    ways: Sequence[Way] | None = DEFAULT_WAYS,
    rules: Rules | None = None,
    choose: bool = False,
    baselines: bool = True,
    out: str | Path | None = None,
    progress: Progress | None = None,
    **options: Any,
) -> BenchResult:
    """Judge a benchmark's records in each of ``ways`` (None: all the judge has) and measure.

    ``options`` make the benchmark where it is given by name. ``choose`` picks each task's best
    way on records of another seed; else the judge's own ``best_mode`` is taken. ``out`` is a
    folder for the judgments and ``result.json``: the same call goes on there after an
    interruption. Raises as :func:`unireward.benchmarks.run.hear`.
    """
    if isinstance(benchmark, str):
        benchmark = get_benchmark(benchmark, **options)
    run = hear(
        benchmark, judge, ways=ways, rules=rules, choose=choose, baselines=baselines,
        out=out, progress=progress,
    )  # fmt: skip
    result = result_of(run)
    if out is not None:
        write_result(result, out)
    return result


def result_of(run: BenchRun) -> BenchResult:
    """Everything that was heard, measured."""
    reported = [heard for heard in run.parts if heard.part.cases.role != "tuning"]
    whole = [heard for heard in reported if heard.part.shown == WHOLE]
    blind = [heard for heard in reported if heard.part.shown != WHOLE]
    main = [heard.part for heard in whole if heard.part.cases.role == "main"]
    tasks = tuple(dict.fromkeys(part.cases.name for part in main))
    metrics: Metrics = {}
    for heard in whole:
        for name, got in _measured(heard, run.rules).items():
            metrics[f"{_address(heard)}/{name}"] = got
        others = {b.part.shown: b.said for b in blind if _address(b) == _address(heard)}
        if others and heard.part.cases.kind == "pairs":
            for name, got in baseline_metrics(heard.part.drawn.truths, others).items():
                metrics[f"{_address(heard)}/{name}"] = got
    best = _best(run, tasks)
    metrics |= _means(metrics, run.ways, tasks, best)
    drawn = {heard.part.drawn.cases.name + _of_kind(heard): heard.part.drawn for heard in whole}
    return BenchResult(
        benchmark=run.benchmark.name,
        judge=run.judge.name,
        protocol=run.rules.to_dict(),
        n=sum(len(one.truths) for one in drawn.values()),
        statuses=statuses_of([heard.said for heard in whole]),
        baseline_statuses=statuses_of([heard.said for heard in blind]),
        metrics=metrics,
        best=best,
        tasks=tasks,
        apart=tuple(
            dict.fromkeys(h.part.cases.name for h in whole if h.part.cases.role == "apart")
        ),
        ways=tuple(map(str, run.ways)),
        skipped=tuple(run.skipped),
        bins=_bins(whole, tasks),
        calls=run.cost.calls,
        tokens=run.cost.tokens,
        seconds=round(run.cost.seconds, 3),
        seed=run.benchmark.config.get("seed"),
        config={**run.benchmark.config, "ways": [str(way) for way in run.ways]},
        identity=dict(run.judge.identity),
        records={name: {"n": len(one.truths), "sha256": one.digest} for name, one in drawn.items()},
        versions=versions(),
    )


def _measured(heard: Heard, rules: Rules) -> Metrics:
    truths = heard.part.drawn.truths
    if heard.part.cases.kind == "singles":
        # Whether a single was read stands beside whether a pair was, under a name of its own.
        found = single_metrics(truths, heard.said)
        unread = found.pop("unread", None)
        return {**found, "alone_unread": unread} if unread is not None else found
    return pair_metrics(truths, heard.said, rules)


def _address(heard: Heard) -> str:
    return f"{heard.part.cases.name}/{heard.part.way}"


def _of_kind(heard: Heard) -> str:
    return "" if heard.part.cases.kind == "pairs" else f"/{heard.part.cases.kind}"


def _best(run: BenchRun, tasks: Sequence[str]) -> dict[str, BestWay]:
    """Each task's best way, where it was chosen or the judge knows its own."""
    found: dict[str, BestWay] = {}
    for heard in run.parts:
        cases = heard.part.cases
        if cases.role != "tuning" or cases.name in found:
            continue
        tuned = [h for h in run.parts if h.part.drawn is heard.part.drawn]
        got = {str(h.part.way): _accuracy(h, run.rules) for h in tuned}
        known = {way: value for way, value in got.items() if value is not None}
        if known:  # of equal ones the first asked
            way = max(known, key=known.__getitem__)
            seed = cases.identity.get("world", {}).get("seed")
            found[cases.name] = BestWay(way, f"on {cases.total} records of seed {seed}", known)
    for task in tasks:
        own = best_by_family(run.judge, task)
        if task not in found and own is not None:
            found[task] = BestWay(str(own), "judge.json")
    return found


def _accuracy(heard: Heard, rules: Rules) -> float | None:
    winners = [truth.winner for truth in heard.part.drawn.truths]
    got = rules.accuracy([one.winner for one in heard.said], winners)
    return got.value if got else None


def _means(
    metrics: Metrics, ways: Sequence[Way], tasks: Sequence[str], best: dict[str, BestWay]
) -> Metrics:
    """Over the tasks of a way, where every task has it: a mean of fewer would flatter."""
    found: Metrics = {}
    for name in MEANS:
        by_way = {str(way): [metrics.get(f"{t}/{way}/{name}") for t in tasks] for way in ways}
        if set(best) >= set(tasks):
            by_way[BEST] = [metrics.get(f"{t}/{best[t].way}/{name}") for t in tasks]
        for way, estimates in by_way.items():
            known = [one for one in estimates if one is not None]
            mean = mean_over(known) if len(known) == len(tasks) else None
            if mean is not None:
                found[f"{MEAN}/{way}/{name}"] = mean
    return found


def _bins(whole: Sequence[Heard], tasks: Sequence[str]) -> dict[str, list[Bin]]:
    """Reliability by set and way, and under ``mean/WAY`` of all tasks' verdicts together."""
    found: dict[str, list[tuple[float, bool]]] = {}
    for heard in whole:
        if heard.part.cases.kind != "pairs":
            continue
        rows = confidences(heard.part.drawn.truths, heard.said)
        found.setdefault(_address(heard), []).extend(rows)
        if heard.part.cases.name in tasks:
            found.setdefault(f"{MEAN}/{heard.part.way}", []).extend(rows)
    return {name: bins_of(rows) for name, rows in found.items() if rows}


def versions() -> dict[str, str]:
    """Of this library, Python, and what the judge ran on (where it was loaded)."""
    found = {"unireward": unireward.__version__, "python": python_version()}
    for name in PACKAGES:
        if name in sys.modules:
            found[name] = metadata.version(name)
    return found
