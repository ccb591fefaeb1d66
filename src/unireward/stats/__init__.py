"""Pure numbers: intervals, metrics, calibration, baselines. NumPy only, no records, no files.

Every share comes with its interval as an :class:`Estimate`::

    >>> from unireward.stats import accuracy
    >>> accuracy(["a", "b", "tie"], ["a", "a", "tie"]).value
    0.6666666666666666
"""

from __future__ import annotations

from unireward.stats.baselines import first_position, longer, majority, random_choice
from unireward.stats.calibration import Bin, expected_calibration_error, reliability
from unireward.stats.intervals import Estimate, bootstrap, wilson
from unireward.stats.metrics import accuracy, concordance, position_agreement, spearman

__all__ = [
    "Bin",
    "Estimate",
    "accuracy",
    "bootstrap",
    "concordance",
    "expected_calibration_error",
    "first_position",
    "longer",
    "majority",
    "position_agreement",
    "random_choice",
    "reliability",
    "spearman",
    "wilson",
]
