"""UnifiedReward by DPO: pairs by the world's truth."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from recipes.unifiedreward_dpo import pairs
from recipes.unifiedreward_dpo.pairs import CANDIDATES, Gaps, gaps_of, gaps_of_seed
from unireward.curation import Case
from unireward.curation.case import Dropped, Pair
from unireward.prompt import Prompt
from unireward.record import Candidate, Part


def test_pairs_of_each_step_are_counted_whoever_dropped_them_later() -> None:
    names = [f"c{k}" for k in range(6)]
    tie = Dropped(step="pair_rank", reason="tie")
    ranked = [
        Pair(between=("c0", "c1"), winner="c0", step="pair_rank"),
        Pair(between=("c2", "c3"), winner="c3", step="pair_rank"),
        Pair(between=("c4", "c5"), step="pair_rank", dropped=tie),
    ]
    case = Case(
        prompt=Prompt(id="p", task="image_generation", prompt=(Part.of_text("x"),)),
        candidates=tuple(Candidate(id=n, content=(Part.of_text(n),)) for n in names),
        truth={"c0": 5.0, "c1": 3.0, "c2": 4.0, "c3": 1.0, "c4": 2.0, "c5": 2.0},
        pairs=tuple(ranked),
    )
    sifted = Pair(between=("c0", "c2"), winner="c0", step="point_sift")
    case = case.paired_anew("point_sift", [sifted])
    found = gaps_of(case, seed=1)
    assert (found["ranked"], found["sifted"]) == ([2.0, -3.0], [1.0])
    assert len(found["random"]) == CANDIDATES // 2
    refused = case.pairs[-1].without("point_sift", "score is not greater")
    found = gaps_of(case.model_copy(update={"pairs": (*case.pairs[:-1], refused)}), seed=1)
    assert found["sifted"] == []


def gaps(rng: np.random.Generator, rates: Mapping[str, float]) -> Gaps:
    numbers = {"sifted": 1, "ranked": 5, "random": 5}
    return {
        way: [2.0 if rng.random() < rates[way] else -1.0 for _ in range(number)]
        for way, number in numbers.items()
    }


def test_pairs_are_better_or_they_are_not() -> None:
    def result(**rates: float) -> pairs.Result:
        rng = np.random.default_rng(0)
        return pairs.collect([[gaps(rng, rates) for _ in range(160)] for _ in range(3)], 1.0)

    good = result(sifted=1.0, ranked=0.85, random=0.5)
    assert good.reached
    assert good.pairs == {"sifted": 480, "ranked": 2400, "random": 2400}
    # Nothing but right pairs is no certainty.
    assert (good.accuracy["sifted"]["value"], good.accuracy["sifted"]["high"]) == (1.0, 1.0)
    assert good.accuracy["sifted"]["low"] == pytest.approx(480 / (480 + 1.96**2), abs=1e-4)
    assert good.gap["ranked"]["value"] == pytest.approx(3 * good.accuracy["ranked"]["value"] - 1)
    difference = good.differences["sifted less ranked"]
    assert difference["accuracy"]["value"] == pytest.approx(1 - good.accuracy["ranked"]["value"])
    assert good.lines()[-1] == "sifted above ranked above random: reached"
    same = result(sifted=0.8, ranked=0.8, random=0.5)
    assert not same.reached
    assert json.loads(json.dumps(same.to_dict()))["reached"] is False


def test_the_tiny_judge_s_sifted_pairs_are_right(tmp_path: Path) -> None:
    found = gaps_of_seed(tmp_path, 1, 5)
    assert len(found) == 5
    sifted = [gap for one in found for gap in one["sifted"]]
    ranked = [gap for one in found for gap in one["ranked"]]
    assert len(sifted) == 5
    assert min(sifted) > 0
    assert np.mean(sifted) > np.mean(ranked) + 0.5 > 1
    assert all(len(one["random"]) == 5 for one in found)
    before = (tmp_path / "seed-1/sifted/counts.json").stat().st_mtime_ns
    assert gaps_of_seed(tmp_path, 1, 5) == found  # from what lies there
    assert (tmp_path / "seed-1/sifted/counts.json").stat().st_mtime_ns == before
