"""Scoring: a reward's unbounded number as a score in [0, 1], and two of them as a preference.

Kept in ``judge.json`` as ``calibration: {"scoring": {...}}``, so that the scale cannot drift from
the weights::

    Scoring().score(0.0)                                  # 0.5
    Scoring(temperature=2).beats(1.0, 0.0)                # 1 / (1 + exp(-1/2))
    Scoring().beats(1.0, 0.0, 0.6, 0.8)                   # Phi(1): both numbers are Gaussian
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field, FiniteFloat, model_validator

from unireward.errors import InputError
from unireward.families.head.parse import logistic
from unireward.files.validate import validate
from unireward.record import Row

KEY = "scoring"


class Scoring(Row):
    """``squash`` is ``sigmoid``: logistic((x - center) / width), or ``range``: (x - low) /
    (high - low), cut to [0, 1]. ``temperature`` divides the difference of two numbers in
    Bradley-Terry's model (Biometrika 1952), P(a beats b) = logistic((x_a - x_b) / T), and in
    Thurstone's (Psychological Review 1927, case III) where both have a standard deviation,
    P = Phi((x_a - x_b) / (T sqrt(s_a^2 + s_b^2)))."""

    squash: Literal["sigmoid", "range"] = "sigmoid"
    center: FiniteFloat = 0.0
    width: FiniteFloat = Field(default=1.0, gt=0)
    low: FiniteFloat = 0.0
    high: FiniteFloat = 1.0
    temperature: FiniteFloat = Field(default=1.0, gt=0)

    @model_validator(mode="after")
    def _rises(self) -> Scoring:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low:g}) must be below high ({self.high:g})")
        return self

    @classmethod
    def of(cls, calibration: Mapping[str, Any] | None, default: Scoring | None = None) -> Scoring:
        """The ``scoring`` of a ``judge.json``'s calibration; InputError naming what is wrong."""
        said = (calibration or {}).get(KEY)
        if said is None:
            return default or cls()
        if not isinstance(said, dict):
            raise InputError(f"calibration.{KEY}: is no object; write {{...}}")
        try:
            return validate(cls, said)
        except InputError as error:
            raise InputError(f"calibration.{KEY}: {error}") from None

    def calibration(self) -> dict[str, Any]:
        """What :meth:`of` reads back."""
        return {KEY: self.model_dump(mode="json")}

    def score(self, raw: float) -> float:
        """``raw`` (finite) as a score in [0, 1]."""
        if self.squash == "range":
            return min(max((raw - self.low) / (self.high - self.low), 0.0), 1.0)
        return logistic((raw - self.center) / self.width)

    def beats(
        self, a: float, b: float, sigma_a: float | None = None, sigma_b: float | None = None
    ) -> float:
        """The probability that ``a`` is the better one."""
        gap = (a - b) / self.temperature
        if sigma_a is None or sigma_b is None:
            return logistic(gap)
        spread = math.hypot(sigma_a, sigma_b)
        if spread == 0.0:
            return 0.5 if gap == 0 else float(gap > 0)
        return 0.5 * math.erfc(-gap / spread / math.sqrt(2))

    def win_rates(self, raws: Sequence[float], sigmas: Sequence[float | None]) -> list[float]:
        """For each number, the mean probability of beating each of the others (n > 1)."""
        rivals = len(raws) - 1
        assert rivals >= 1, "a win rate needs a rival"
        # fsum rounds once, so equal numbers have equal rates whatever their places.
        return [
            math.fsum(
                self.beats(raws[i], raws[j], sigmas[i], sigmas[j])
                for j in range(len(raws))
                if j != i
            )
            / rivals
            for i in range(len(raws))
        ]
