"""What a head says of one candidate, as one line of JSON, so that it is kept and read as any reply.

::

    {"score": 1.25, "dimensions": {"VQ": 0.5, "MQ": 2.0}, "sigma": 0.75, "gate": {"fidelity": 0.9}}

``score`` is the number that ranks, unbounded; the rest is optional. Names may be any, numbers must
be finite.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

from unireward.families.numbers import Unread
from unireward.families.spec import Form, Reader, Reading

SCORE = "score"
_KEYS = (SCORE, "dimensions", "sigma", "gate")


@dataclass(frozen=True)
class Numbers:
    """``score`` and each of ``dimensions`` in the head's own units; ``sigma`` > 0 in those of
    ``score``; ``gate`` the weights of a gated head."""

    score: float
    dimensions: dict[str, float] = field(default_factory=dict)
    sigma: float | None = None
    gate: dict[str, float] = field(default_factory=dict)

    def text(self) -> str:
        """The line that :func:`numbers_of` reads back, to the bit. The numbers must be finite."""
        body: dict[str, Any] = {SCORE: self.score}
        body |= {key: getattr(self, key) for key in _KEYS[1:] if getattr(self, key)}
        return json.dumps(body, ensure_ascii=False, allow_nan=False)


def numbers_of(reply: str) -> Numbers:
    """Read one line of JSON; raises :class:`Unread` with the reason."""
    try:
        body = json.loads(reply, parse_constant=_refuse, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise Unread(f"the reply is no JSON of numbers: {error}") from None
    if not isinstance(body, dict) or SCORE not in body:
        raise Unread('the reply has no "score"')
    unknown = [key for key in body if key not in _KEYS]
    if unknown:
        raise Unread(f"{unknown[0]!r} is not of a head's reply; it has {', '.join(_KEYS)}")
    sigma = body.get("sigma")
    if sigma is not None:
        sigma = _finite("sigma", sigma)
        if sigma <= 0:
            raise Unread(f"sigma is {sigma:g}; a standard deviation is above 0")
    return Numbers(
        _finite(SCORE, body[SCORE]),
        _mapping("dimensions", body.get("dimensions", {})),
        sigma,
        _mapping("gate", body.get("gate", {})),
    )


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no finite number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    body = dict(pairs)
    if len(body) != len(pairs):
        raise ValueError("a name is given twice")
    return body


def _finite(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unread(f"{name} is no number: {str(value)[:24]!r}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Unread(f"{name} is not finite")
    return number


def _mapping(name: str, value: Any) -> dict[str, float]:
    if not isinstance(value, dict):
        raise Unread(f"{name} is no mapping of names to numbers")
    return {str(key): _finite(f"{name}.{key}", number) for key, number in value.items()}


def read_numbers(reply: str, form: Form, prompt: str = "") -> Reading:
    """``scores`` is the logistic of ``score``; a reward with a scale of its own squashes anew."""
    found = numbers_of(reply)
    rows = {SCORE: found.score} | found.dimensions
    return Reading(
        scores={"1": logistic(found.score)},
        dimensions={name: {"1": value} for name, value in rows.items()},
        rationale=weights_in_words(found.gate),
    )


def logistic(x: float) -> float:
    """1 / (1 + exp(-x)), for any finite x."""
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def weights_in_words(gate: dict[str, float]) -> str | None:
    """``what weighed: fidelity 0.90, style 0.10``, the heaviest first."""
    if not gate:
        return None
    listed = sorted(gate.items(), key=lambda pair: (-pair[1], pair[0]))
    return "what weighed: " + ", ".join(f"{name} {weight:.2f}" for name, weight in listed)


READERS: dict[str, Reader] = {"numbers": read_numbers}
