"""Records to better records: candidates are sampled, judged, paired, sifted and held to rules.

::

    from unireward.curation import Case, chain, published

    steps = published(policy, judge, n=10, seed=0)          # sample, pair_rank, point_sift
    for case in chain(steps)(Case(prompt=prompt) for prompt in prompts):
        case.kept, case.dropped                             # pairs, or why there is none

A step is ``step(cases) -> iterator of cases``: lazy, in order, in memory that does not grow.
Whoever is dropped goes through the steps behind untouched, so that all are counted and can be
looked at. :func:`curate` does the same on disk, resumably, as a config says it.
"""

from __future__ import annotations

from unireward.curation.agreement import Agreement
from unireward.curation.case import Case, Dropped, Pair
from unireward.curation.confidence_band import ConfidenceBand
from unireward.curation.config import CurateConfig, load_config
from unireward.curation.holdout import Holdout
from unireward.curation.length_guard import LengthGuard
from unireward.curation.margin import Margin
from unireward.curation.measure import Measured, measure_pairs
from unireward.curation.near_duplicates import NearDuplicates
from unireward.curation.pair_rank import PairRank
from unireward.curation.pass_band import PassBand
from unireward.curation.point_sift import PointSift
from unireward.curation.presets import published
from unireward.curation.quota import PromptQuota
from unireward.curation.random_pairs import RandomPairs
from unireward.curation.rank_pairs import RankPairs
from unireward.curation.run import curate
from unireward.curation.sample import Sample
from unireward.curation.step import Step, chain
from unireward.curation.verify import Verify

__all__ = [
    "Agreement",
    "Case",
    "ConfidenceBand",
    "CurateConfig",
    "Dropped",
    "Holdout",
    "LengthGuard",
    "Margin",
    "Measured",
    "NearDuplicates",
    "Pair",
    "PairRank",
    "PassBand",
    "PointSift",
    "PromptQuota",
    "RandomPairs",
    "RankPairs",
    "Sample",
    "Step",
    "Verify",
    "chain",
    "curate",
    "load_config",
    "measure_pairs",
    "published",
]
