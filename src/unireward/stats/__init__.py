"""Pure numbers: intervals, metrics, calibration, baselines, strengths, pairings.

NumPy only, no records, no files.

Every share comes with its interval as an :class:`Estimate`::

    >>> from unireward.stats import accuracy
    >>> accuracy(["a", "b", "tie"], ["a", "a", "tie"]).value
    0.6666666666666666
"""

from __future__ import annotations

from unireward.stats.baselines import first_position, longer, majority, random_choice
from unireward.stats.bradley_terry import StrengthFit, bayesian_bootstrap, fit_bradley_terry
from unireward.stats.calibration import Bin, expected_calibration_error, reliability
from unireward.stats.comparisons import Comparisons
from unireward.stats.davidson import fit_davidson
from unireward.stats.elo import elo_scale
from unireward.stats.intervals import Estimate, bootstrap, wilson
from unireward.stats.metrics import accuracy, concordance, position_agreement, spearman
from unireward.stats.pairings import SCHEMES, Match, Pairing, Standing, make_pairing
from unireward.stats.winrate import win_rates

__all__ = [
    "SCHEMES",
    "Bin",
    "Comparisons",
    "Estimate",
    "Match",
    "Pairing",
    "Standing",
    "StrengthFit",
    "accuracy",
    "bayesian_bootstrap",
    "bootstrap",
    "concordance",
    "elo_scale",
    "expected_calibration_error",
    "first_position",
    "fit_bradley_terry",
    "fit_davidson",
    "longer",
    "majority",
    "make_pairing",
    "position_agreement",
    "random_choice",
    "reliability",
    "spearman",
    "wilson",
    "win_rates",
]
