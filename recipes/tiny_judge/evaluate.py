"""Measure a tiny judge: ``python -m recipes.tiny_judge.evaluate CHECKPOINT --out FILE.json``.

Every figure comes from the world's evaluation split and the real judge code, against the world's
truth. The mode named best for a task is chosen on one seed and all is reported on another.
"""

from __future__ import annotations

import argparse
import json
import platform
from pathlib import Path
from typing import Any

import unireward
from unireward.judgment import Judgment
from unireward.rewards.judge import Judge
from unireward.rewards.load import load
from unireward.stats.calibration import expected_calibration_error, reliability
from unireward.stats.metrics import accuracy, position_agreement, spearman
from unireward.world.item import WorldItem
from unireward.world.sample import TASKS, iter_items

WAYS = ("direct", "trace", "pair-score", "score")


def judged(checkpoint: str, way: str, items: list[WorldItem]) -> list[Judgment]:
    """Judgments of pairs by one way of asking, both orders."""
    form = way if way in ("direct", "trace") else None
    judge: Judge = load(checkpoint, form=form, cache=False)
    mode = "rank" if form else way
    return judge([item.record for item in items], mode)


def winner_of(judgment: Judgment) -> str | None:
    """The winner; for candidates scored alone the one with the higher score."""
    if not judgment.ok:
        return None
    if judgment.mode != "score":
        return judgment.winner
    best = max(judgment.scores.values())
    first = [name for name, score in judgment.scores.items() if score == best]
    return first[0] if len(first) == 1 else "tie"


def pairwise(judgments: list[Judgment], items: list[WorldItem]) -> dict[str, Any]:
    """Accuracy where truth differs (unread and judged ties are wrong), by kind and level."""
    winners = [winner_of(j) for j in judgments]
    truths = [item.record.label.winner() if item.record.label else None for item in items]

    def part(keep: Any) -> Any:
        chosen = [k for k, item in enumerate(items) if keep(item)]
        found = accuracy(
            [winners[k] for k in chosen],
            [truths[k] for k in chosen],
            ties="without",
            unread="wrong",
        )
        return found.to_dict() if found else None

    sure = [
        (j.confidence, w == t)
        for j, w, t in zip(judgments, winners, truths)
        if j.confidence is not None and t != "tie"
    ]
    bins = reliability([c for c, _ in sure], [r for _, r in sure]) if sure else []
    agreement = position_agreement([j.agreement for j in judgments])
    return {
        "accuracy": part(lambda item: True),
        "by_kind": {
            kind: part(lambda item, kind=kind: item.kind == kind)
            for kind in ("one-fact", "quality", "random")
        },
        "by_level": {
            str(level): part(lambda item, level=level: item.level == level)
            for level in (1, 2, 3, 4)
        },
        "ece": expected_calibration_error(bins),
        "agreement": agreement.to_dict() if agreement else None,
        "statuses": {
            s: sum(j.status == s for j in judgments) for s in {j.status for j in judgments}
        },
    }


def pointwise(checkpoint: str, items: list[WorldItem]) -> dict[str, Any]:
    """Spearman's correlation with the truth, by dimension."""
    judgments = load(checkpoint, cache=False)([item.record for item in items], "score")
    out: dict[str, Any] = {"n": len(items), "unread": sum(not j.ok for j in judgments)}
    for name in next(iter(items[0].truth.values())):
        both = [
            (j.dimensions[name]["a"], item.truth["a"][name])
            for j, item in zip(judgments, items)
            if j.ok
        ]
        found = spearman([a for a, _ in both], [b for _, b in both])
        out[name] = found.to_dict() if found else None
    return out


def evaluate(checkpoint: str, tasks: list[str], n: int, seed: int, level: int | None) -> dict:
    report: dict[str, Any] = {
        "checkpoint": Path(checkpoint).name,
        "n": n,
        "seed": seed,
        "level": level or "1-3",
        "unireward": unireward.__version__,
        "python": platform.python_version(),
        "tasks": {},
    }
    for task in tasks:
        # The mode is chosen on other records than it is reported on.
        tuning = list(iter_items(task, max(n // 2, 60), seed + 1000, level=level))
        items = list(iter_items(task, n, seed, level=level))
        picked = {
            way: (pairwise(judged(checkpoint, way, tuning), tuning)["accuracy"] or {}).get("value")
            for way in WAYS
        }
        rows = {way: pairwise(judged(checkpoint, way, items), items) for way in WAYS}
        alone = list(iter_items(task, n, seed, level=level, candidates=1))
        best = max(WAYS, key=lambda way: picked[way] or 0.0)
        report["tasks"][task] = {
            "best": best,
            "tuning": picked,
            "pairs": rows,
            "points": pointwise(checkpoint, alone),
        }
        line = {way: round(rows[way]["accuracy"]["value"], 4) for way in WAYS}
        points = report["tasks"][task]["points"]
        alignment = (points.get("alignment") or {}).get("value")
        print(task, line, "alignment", alignment, "ece", rows["direct"]["ece"], flush=True)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--n", type=int, default=600)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--level", type=int)
    parser.add_argument("--tasks", default=",".join(TASKS))
    args = parser.parse_args()
    report = evaluate(args.checkpoint, args.tasks.split(","), args.n, args.seed, args.level)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
