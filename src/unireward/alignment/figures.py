"""Figures: what one evaluation comes to, and how it differs from another of the same prompts.

A mean is over candidates, its interval a bootstrap over prompts, since candidates of one prompt
are not independent (Wilson's for a share where each prompt has one). A difference is paired: of
each prompt the mean over the candidates that both have read, under the same noise, and a bootstrap
over prompts. What was not read or not made is in no mean and is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from pydantic import Field

from unireward.alignment.diversity import entropies, ratio
from unireward.alignment.rows import PromptRow, SampleRow
from unireward.record import Row
from unireward.stats.intervals import Estimate, bootstrap, wilson

Measure = Callable[[SampleRow], "float | None"]
RESAMPLES = 1000


def reward(sample: SampleRow) -> float | None:
    return sample.reward


def second(sample: SampleRow) -> float | None:
    return sample.second


def share(sample: SampleRow) -> float | None:
    return sample.share


def right(sample: SampleRow) -> float | None:
    return None if sample.right is None else float(sample.right)


def fact(name: str) -> Measure:
    return lambda sample: sample.facts.get(name)


MEASURES: dict[str, Measure] = {"reward": reward, "second": second, "right": right}


class Figures(Row):
    """``asked`` candidates of which ``made`` were made; ``win`` is the share won against the
    start, a tie half; ``diversity`` is bits by open choice among right candidates, ``spread`` its
    ratio to the start's; ``differences`` are paired, to the start, by measure (a fact's is
    ``fact NAME``). ``statuses`` are judgments by what was asked, ``unread`` the candidates that a
    policy picking among several could not read its judge's reply on."""

    prompts: int
    asked: int
    made: int
    left_out: dict[str, int] = Field(default_factory=dict)
    reward: Estimate | None = None
    win: Estimate | None = None
    second: Estimate | None = None
    right: Estimate | None = None
    facts: dict[str, Estimate] = Field(default_factory=dict)
    diversity: dict[str, float] = Field(default_factory=dict)
    spread: Estimate | None = None
    differences: dict[str, Estimate] = Field(default_factory=dict)
    statuses: dict[str, dict[str, int]] = Field(default_factory=dict)
    unread: int = 0
    calls: int = 0
    cached: int = 0
    tokens: int = 0


def figures_of(
    rows: Sequence[PromptRow], start: Sequence[PromptRow] | None, *, seed: int = 0
) -> Figures:
    """Of an evaluation, ``start`` being that of the policy as it was (None: this is it)."""
    samples = [sample for row in rows for sample in row.samples.values()]
    names = list(dict.fromkeys(name for sample in samples for name in sample.facts))
    facts = {name: mean(rows, fact(name), seed=seed) for name in names}
    measures = {**MEASURES, **{f"fact {name}": fact(name) for name in names}}
    found = {n: difference(rows, start, m, seed=seed) for n, m in measures.items()} if start else {}
    left_out = Counter(reason for row in rows for reason in row.left_out.values())
    return Figures(
        prompts=len(rows),
        asked=len(samples) + left_out.total(),
        made=len(samples),
        left_out=dict(left_out.most_common()),
        reward=mean(rows, reward, seed=seed),
        win=mean(rows, share, seed=seed),
        second=mean(rows, second, seed=seed),
        right=mean(rows, right, seed=seed, is_share=True),
        facts={name: one for name, one in facts.items() if one is not None},
        diversity=entropies([_chosen(row) for row in rows]),
        spread=_spread(rows, start, seed) if start else None,
        differences={name: one for name, one in found.items() if one is not None},
        statuses=_statuses(samples),
        unread=sum(row.unread for row in rows),
        calls=sum(row.calls for row in rows),
        cached=sum(row.cached for row in rows),
        tokens=sum(row.tokens for row in rows),
    )


def mean(
    rows: Sequence[PromptRow], measure: Measure, *, seed: int = 0, is_share: bool = False
) -> Estimate | None:
    """None where nothing was read."""
    read = [[v for s in row.samples.values() if (v := measure(s)) is not None] for row in rows]
    read = [values for values in read if values]
    if not read:
        return None
    if is_share and all(len(values) == 1 for values in read):
        return wilson(sum(values[0] for values in read), len(read))
    sums = np.array([(sum(values), len(values)) for values in read])
    found = bootstrap(
        sums, lambda rows: float(rows[:, 0].sum() / rows[:, 1].sum()), resamples=RESAMPLES,
        seed=seed,
    )  # fmt: skip
    return Estimate(found.value, found.low, found.high, int(sums[:, 1].sum()))


def gaps(now: Sequence[PromptRow], then: Sequence[PromptRow], measure: Measure) -> list[float]:
    """Now less then, a number a prompt that has candidates read in both."""
    before = {row.record: row for row in then}
    found = []
    for row in now:
        if row.record not in before:
            continue
        old = before[row.record].samples
        both = [
            (value, past)
            for name, sample in row.samples.items()
            if name in old
            and (value := measure(sample)) is not None
            and (past := measure(old[name])) is not None
        ]
        if both:
            found.append(sum(value - past for value, past in both) / len(both))
    return found


def difference(
    now: Sequence[PromptRow],
    then: Sequence[PromptRow],
    measure: Measure,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Estimate | None:
    """Paired over prompts; None where no prompt was read in both."""
    found = gaps(now, then, measure)
    if not found:
        return None
    return bootstrap(found, confidence=confidence, resamples=resamples, seed=seed)


def _spread(rows: Sequence[PromptRow], start: Sequence[PromptRow], seed: int) -> Estimate | None:
    before = {row.record: row for row in start}
    both = [row for row in rows if row.record in before]
    return ratio(
        [_chosen(row) for row in both], [_chosen(before[row.record]) for row in both], seed=seed
    )


def _chosen(row: PromptRow) -> list[dict[str, tuple[str, ...]]]:
    return [sample.open for sample in row.samples.values() if sample.right and sample.open]


def _statuses(samples: Sequence[SampleRow]) -> dict[str, dict[str, int]]:
    counts = {
        "judge": Counter(s.status for s in samples if s.status),
        "against the start": Counter(s.share_status for s in samples if s.share_status),
        "second judge": Counter(s.second_status for s in samples if s.second_status),
    }
    return {name: dict(count.most_common()) for name, count in counts.items() if count}
