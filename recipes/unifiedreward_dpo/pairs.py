"""Pairs: are sifted pairs better than ranked ones, and these than pairs by lot?

UnifiedReward builds its preference data by ranking disjoint pairs of 2N candidates and taking the
best winner against the worst loser by point scores. Here candidates are the world's own: pictures
of captions of levels 1 to 3, each wrong in none to all of its facts, some of them spoilt, so that
the truth of every pair is known. One curation judges them (``pair_rank``, ``point_sift``):

===========  =======================================================================
way          pairs of a prompt
===========  =======================================================================
``sifted``   at most one: what ``point_sift`` kept
``ranked``   at most N: the verdicts of ``pair_rank``, ties and unread ones left out
``random``   N of the same candidates by lot
===========  =======================================================================

The rule, fixed before the first run. **Primary endpoint**: label accuracy, the share of pairs whose
chosen picture is truly the better one among those whose pictures differ in truth. Claimed is
``sifted`` above ``ranked`` above ``random``; it is *reached* where both differences have a 95 %
interval above zero and every seed agrees in sign. Each seed has 160 prompts of its own, 10
candidates each; intervals are of a bootstrap that draws seeds, and prompts within each, anew; that
of an accuracy is never narrower than Wilson's. Beside it stands the truth gap: the mean truth (1 to
5) of chosen less rejected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recipes.comparisons import check_seeds, is_above, pooled
from recipes.crew import each
from recipes.findings import write_result
from recipes.tables import listed, row, share
from recipes.unifiedreward_dpo.bases import SHIPPED_ONES, check_bases
from unireward.curation import Case, RandomPairs, curate
from unireward.curation.config import parse_config
from unireward.curation.run import read_cases
from unireward.stats.intervals import wilson
from unireward.world.write import write_world

TASK = "image_generation"
PROMPTS, CANDIDATES = 160, 10
WORLD = 3100
"""Seed s has the world's records of seed ``WORLD + s``, of its evaluation split."""
WAYS = ("sifted", "ranked", "random")
STEPS = {"pair_rank": "ranked", "point_sift": "sifted"}
COMPARED = (("sifted", "ranked"), ("ranked", "random"), ("sifted", "random"))
CLAIMED = COMPARED[:2]

Gaps = dict[str, list[float]]
"""Way -> truth of chosen less rejected, of each pair of one prompt."""


@dataclass(frozen=True)
class Result:
    """``accuracy`` and ``gap``: way -> estimate; ``differences``: "a less b" -> measure ->
    estimate; ``pairs``: way -> how many of known truth there are in all."""

    seeds: int
    scale: float
    prompts: int
    pairs: dict[str, int]
    accuracy: dict[str, dict[str, Any]]
    gap: dict[str, dict[str, Any]]
    differences: dict[str, dict[str, dict[str, Any]]]

    @property
    def reached(self) -> bool:
        return all(is_above(self.differences[_name(*two)]["accuracy"]) for two in CLAIMED)

    def to_dict(self) -> dict[str, Any]:
        import unireward

        return {
            "reproduction": "unifiedreward-dpo-pairs",
            "unireward": unireward.__version__,
            "candidates": CANDIDATES,
            "world_seed": WORLD,
            "reached": self.reached,
            **asdict(self),
        }

    def lines(self) -> list[str]:
        said = [
            f"pairs of {CANDIDATES} candidates by the world's truth, 95 % intervals",
            f"{self.seeds} seeds of {self.prompts} prompts", "",
            row("pairs", ["number", "right label in %", "truth gap"]),
        ]  # fmt: skip
        for way in WAYS:
            told = self.gap[way]
            gap = f"{told['value']:+.2f} [{told['low']:+.2f}, {told['high']:+.2f}]"
            said.append(row(way, [str(self.pairs[way]), share(self.accuracy[way]), gap]))
        said += ["", "each seed's right labels in %"]
        for way in WAYS:
            values = self.accuracy[way]["by_seed"]
            said.append(f"{way:14}" + "  ".join(f"{100 * value:.1f}" for value in values))
        accuracies = {name: found["accuracy"] for name, found in self.differences.items()}
        said += _wide("right labels, points with 95 % interval", accuracies)
        verdict = "reached" if self.reached else "not reached"
        return [*said, "", f"sifted above ranked above random: {verdict}"]


def _wide(title: str, found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return listed(title, {f"{name:22}": one for name, one in found.items()})


def _name(one: str, other: str) -> str:
    return f"{one} less {other}"


def reproduce(
    out: Path,
    seeds: int,
    scale: float,
    workers: int,
    say: Callable[[str], None],
    bases: Mapping[str, str] = SHIPPED_ONES,
) -> Result:
    """Run whatever of it is not done yet; each seed's curation is resumable. No policy is asked,
    so ``bases`` may name none."""
    check_seeds(seeds)
    check_bases(bases, [])
    prompts = max(8, round(PROMPTS * scale))
    found: dict[int, list[Gaps]] = {}
    todo = {seed: (out, seed, prompts) for seed in range(1, seeds + 1)}
    for seed, gaps in each(workers, gaps_of_seed, todo):
        found[seed] = gaps
        sums = _rows(gaps).sum(axis=0)
        told = ", ".join(f"{way} {100 * _accuracy(sums, way):.1f} %" for way in WAYS)
        say(f"seed-{seed}: right labels {told}")
    result = collect([found[seed] for seed in sorted(found)], scale)
    write_result(out, result)
    return result


# One seed -------------------------------------------------------------------------------------


def gaps_of_seed(out: Path, seed: int, prompts: int) -> list[Gaps]:
    """The gaps of each of a seed's prompts."""
    folder = out / f"seed-{seed}"
    world = folder / f"world-{prompts}"
    if not (world / "records.jsonl").is_file():
        write_world(TASK, prompts, WORLD + seed, world, candidates=CANDIDATES)
    curated = curate(parse_config(config(folder, world / "records.jsonl", seed)))
    return [gaps_of(case, seed) for case in read_cases(curated.output)]


def config(folder: Path, records: Path, seed: int) -> dict[str, Any]:
    """The published steps, the truth written beside them."""
    return {
        "output": str(folder / "sifted"),
        "records": str(records),
        "judge": {"path": "tiny", "device": "cpu", "cache": False},
        "seed": seed,
        "steps": [{"verify": {"checker": "labels"}}, "pair_rank", "point_sift"],
    }


def gaps_of(case: Case, seed: int) -> Gaps:
    """Of a case that went through the curation: the pairs that each step made."""
    found: Gaps = {way: [] for way in WAYS}
    for pair in case.pairs:
        refused = pair.dropped is not None and pair.dropped.step == pair.step
        if pair.winner is not None and not refused:
            found[STEPS[pair.step]].append(_gap(case, *pair.sides))
    fresh = Case(prompt=case.prompt, candidates=case.candidates)
    for drawn in RandomPairs(CANDIDATES // 2, seed)([fresh]):
        found["random"] += [_gap(case, *pair.sides) for pair in drawn.kept]
    return found


def _gap(case: Case, chosen: str, rejected: str) -> float:
    return round(case.truth[chosen] - case.truth[rejected], 4)


# All seeds ------------------------------------------------------------------------------------


def collect(gaps: Sequence[Sequence[Gaps]], scale: float) -> Result:
    """The comparisons, of each seed's prompts."""
    rows = [_rows(of) for of in gaps]
    measures = {"accuracy": _accuracy, "gap": _mean_gap}
    gap = {way: pooled(rows, lambda sums, way=way: _mean_gap(sums, way)) for way in WAYS}
    accuracy = {way: _share(rows, way) for way in WAYS}
    differences = {
        _name(a, b): {
            name: pooled(rows, lambda sums, a=a, b=b, m=m: m(sums, a) - m(sums, b))
            for name, m in measures.items()
        }
        for a, b in COMPARED
    }
    number = {way: sum(len(one[way]) for of_seed in gaps for one in of_seed) for way in WAYS}
    return Result(len(gaps), scale, len(gaps[0]), number, accuracy, gap, differences)


def _share(rows: Sequence[np.ndarray], way: str) -> dict[str, Any]:
    """The accuracy of a way; draws of nothing but right pairs alone would have no width."""
    found = pooled(rows, lambda sums: _accuracy(sums, way))
    right, decided = np.concatenate(rows).sum(axis=0)[4 * WAYS.index(way) :][:2]
    least = wilson(right, int(decided))
    low, high = min(found["low"], least.low), max(found["high"], least.high)
    return {**found, "low": low, "high": high}


def _rows(gaps: Sequence[Gaps]) -> np.ndarray:
    """[prompts, ways x 4]: pairs that are right, that differ in truth, the sum of gaps, pairs."""
    return np.array(
        [
            [
                number
                for way in WAYS
                for number in (
                    sum(gap > 0 for gap in one[way]), sum(gap != 0 for gap in one[way]),
                    sum(one[way]), len(one[way]),
                )
            ]
            for one in gaps
        ],
        dtype=float,
    )  # fmt: skip


def _accuracy(sums: np.ndarray, way: str) -> float:
    return _ratio(sums, 4 * WAYS.index(way))


def _mean_gap(sums: np.ndarray, way: str) -> float:
    return _ratio(sums, 4 * WAYS.index(way) + 2)


def _ratio(sums: np.ndarray, at: int) -> float:
    """``nan`` where there is no pair."""
    above, below = sums[at : at + 2]
    return float(above / below) if below else float("nan")
