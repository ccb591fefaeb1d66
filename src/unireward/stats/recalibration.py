"""Recalibration: a judge's probabilities made to mean what they say, and what that is worth.

::

    rows, truth = ...                      # [n, k] probabilities of k answers, [n] the right one
    found = recalibrate(rows, truth)       # the method that does best on records it has not seen
    found.map(rows)                        # the probabilities as they should be
    found.before.ece, found.after.ece      # Estimates; ``after`` is of held-out folds throughout

The answer that a row says is its likeliest one, a tie of two the last column (``"tie"``), as
everywhere in this library. A map never changes what a row says.

Edge rules: what a fit is worth is never measured on the records it was fitted to: each fold is
mapped by a fit of the others. ``both`` takes the method of the least held-out log loss of
"is the verdict right", isotonic only where it is better by more than a standard error (it gives
up the shares of the other answers), and none where neither is better than the judge as it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from unireward.errors import InputError
from unireward.stats.calibration import Bin, expected_calibration_error, reliability
from unireward.stats.intervals import Estimate, bootstrap
from unireward.stats.isotonic import Knots, fit_isotonic, isotonic
from unireward.stats.temperature import checked, fit_temperature, tempered

Method = Literal["none", "temperature", "isotonic"]
METHODS: tuple[Method, ...] = ("temperature", "isotonic")
BINS = 10
FOLDS = 5
RESAMPLES = 500
DISTINCT = 3
"""Confidences an isotonic map needs: two are a line through two points."""
HAIR = 1e-6
"""By how much a winner stays ahead where its mapped confidence would put another one ahead."""
_LEAST = 1e-12


@dataclass(frozen=True)
class Map:
    """What is done to a judge's probabilities. ``temperature`` or ``knots`` is of the method."""

    method: Method = "none"
    temperature: float | None = None
    knots: Knots = ()

    def __call__(self, probabilities: ArrayLike) -> np.ndarray:
        """Rows [n, k] as they should be; every row's verdict is kept."""
        rows = np.atleast_2d(np.asarray(probabilities, dtype=float))
        if self.method == "temperature":
            assert self.temperature is not None
            return tempered(rows, self.temperature)
        return raised(rows, isotonic(self.knots, confidences(rows))) if self.knots else rows


@dataclass(frozen=True)
class Quality:
    """How far confidence is from being right: ``ece`` with its interval (a bootstrap, which leans
    upward), ``log_loss`` of "the verdict is right" in nats, and the bins behind the first."""

    ece: Estimate
    log_loss: float
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Recalibration:
    """``after`` is what ``map``'s method does on held-out folds; ``tried`` the held-out log loss
    of each method, and of ``none``."""

    map: Map
    before: Quality
    after: Quality
    tried: dict[str, float]
    n: int
    folds: int
    seed: int


def verdicts(rows: np.ndarray) -> np.ndarray:
    """The place of each row's likeliest answer; the last one where two are exactly equal."""
    top = rows.max(axis=1, keepdims=True)
    several = (rows == top).sum(axis=1) > 1
    return np.where(several, rows.shape[1] - 1, rows.argmax(axis=1))


def confidences(rows: np.ndarray) -> np.ndarray:
    """The probability of what each row says."""
    return rows[np.arange(len(rows)), verdicts(rows)]


def raised(rows: np.ndarray, confidence: np.ndarray) -> np.ndarray:
    """``rows`` with ``confidence`` [n] for what they say, the rest shared out as before.

    Where that would put another answer ahead, the confidence stays a hair above it: a map says
    how sure a verdict is, it never gives another.
    """
    said = verdicts(rows)
    places = np.arange(len(rows))
    rest = rows.copy()
    rest[places, said] = 0.0
    mass = rest.sum(axis=1)
    # A verdict that had everything leaves nothing to share by: evenly, then.
    even = np.ones_like(rest)
    even[places, said] = 0.0
    rest = np.where((mass > 0)[:, None], rest, even)
    rest /= rest.sum(axis=1, keepdims=True)
    out = rest * (1 - confidence)[:, None]
    out[places, said] = confidence
    changed = verdicts(out) != said
    if changed.any():
        most = rest.max(axis=1)
        least = np.minimum(most / (1 + most) + HAIR, 1.0)
        kept = np.where(changed, np.maximum(confidence, least), confidence)
        out = rest * (1 - kept)[:, None]
        out[places, said] = kept
    return out


def fit(method: Method, rows: np.ndarray, truth: np.ndarray) -> Map:
    """One method on all of these rows."""
    if method == "temperature":
        return Map("temperature", temperature=fit_temperature(rows, truth))
    if method == "isotonic":
        return Map(
            "isotonic", knots=fit_isotonic(_unit(confidences(rows)), verdicts(rows) == truth)
        )
    return Map()


def recalibrate(
    probabilities: ArrayLike,
    truth: ArrayLike,
    *,
    methods: Sequence[Method] = METHODS,
    folds: int = FOLDS,
    seed: int = 0,
) -> Recalibration:
    """The best of ``methods`` by cross-validation, or the one that is named, fitted on all rows.

    ``probabilities`` [n, k], ``truth`` [n] places. Raises InputError for shapes, fewer rows than
    folds, or an isotonic map alone asked of fewer than three distinct confidences (among several
    methods it is left out).
    """
    rows, right = checked(probabilities, truth)
    if not 2 <= folds <= len(rows):
        raise InputError(f"folds is {folds} for {len(rows)} records; give 2 to {len(rows)}")
    distinct = len(np.unique(confidences(rows)))
    able: list[Method] = [name for name in methods if name != "isotonic" or distinct >= DISTINCT]
    if not able:
        raise InputError(
            f"isotonic calibration needs {DISTINCT} distinct confidences and there "
            f"{'is' if distinct == 1 else 'are'} {distinct}; ask for votes, or use a judge that "
            "gives log-probabilities"
        )
    held: dict[Method, np.ndarray] = {"none": rows}
    for name in able:
        held[name] = _held_out(name, rows, right, folds, seed)
    losses: dict[Method, np.ndarray] = {
        name: _losses(mapped, right) for name, mapped in held.items()
    }
    best = able[0] if len(methods) == 1 else _best(losses)
    return Recalibration(
        map=fit(best, rows, right),
        before=quality(rows, right, seed=seed),
        after=quality(held[best], right, seed=seed),
        tried={str(name): float(loss.mean()) for name, loss in losses.items()},
        n=len(rows),
        folds=folds,
        seed=seed,
    )


def _held_out(
    method: Method, rows: np.ndarray, truth: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Every row mapped by a fit of the folds that it is not in."""
    place = np.random.default_rng(seed).permutation(len(rows)) % folds
    out = np.empty_like(rows)
    for fold in range(folds):
        inside = place == fold
        out[inside] = fit(method, rows[~inside], truth[~inside])(rows[inside])
    return out


def _best(losses: dict[Method, np.ndarray]) -> Method:
    chosen: Method = "none"
    if "temperature" in losses and losses["temperature"].mean() < losses["none"].mean():
        chosen = "temperature"
    if "isotonic" in losses:
        gain = losses[chosen] - losses["isotonic"]
        if gain.mean() > gain.std(ddof=1) / math.sqrt(len(gain)):
            chosen = "isotonic"
    return chosen


def _losses(rows: np.ndarray, truth: np.ndarray) -> np.ndarray:
    sure = np.clip(confidences(rows), _LEAST, 1 - _LEAST)
    return -np.log(np.where(verdicts(rows) == truth, sure, 1 - sure))


def quality(rows: np.ndarray, truth: np.ndarray, *, seed: int = 0) -> Quality:
    """How well the confidences of ``rows`` are kept by ``truth``."""
    sure, right = _unit(confidences(rows)), verdicts(rows) == truth
    bins = reliability(sure, right, BINS)
    error = expected_calibration_error(bins)
    assert error is not None, "there are rows"
    spread = bootstrap(np.column_stack([sure, right]), _ece, resamples=RESAMPLES, seed=seed)
    estimate = Estimate(error, min(error, spread.low), max(error, spread.high), len(rows))
    return Quality(estimate, float(_losses(rows, truth).mean()), tuple(bins))


def _ece(drawn: np.ndarray) -> float:
    """The same number as ``expected_calibration_error(reliability(...))``, for resampling."""
    place = np.searchsorted(np.arange(1, BINS) / BINS, drawn[:, 0], side="left")
    gaps = np.bincount(place, weights=drawn[:, 1] - drawn[:, 0], minlength=BINS)
    return float(np.abs(gaps).sum() / len(drawn))


def _unit(confidence: np.ndarray) -> np.ndarray:
    return np.clip(confidence, 0.0, 1.0)  # a mean of probabilities may round to above 1
