"""Options: each step as a config writes it, and how it is built.

::

    steps:
      - holdout: {prompts: held_out.jsonl}
      - sample: {n: 10}
      - pair_rank
      - point_sift: {form: sift}

The options are those of the step's class; ``judge`` names one of the config's judges.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field, FiniteFloat, NonNegativeInt, PositiveInt

from unireward.curation.agreement import Agreement
from unireward.curation.confidence_band import ConfidenceBand
from unireward.curation.holdout import Holdout
from unireward.curation.length_guard import LengthGuard
from unireward.curation.margin import Margin
from unireward.curation.means import Means
from unireward.curation.near_duplicates import NearDuplicates
from unireward.curation.pair_rank import PairRank
from unireward.curation.pass_band import PassBand
from unireward.curation.point_sift import PointSift
from unireward.curation.quota import PromptQuota
from unireward.curation.random_pairs import RandomPairs
from unireward.curation.rank_pairs import RankPairs, Take
from unireward.curation.sample import Sample
from unireward.curation.step import Step
from unireward.curation.verify import Verify
from unireward.data.near import BITS, TEXT
from unireward.record import Row


class StepOptions(Row):
    """A step of a config. ``kind`` is the word that it is written by."""

    kind: ClassVar[str]

    def build(self, means: Means) -> Step:
        raise NotImplementedError

    def given(self, *names: str) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names}


class SampleOptions(StepOptions):
    kind = "sample"
    n: PositiveInt | None = None
    seed: NonNegativeInt | None = None
    batch: PositiveInt | None = None

    def build(self, means: Means) -> Step:
        seed = means.seed if self.seed is None else self.seed
        return Sample(
            means.policy, self.n or means.n, seed,
            store=means.store, batch=self.batch, shape=means.shape,
        )  # fmt: skip


class HoldoutOptions(StepOptions):
    kind = "holdout"
    prompts: str | tuple[str, ...]
    media: bool = True

    def build(self, means: Means) -> Step:
        return Holdout(self.prompts, media=self.media)


class PairRankOptions(StepOptions):
    kind = "pair_rank"
    judge: str | None = None
    pairs: str = "disjoint"
    both_orders: bool = True

    def build(self, means: Means) -> Step:
        return PairRank(
            means.judge(self.judge), self.pairs, both_orders=self.both_orders, seed=means.seed
        )


class PointSiftOptions(StepOptions):
    kind = "point_sift"
    judge: str | None = None
    form: str | None = None
    aspect: str | None = None

    def build(self, means: Means) -> Step:
        judge = means.judge(self.judge)
        return PointSift(judge, form=self.form, aspect=self.aspect, seed=means.seed)


class RankPairsOptions(StepOptions):
    kind = "rank_pairs"
    judge: str | None = None
    scheme: str = "all"
    budget: PositiveInt | None = None
    confidence: FiniteFloat | None = Field(default=None, gt=0.5, lt=1)
    take: Take = "extremes"
    both_orders: bool = True

    def build(self, means: Means) -> Step:
        given = self.given("budget", "confidence", "take", "both_orders")
        return RankPairs(means.judge(self.judge), self.scheme, **given, seed=means.seed)


class AgreementOptions(StepOptions):
    kind = "agreement"
    judge: str
    both_orders: bool = True

    def build(self, means: Means) -> Step:
        return Agreement(means.judge(self.judge), both_orders=self.both_orders)


class MarginOptions(StepOptions):
    kind = "margin"
    min: FiniteFloat = 0.0
    max: FiniteFloat = 1.0

    def build(self, means: Means) -> Step:
        return Margin(self.min, self.max)


class ConfidenceBandOptions(StepOptions):
    kind = "confidence_band"
    low: FiniteFloat = 0.5
    high: FiniteFloat = 1.0

    def build(self, means: Means) -> Step:
        return ConfidenceBand(self.low, self.high)


class LengthGuardOptions(StepOptions):
    kind = "length_guard"
    max_ratio: FiniteFloat = 1.5
    min_ratio: FiniteFloat = 0.0

    def build(self, means: Means) -> Step:
        return LengthGuard(self.max_ratio, self.min_ratio)


class NearDuplicatesOptions(StepOptions):
    kind = "near_duplicates"
    text: FiniteFloat = TEXT
    bits: int = BITS
    across: bool = True

    def build(self, means: Means) -> Step:
        return NearDuplicates(self.text, self.bits, self.across)


class PromptQuotaOptions(StepOptions):
    kind = "prompt_quota"
    n: PositiveInt = 1
    key: str | None = None

    def build(self, means: Means) -> Step:
        return PromptQuota(self.n, self.key)


class VerifyOptions(StepOptions):
    kind = "verify"
    checker: str
    select: bool = False

    def build(self, means: Means) -> Step:
        return Verify(self.checker, select=self.select)


class PassBandOptions(StepOptions):
    kind = "pass_band"
    low: FiniteFloat = 0.1
    high: FiniteFloat = 0.9
    threshold: FiniteFloat = 0.5
    of: Literal["truth", "score"] = "truth"

    def build(self, means: Means) -> Step:
        return PassBand(self.low, self.high, threshold=self.threshold, of=self.of)


class RandomPairsOptions(StepOptions):
    kind = "random_pairs"
    n: PositiveInt = 1

    def build(self, means: Means) -> Step:
        return RandomPairs(self.n, means.seed)


KINDS: dict[str, type[StepOptions]] = {
    options.kind: options
    for options in (
        HoldoutOptions, SampleOptions, PairRankOptions, PointSiftOptions, RankPairsOptions,
        RandomPairsOptions, AgreementOptions, MarginOptions, ConfidenceBandOptions,
        LengthGuardOptions, NearDuplicatesOptions, PromptQuotaOptions, VerifyOptions,
        PassBandOptions,
    )
}  # fmt: skip
MAKERS = ("pair_rank", "rank_pairs", "random_pairs")
"""Steps that make pairs: one of them has to be there."""
CHOOSERS = (
    "point_sift", "agreement", "margin", "confidence_band", "length_guard", "near_duplicates",
    "prompt_quota",
)  # fmt: skip
"""Steps that choose among the pairs there are."""
