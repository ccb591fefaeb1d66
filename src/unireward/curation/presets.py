"""Presets: steps that belong together, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unireward.curation.pair_rank import PairRank
from unireward.curation.point_sift import PointSift
from unireward.curation.sample import Keeper, Sample
from unireward.curation.step import Step

if TYPE_CHECKING:
    from unireward.protocols import Policy

PRESETS: dict[str, list[dict[str, dict[str, Any]]]] = {
    "published": [{"sample": {}}, {"pair_rank": {"pairs": "disjoint"}}, {"point_sift": {}}],
    "pair-rank-only": [{"sample": {}}, {"pair_rank": {"pairs": "disjoint"}}],
    "random": [{"sample": {}}, {"random_pairs": {}}],
}
"""What a config's ``steps`` may name: UnifiedReward's preference data, and the two controls that
it is held against."""


def published(
    policy: Policy,
    judge: Any,
    n: int = 10,
    seed: int = 0,
    *,
    form: str | None = None,
    store: Keeper | None = None,
) -> list[Step]:
    """UnifiedReward's preference data (Wang et al. 2025, arXiv 2503.05236): ``n``
    candidates, n / 2 disjoint pairs ranked, the best winner against the worst loser by point
    score, kept only if strictly greater. ``form`` names the family's form of the point score.
    """
    return [
        Sample(policy, n, seed, store=store),
        PairRank(judge),
        PointSift(judge, form=form, seed=seed),
    ]
