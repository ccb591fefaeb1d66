"""Bradley-Terry: strengths of items from who beat whom, with intervals and the order's bias.

    fit = fit_bradley_terry(Comparisons.from_rows(rows))
    fit.strengths                  # log scale, summing to 0: a difference of 1 is odds of e
    fit.intervals(0.95)            # an Estimate each
    fit.probability(0, 1)          # that item 0 is preferred to item 1, the order's bias removed
    fit.order_bias                 # log odds that being shown first is worth

Newman's iteration (Newman 2023, "Efficient computation of rankings from pairwise comparisons",
arXiv 2207.00076), all items at once, its step halved where that would swing to and fro; then
Newton's steps on the observed information, where its inverse is wanted as the covariance, and on
comparison graphs that are long chains, where any iteration of this kind crawls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from unireward.errors import InputError
from unireward.stats.comparisons import Comparisons, reached
from unireward.stats.intervals import Estimate, normal_quantile
from unireward.stats.likelihood import Likelihood, Place

TOLERANCE = 1e-10
"""Of the largest step in log strength at which a fit has converged."""
SWEEPS = 10_000
"""Of the iteration, of more items than Newton's steps are made for."""
_SWEEPS_BEFORE = 200
MAX_COVARIANCE = 4_000
"""Items beyond which the covariance (its square in memory, its cube in time) is refused."""
_FAR = 40.0
"""Log odds that only a strength on its way to infinity has."""


@dataclass(frozen=True, eq=False)
class StrengthFit:
    """``strengths`` [N] on the log scale, summing to 0; ``covariance`` [N, N] on that plane, from
    the observed Fisher information (None if not asked for); ``counts`` [N] the weight of
    comparisons that each item was in; ``components`` the groups that comparisons link, by name,
    more than one only under a prior, which alone then says how they stand to each other.
    ``order_bias`` in log odds for the one shown first, ``ties`` Davidson's parameter (odds of a
    tie between equals to a win of one of them: 1 makes three equal parts); None where not fitted.
    Their errors are standard errors, that of ``ties`` in its logarithm."""

    names: tuple[str, ...]
    strengths: np.ndarray
    covariance: np.ndarray | None
    counts: np.ndarray
    iterations: int
    converged: bool
    log_likelihood: float
    components: tuple[tuple[str, ...], ...]
    order_bias: float | None = None
    order_bias_error: float | None = None
    ties: float | None = None
    ties_error: float | None = None

    def intervals(self, confidence: float = 0.95) -> list[Estimate]:
        """Strengths with normal intervals, each ``n`` the whole comparisons of that item."""
        half = normal_quantile(confidence) * np.sqrt(np.diag(self._covariance()).clip(0))
        return [
            Estimate(float(s), float(s - h), float(s + h), int(n))
            for s, h, n in zip(self.strengths, half, self.counts)
        ]

    def order_bias_interval(self, confidence: float = 0.95) -> Estimate:
        """The bias with its normal interval. Raises InputError where it was not fitted."""
        if self.order_bias is None or self.order_bias_error is None:
            raise InputError("this fit has no order bias with an error; set order_bias=True")
        half = normal_quantile(confidence) * self.order_bias_error
        value = self.order_bias
        return Estimate(value, value - half, value + half, round(self.counts.sum() / 2))

    def ties_interval(self, confidence: float = 0.95) -> Estimate:
        """Davidson's parameter; the interval is normal in its logarithm."""
        if self.ties is None or self.ties_error is None:
            raise InputError("this fit has no ties with an error; use fit_davidson")
        by = math.exp(normal_quantile(confidence) * self.ties_error)
        return Estimate(self.ties, self.ties / by, self.ties * by, round(self.counts.sum() / 2))

    def above(self, item: int, other: int) -> float:
        """How sure it is that ``item`` is stronger than ``other``, in [0, 1]."""
        c = self._covariance()
        spread = math.sqrt(max(c[item, item] + c[other, other] - 2 * c[item, other], 1e-300))
        return NormalDist().cdf(float(self.strengths[item] - self.strengths[other]) / spread)

    def _covariance(self) -> np.ndarray:
        if self.covariance is None:
            raise InputError("this fit has no covariance; fit again with covariance=True")
        return self.covariance

    def probability(self, item: int, other: int) -> float:
        """Expected share of ``item`` against ``other`` (a win and half of a tie), free of the
        order's bias."""
        nu = 0.0 if self.ties is None else self.ties / 2
        x = abs(float(self.strengths[item] - self.strengths[other]))
        small, tie = np.exp(-x), 2 * nu * np.exp(-x / 2)
        share = (1 + tie / 2) / (1 + small + tie)
        return float(share if self.strengths[item] >= self.strengths[other] else 1 - share)

    def order(self) -> list[int]:
        """Items from strongest; equal ones by index."""
        return [int(k) for k in np.argsort(-self.strengths, kind="stable")]


def fit_bradley_terry(
    comparisons: Comparisons,
    *,
    prior: float = 0.0,
    order_bias: bool = True,
    covariance: bool = True,
) -> StrengthFit:
    """Most likely strengths; a tie counts half a win each, probabilities as shares of a win.

    ``prior`` is wins and as many losses that each item gets against an item of strength 0
    (Newman's virtual player; 0.5 to 1 is usual). Raises InputError where no finite strengths
    exist without one: groups that were never compared, or items that won all they were in; and
    where the orders shown cannot tell bias from strength.
    """
    return fit_strengths(
        comparisons, prior=prior, order_bias=order_bias, ties=False, covariance=covariance
    )


def fit_strengths(
    comparisons: Comparisons,
    *,
    prior: float,
    order_bias: bool,
    ties: bool,
    covariance: bool,
) -> StrengthFit:
    """What :func:`fit_bradley_terry` and :func:`fit_davidson` share."""
    rows = comparisons.merged()
    _check(rows, prior, covariance)
    groups = _groups(rows, prior)
    model = Likelihood(rows, bias=order_bias, ties=ties, prior=prior)
    _check_free(model)
    place = Place(np.zeros(model.n), 0.0, 0.0 if ties else -np.inf)
    solvable = model.n <= MAX_COVARIANCE
    place, sweeps, converged = _iterate(model, place, _SWEEPS_BEFORE if solvable else SWEEPS)
    inverse = None
    if covariance or (solvable and not converged):
        place, inverse, more, converged = _finish(model, place)
        sweeps += more
    spread = max(np.ptp(place.strengths), abs(place.bias), abs(place.log_tie) if ties else 0.0)
    if not converged and (not np.isfinite(spread) or spread > _FAR):
        raise InputError(
            "the most likely strengths or order bias are infinite; set prior=1, or "
            "order_bias=False, or compare more pairs in both orders"
        )
    kept = inverse if covariance else None
    return _told(rows, model, place, kept, sweeps, converged, groups)


def bayesian_bootstrap(
    comparisons: Comparisons,
    fit: StrengthFit,
    *,
    prior: float = 0.0,
    confidence: float = 0.95,
    resamples: int = 200,
    seed: int = 0,
) -> list[Estimate]:
    """Percentile intervals of ``fit``'s strengths over comparisons weighed anew.

    Rubin's (1981) bootstrap: exponential weights rather than draws with replacement, which would
    leave items out and tear the graph apart. Give a row a call. Unlike the information it does
    not trust the model's own spread, so it is the narrower one where a judge gives
    probabilities. Same seed, same intervals. Raises InputError as the fit does.
    """
    normal_quantile(confidence)
    rng = np.random.default_rng(seed)
    draws = np.empty((resamples, len(fit.names)))
    for k in range(resamples):
        again = comparisons.weighted(rng.exponential(size=len(comparisons)))
        draws[k] = fit_strengths(
            again, prior=prior, order_bias=fit.order_bias is not None,
            ties=fit.ties is not None, covariance=False,
        ).strengths  # fmt: skip
    low, high = np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return [
        Estimate(float(s), min(float(s), float(a)), max(float(s), float(b)), int(n))
        for s, a, b, n in zip(fit.strengths, low, high, fit.counts)
    ]


def _check(rows: Comparisons, prior: float, covariance: bool) -> None:
    if not (np.isfinite(prior) and prior >= 0):
        raise InputError(f"prior is {prior}; give a number of wins from 0")
    if len(rows.names) < 2 or not len(rows):
        raise InputError("a fit needs two items and a comparison that was read")
    if covariance and len(rows.names) > MAX_COVARIANCE:
        raise InputError(
            f"a covariance of {len(rows.names):,} items is over the limit of "
            f"{MAX_COVARIANCE:,}; set covariance=False"
        )


def _groups(rows: Comparisons, prior: float) -> tuple[tuple[str, ...], ...]:
    """Components by name; refused without a prior where strengths would be infinite (Ford 1957:
    finite if and only if wins lead from every item to every other)."""
    found = rows.components()
    groups = tuple(tuple(rows.names[k] for k in group) for group in found)
    if prior > 0:
        return groups
    if len(found) > 1:
        raise InputError(
            f"the comparisons fall into {len(found)} groups that never met: "
            f"{'; '.join(_listed(group) for group in groups[:4])}{'; ...' * (len(groups) > 4)}; "
            "compare across them or set prior=1"
        )
    won, lost = rows.wins + rows.ties > 0, rows.losses + rows.ties > 0
    winner = np.concatenate([rows.first[won], rows.second[lost]])
    loser = np.concatenate([rows.second[won], rows.first[lost]])
    n = len(rows.names)
    beaten = reached(winner, loser, start=0, items=n)
    beating = reached(loser, winner, start=0, items=n)
    for cut in (beaten, ~beating):
        if not cut.any() or cut.all():
            continue
        # Nobody in the cut ever beat anybody outside it; the smaller side is named.
        few, who = (cut, "never beat") if 2 * cut.sum() <= n else (~cut, "never lost to")
        raise InputError(
            f"{_listed([rows.names[k] for k in np.flatnonzero(few)])} {who} any of the others, so "
            "the most likely strengths are infinite; set prior=1 or compare more"
        )
    return groups


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _check_free(model: Likelihood) -> None:
    """Refuse a parameter that the rows put at infinity."""
    if model.bias and not (model.won.sum() > 0 and model.lost.sum() > 0):
        raise InputError(
            "the one shown first took every comparison, or none; set order_bias=False or show "
            "pairs in both orders"
        )
    if model.ties and model.tied.sum() >= model.total.sum():
        raise InputError("every comparison is a tie, so strengths and ties have no likeliest value")


def _iterate(model: Likelihood, place: Place, most: int) -> tuple[Place, int, bool]:
    """Newman's steps until the largest is under the tolerance."""
    scale, before = 1.0, np.inf
    for sweep in range(1, most + 1):
        step = model.newman(place)
        if not model.prior:
            step[: model.n] -= step[: model.n].mean()
        largest = float(np.abs(step).max())
        if largest < TOLERANCE:
            return place, sweep, True
        if not np.isfinite(largest):
            return place, sweep, False
        if largest > 0.9 * before:
            # Two items that only met each other would swap places for ever.
            scale = 0.5
        before = largest
        place = place.moved(step, scale)
    return place, most, False


def _finish(model: Likelihood, place: Place) -> tuple[Place, np.ndarray, int, bool]:
    """Newton's steps, each halved until it climbs; the inverse of the information at the end."""
    value = model.value(place)
    converged = False
    for count in range(1, 51):
        gradient, information = model.slope(place)
        inverse = _inverse(model, information)
        step = inverse @ gradient
        largest = float(np.abs(step).max())
        if largest < TOLERANCE or converged:
            return place, inverse, count, True
        scale = min(1.0, 4.0 / largest)
        for _ in range(30):
            there = place.moved(step, scale)
            reached_value = model.value(there)
            if reached_value >= value - 1e-12 * abs(value):
                break
            scale /= 2
        # Near the top the value cannot tell steps apart; quadratic convergence can.
        converged = largest < 1e-7
        place, value = there, reached_value
        if np.ptp(place.strengths) > 10 * _FAR or abs(place.bias) > 10 * _FAR:
            return place, inverse, count, False
    return place, inverse, 50, False


def _inverse(model: Likelihood, information: np.ndarray) -> np.ndarray:
    """Inverse over free parameters, strengths in the plane of sum 0 (else 0)."""
    n = model.n
    free = np.r_[np.full(n, True), model.bias, model.ties]
    if not model.prior:
        # The strengths' level is free: any curvature along it leaves the rest as it is.
        information[:n, :n] += max(float(np.trace(information)) / n, 1e-300) / n
    inside = information[np.ix_(free, free)]
    scale = 1 / np.sqrt(np.maximum(np.diag(inside), 1e-300))
    scaled = inside * scale * scale[:, None]
    try:
        found = np.linalg.inv(scaled)
    except np.linalg.LinAlgError:
        found = np.full_like(scaled, np.inf)
    if model.bias and not 0 < found[n, n] < 1e9:
        raise InputError(
            "the orders shown cannot tell the order's bias from the strengths; show some pairs "
            "in both orders or set order_bias=False"
        )
    inverse = np.zeros_like(information)
    inverse[np.ix_(free, free)] = found * scale * scale[:, None]
    if not model.prior:
        inverse[:n, :] -= inverse[:n, :].mean(0)
        inverse[:, :n] -= inverse[:, :n].mean(1, keepdims=True)
    return inverse


def _told(
    rows: Comparisons,
    model: Likelihood,
    place: Place,
    inverse: np.ndarray | None,
    sweeps: int,
    converged: bool,
    groups: tuple[tuple[str, ...], ...],
) -> StrengthFit:
    n = model.n
    counts = np.bincount(rows.first, model.total, n) + np.bincount(rows.second, model.total, n)
    covariance, errors = None, [None, None]
    if inverse is not None:
        errors = [math.sqrt(max(0.0, float(inverse[k, k]))) for k in (n, n + 1)]
        covariance = inverse[:n, :n]
        covariance = covariance - covariance.mean(0)
        covariance = covariance - covariance.mean(1, keepdims=True)
    return StrengthFit(
        rows.names,
        place.strengths - place.strengths.mean(),
        covariance,
        counts,
        sweeps,
        converged,
        model.value(place),
        groups,
        order_bias=float(place.bias) if model.bias else None,
        order_bias_error=errors[0] if model.bias else None,
        ties=2 * math.exp(place.log_tie) if model.ties else None,
        ties_error=errors[1] if model.ties else None,
    )
