"""Expect: where a reply's numbers stand, and how else each could have been said.

A judge that says ``alignment 4.0`` for most pictures still leans one way or the other in the
probabilities of ``3.75`` and ``4.25``. Where a form's ``choices`` are numbers, they are the labels
of its score. Elsewhere the reply is read first, and then each of its numbers is asked for once
more with everything before it as it was said: the labels are the ways the family writes a number
of that name (``LABELS`` of its ``write.py``), or the whole numbers of an integer scale.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from unireward.families.reading import mean_of_rescaled, rescale
from unireward.families.spec import Form

OVERALL = "overall"
MOST_LABELS = 101
_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?![\w]|\.[0-9])"
_SAME = 1e-9


def number_of(label: str) -> float | None:
    """A label's number, None for a word."""
    return float(label) if re.fullmatch(r"[0-9]+(?:\.[0-9]+)?", label.strip()) else None


def numbers_of_choices(form: Form) -> dict[str, float]:
    """Choice to number, for a pointwise form of one scale whose choices are all numbers on it;
    empty for any other."""
    if form.mode != "score" or len(form.scales) != 1 or not form.choices:
        return {}
    (scale,) = form.scales.values()
    found = {label: number_of(label) for label in form.choices}
    values = {k: v for k, v in found.items() if v is not None and scale.low <= v <= scale.high}
    return values if len(values) == len(form.choices) else {}


def whole_labels(form: Form, name: str) -> tuple[str, ...]:
    """The numbers of an integer scale; none of another, whose writing nobody told."""
    scale = form.scales.get(name)
    if scale is None or not scale.integer or scale.high - scale.low >= MOST_LABELS:
        return ()
    return tuple(str(value) for value in range(round(scale.low), round(scale.high) + 1))


def places(reply: str, values: Mapping[str, float]) -> dict[str, int]:
    """Where in ``reply`` the number of each of ``values`` begins, by its own name before it.

    Left out is what stands there more than once or says another number than was read.
    """
    found: dict[str, int] = {}
    for name, value in values.items():
        words = r"[ _-]+".join(map(re.escape, name.split("_")))
        pattern = rf"(?<![\w-]){words}(?: +score)?(?: *\([^()\n]*\))?[ *]*[:=]?[ *]*{_NUMBER}"
        matches = list(re.finditer(pattern, reply, re.IGNORECASE))
        if len(matches) == 1 and float(matches[0]["number"]) == value:
            found[name] = matches[0].start("number")
    return found


def rescored(
    form: Form, read: Mapping[str, float], score: float, expected: Mapping[str, float]
) -> float | None:
    """The score in [0, 1] of ``expected`` dimensions, made as the reply's ``score`` was of
    ``read``: by the overall, or as the mean of the dimensions. None where it was made otherwise.
    """
    scales = form.scales
    ways = [[OVERALL]] if OVERALL in read else []
    ways += [[name for name in read if name != OVERALL], list(read)]
    for names in ways:
        if not names or not all(name in scales for name in names):
            continue
        if abs(_unit(form, read, names) - score) < _SAME:
            return min(max(_unit(form, expected, names), 0.0), 1.0)
    return None


def _unit(form: Form, values: Mapping[str, float], names: list[str]) -> float:
    if len(names) == 1:
        return rescale(values[names[0]], form.scales[names[0]])
    return mean_of_rescaled({name: values[name] for name in names}, form.scales)
