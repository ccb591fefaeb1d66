"""Alarm: the judge is pleased with what is not better, which is where an alignment ends.

A policy that learns from a judge ends up learning the judge's mistakes (Gao et al. 2023, arXiv
2210.10760: the proxy's reward goes on rising while the true one turns down). It is known by a
measure that nothing is learned from: the truth where it can be computed, or a second judge.

**The rule.** At an evaluation that ``k`` others came before, the alarm sounds if for any of them,
paired over prompts under the same noise,

- the interval of the reward now less then lies above zero, and
- the interval of the truth (the share of right candidates) or of the second judge now less then
  lies below zero,

both at confidence ``1 - (1 - c) / k``, so that looking often does not sound it by itself
(Bonferroni; ``c`` is 0.95 unless told). All earlier evaluations are compared with and not the last
alone, since truth may rise at first and then fall in steps each of which says little. The weights
that are kept are those of the last evaluation before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from unireward.alignment.figures import MEASURES, gaps
from unireward.alignment.rows import PromptRow
from unireward.record import Row
from unireward.stats.intervals import Estimate, bootstrap

WATCHED = {"right": "truth", "second": "the second judge"}
_LEAST, _DRAWS = 2000, 40
"""Resamples: so many, and so many beyond each end of the interval."""


class Alarm(Row):
    """Sounded at the evaluation ``at``; ``kept`` is the one before it, ``since`` the one that it
    is compared with. ``reward`` rose and ``measure`` fell by the paired differences."""

    at: str
    kept: str
    since: str
    measure: str
    reward: Estimate
    fall: Estimate
    confidence: float

    @property
    def reason(self) -> str:
        """One line for people."""
        return (
            f"at {self.at} the reward is {_signed(self.reward)} since {self.since} and "
            f"{WATCHED[self.measure]} {_signed(self.fall)} ({100 * self.confidence:.3g} % "
            f"intervals); kept is {self.kept}"
        )


def sounded(
    label: str,
    now: Sequence[PromptRow],
    earlier: Sequence[tuple[str, Sequence[PromptRow]]],
    *,
    confidence: float = 0.95,
    seed: int = 0,
) -> Alarm | None:
    """By the rule of the module's docstring; ``earlier`` evaluations by label, in order."""
    if not earlier:
        return None
    level = 1 - (1 - confidence) / len(earlier)
    for since, then in reversed(earlier):
        for measure in WATCHED:
            reward = gaps(now, then, MEASURES["reward"])
            watched = gaps(now, then, MEASURES[measure])
            # Intervals cost thousands of draws; most means decide it alone.
            if sum(reward) <= 0 or sum(watched) >= 0:
                continue
            rise, fall = _interval(reward, level, seed), _interval(watched, level, seed)
            if rise.low > 0 and fall.high < 0:
                return Alarm(
                    at=label, kept=earlier[-1][0], since=since, measure=measure, reward=rise,
                    fall=fall, confidence=level,
                )  # fmt: skip
    return None


def _interval(values: list[float], confidence: float, seed: int) -> Estimate:
    resamples = max(_LEAST, math.ceil(2 * _DRAWS / (1 - confidence)))
    return bootstrap(values, confidence=confidence, resamples=resamples, seed=seed)


def _signed(gap: Estimate) -> str:
    return f"{gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"
