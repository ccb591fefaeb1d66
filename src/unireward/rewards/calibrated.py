"""A pair's outcome with the confidence that its judge has earned.

What is calibrated is what a judgment says: the preference over (a, b, tie) that both orders and
all aspects gave together. The asks' own rows stay as the model said them.
"""

from __future__ import annotations

from dataclasses import replace
from math import isclose
from typing import TYPE_CHECKING

from unireward.record import TIE
from unireward.rewards.combine import Combined, pair_scores

if TYPE_CHECKING:
    from unireward.rewards.calibration import Confidence


def calibrated(pair: Combined, a: str, b: str, by: Confidence) -> Combined:
    """``pair`` with its preference, confidence and (where they follow from those) scores mapped.

    The winner stays, whatever the map; an unread pair stays as it is.
    """
    if pair.status != "ok" or pair.winner is None:
        return pair
    keys = (a, b, TIE)
    found = by.map([[pair.preference[key] for key in keys]])[0]
    preference = dict(zip(keys, map(float, found)))
    scores = pair.scores
    derived = pair_scores(pair.preference, a, b)
    if all(isclose(scores[name], derived[name], abs_tol=1e-9) for name in (a, b)):
        scores = pair_scores(preference, a, b)
    return replace(pair, preference=preference, confidence=preference[pair.winner], scores=scores)
