"""Writing: the reply that says what a label says, in a form's own grammar.

A writer of a family's ``write.py`` is ``(form, told) -> pieces``: text at even places is the
grammar's own, text at odd ones is what is judged (numbers, verdicts), so that a loss may weigh
the two apart. What is written reads back as it was told (a test holds every writer to it), and
what the grammar has no words for is :class:`Unwritable`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from unireward.errors import InputError
from unireward.families.spec import Form, Scale

Pieces = tuple[str, ...]


class Unwritable(InputError):  # noqa: N818  (a state of the label, as Unread is of a reply)
    """The label lacks what the form says, or the form needs words that nobody has."""


@dataclass(frozen=True)
class Told:
    """What a reply is to say, candidates as shown: ``"1"``, ``"2"``.

    ``values`` are numbers on the form's own scales (name -> candidate -> number), ``words``
    graded words of the prompt (text, kind, value), of candidate ``"1"``.
    """

    winner: str | None = None
    values: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    words: tuple[tuple[str, str, float], ...] = ()

    def value(self, form: Form, name: str, who: str) -> float:
        """Raises :class:`Unwritable` where it is not known or off the form's scale."""
        value = self.values.get(name, {}).get(who)
        if value is None:
            raise Unwritable(f"{form.address} says {name}, which the label has not; add its score")
        scale = form.scales.get(name)
        if scale is not None and not scale.low <= value <= scale.high:
            raise Unwritable(
                f"{name} is {value:g}, outside {scale.low:g} to {scale.high:g} of {form.address}; "
                "give label.scales the scale it is on"
            )
        return value

    def shown(self, form: Form, name: str, who: str) -> str:
        """The same as it is written."""
        return number(self.value(form, name, who), form.scales.get(name))


Writer = Callable[[Form, Told], Pieces]


def number(value: float, scale: Scale | None = None, decimals: int = 2) -> str:
    """``3``, ``3.5``, ``-0.25``: to the nearest whole number (a half goes up) where the scale has
    no others, else to ``decimals``."""
    if scale is not None and scale.integer:
        return str(math.floor(value + 0.5))
    text = f"{value:.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def verdict_pieces(form: Form, told: Told) -> Pieces:
    """The whole verdict string of a form that has ``choices`` for first, second and tie."""
    if told.winner is None:
        raise Unwritable(f"{form.address} says a winner, which the label has not; add its ranking")
    at = ("1", "2", "tie").index(told.winner)
    if at >= len(form.choices):
        raise Unwritable(f"{form.address} has no word for a tie; leave ties out")
    return ("", form.choices[at])
