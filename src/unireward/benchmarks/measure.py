"""Measure: what was said, held to what is true, as estimates under ``set/way/metric``.

=====================  ======================================================================
``accuracy``           by the protocol; ``accuracy_GROUP_VALUE`` of one level, kind, category
``accuracy_with_ties`` all pairs; a true tie must be called one; an unread reply is wrong
``ties``, ``unread``   shares of judged ties among read pairs, of unread ones among all
``order_agreement``    how often both orders have the same winner
``ece``                expected calibration error where truth differs, ten bins of equal width
``text_only`` ...      the baselines (:mod:`unireward.benchmarks.baselines`)
``alignment_spearman`` candidates alone: rank correlation with the truth, by dimension
=====================  ======================================================================

What cannot be measured (nothing read, a constant judge) has no entry: no number is made up.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from unireward.benchmarks.baselines import blind_accuracy, idle_accuracies
from unireward.benchmarks.benchmark import Rules, Truth
from unireward.benchmarks.run import Said
from unireward.judgment import STATUSES
from unireward.record import TIE
from unireward.stats import (
    Bin,
    Estimate,
    accuracy,
    bootstrap,
    expected_calibration_error,
    position_agreement,
    reliability,
    spearman,
    wilson,
)

BINS = 10
RESAMPLES = 500
_OVERALL = "overall"
Metrics = dict[str, Estimate]


def pair_metrics(truths: Sequence[Truth], said: Sequence[Said], rules: Rules) -> Metrics:
    """Of pairs asked one way."""
    winners, true = [one.winner for one in said], [truth.winner for truth in truths]
    found: dict[str, Estimate | None] = {"accuracy": rules.accuracy(winners, true)}
    for name, places in _groups(truths):
        found[name] = rules.accuracy([winners[k] for k in places], [true[k] for k in places])
    found["accuracy_with_ties"] = accuracy(winners, true, unread=rules.unread)
    read = [winner for winner in winners if winner is not None]
    found["ties"] = wilson(read.count(TIE), len(read)) if read else None
    found["unread"] = _unread(said)
    found["order_agreement"] = position_agreement(one.agreement for one in said)
    found["ece"] = calibration_error(confidences(truths, said))
    return _known(found)


def _groups(truths: Sequence[Truth]) -> Iterator[tuple[str, list[int]]]:
    """``accuracy_level_1`` and the places that belong to it, for each group's each value."""
    for group in dict.fromkeys(key for truth in truths for key in truth.groups):
        values = sorted({t.groups[group] for t in truths if group in t.groups})
        if len(values) < 2:
            continue  # the same as the whole
        for value in values:
            name = f"accuracy_{group}_{value}".replace("-", "_").replace(" ", "_")
            yield name, [k for k, truth in enumerate(truths) if truth.groups.get(group) == value]


def _unread(said: Sequence[Said]) -> Estimate | None:
    return wilson(sum(one.status != "ok" for one in said), len(said)) if said else None


def _known(found: Mapping[str, Estimate | None]) -> Metrics:
    return {name: got for name, got in found.items() if got is not None}


def baseline_metrics(truths: Sequence[Truth], blind: Mapping[str, Sequence[Said]]) -> Metrics:
    """Of the judge shown less (``blind``, by name), and of what looks at nothing."""
    shown = {
        name: blind_accuracy([one.winner for one in said], truths) for name, said in blind.items()
    }
    return {**_known(shown), **idle_accuracies(truths)}


def single_metrics(truths: Sequence[Truth], said: Sequence[Said]) -> Metrics:
    """Of candidates scored alone. A dimension of the judge's is held to the truth's of that name
    or ending in it (``text_to_video_alignment``); ``overall`` is the score where it has none."""
    found: dict[str, Estimate | None] = {}
    names = list(dict.fromkeys(n for t in truths for row in t.scores.values() for n in row))
    for name in names:
        rows = [
            (given, true)
            for truth, one in zip(truths, said)
            if (true := truth.scores.get(truth.ids[0], {}).get(name)) is not None
            and (given := _given(one, truth.ids[0], name)) is not None
        ]
        if rows:
            found[f"{name}_spearman"] = spearman([g for g, _ in rows], [t for _, t in rows])
    found["unread"] = _unread(said)
    return _known(found)


def _given(said: Said, candidate: str, name: str) -> float | None:
    exact = said.dimensions.get(name)
    alike = [row for key, row in said.dimensions.items() if key.endswith(f"_{name}")]
    row = exact if exact is not None else alike[0] if len(alike) == 1 else {}
    if candidate in row:
        return row[candidate]
    return said.scores.get(candidate) if name == _OVERALL else None


# Calibration --------------------------------------------------------------------------------


def confidences(truths: Sequence[Truth], said: Sequence[Said]) -> list[tuple[float, bool]]:
    """Each verdict's confidence and whether it was right, where truth differs."""
    return [
        (one.confidence, one.winner == truth.winner)
        for truth, one in zip(truths, said)
        if one.confidence is not None and truth.winner not in (None, TIE)
    ]


def bins_of(rows: Sequence[tuple[float, bool]]) -> list[Bin]:
    # A mean of probabilities may be a rounding error above 1.
    return reliability([min(c, 1.0) for c, _ in rows], [right for _, right in rows], BINS)


def calibration_error(rows: Sequence[tuple[float, bool]]) -> Estimate | None:
    """With a bootstrapped interval. Resampling adds noise of its own to an error that is never
    negative, so the interval leans upward; None where no verdict has a confidence."""
    if not rows:
        return None

    def error(drawn: np.ndarray) -> float:
        # By the same bins as ``reliability``: an edge belongs to the lower one.
        edges = np.arange(1, BINS) / BINS
        place = np.searchsorted(edges, drawn[:, 0], side="left")
        gaps = np.bincount(place, weights=drawn[:, 1] - drawn[:, 0], minlength=BINS)
        return float(np.abs(gaps).sum() / len(drawn))

    table = np.array([(min(c, 1.0), float(right)) for c, right in rows])
    spread = bootstrap(table, error, resamples=RESAMPLES)
    value = expected_calibration_error(bins_of(rows))
    assert value is not None
    assert math.isclose(value, spread.value, abs_tol=1e-9)
    return spread


# Over tasks -----------------------------------------------------------------------------------


def mean_over(estimates: Sequence[Estimate]) -> Estimate | None:
    """The plain mean of independent shares; its interval squares and adds their own distances.

    Newcombe 1998 for a difference, Zou and Donner 2008 for any sum ("MOVER"). ``n`` is the sum.
    """
    if not estimates:
        return None
    count = len(estimates)
    value = math.fsum(one.value for one in estimates) / count
    below = math.sqrt(math.fsum((one.value - one.low) ** 2 for one in estimates)) / count
    above = math.sqrt(math.fsum((one.high - one.value) ** 2 for one in estimates)) / count
    return Estimate(value, value - below, value + above, sum(one.n for one in estimates))


def statuses_of(parts: Sequence[Sequence[Said]]) -> dict[str, int]:
    counts = Counter(one.status for said in parts for one in said)
    return {name: counts[name] for name in STATUSES if counts[name]}
