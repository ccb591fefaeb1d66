"""Writers of the tiny judge's replies: whole words, numbers as its tokenizer has them.

Numbers snap to halves, alignment and overall to quarters; each is one word of its vocabulary.
"""

from __future__ import annotations

import math

from unireward.families.spec import Form
from unireward.families.writing import Pieces, Told, Unwritable, Writer

_QUARTERS = ("alignment", "overall")


def score_word(name: str, value: float) -> str:
    """``value`` (1 to 5) as a word: ``4.0``, ``4.25``, ``4.5``."""
    steps = 4 if name in _QUARTERS else 2
    text = f"{math.floor(value * steps + 0.5) / steps:.2f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def labels(form: Form, name: str) -> tuple[str, ...]:
    """Every word of a number of ``name``."""
    scale = form.scales.get(name)
    if scale is None:
        return ()
    steps = 4 if name in _QUARTERS else 2
    count = round((scale.high - scale.low) * steps)
    return tuple(score_word(name, scale.low + k / steps) for k in range(count + 1))


def _noun(form: Form) -> str:
    return "answer" if form.task.endswith("understanding") else form.task.split("_", maxsplit=1)[0]


def _scores(form: Form, told: Told, who: str) -> list[str]:
    """Fixed and judged pieces in turn, fixed first."""
    pieces: list[str] = []
    for name in form.scales:
        pieces += [f"{name} ", f"{score_word(name, told.value(form, name, who))} "]
    return pieces


def _both(form: Form, told: Told) -> list[str]:
    noun = _noun(form)
    first, second = _scores(form, told, "1"), _scores(form, told, "2")
    first[0] = f"{noun} 1 : {first[0]}"
    second[0] = f". {noun} 2 : {second[0]}"
    return [*first, *second]


def trace(form: Form, told: Told) -> Pieces:
    if told.winner is None:
        raise Unwritable(f"{form.address} says a winner, which the label has not; add its ranking")
    return (*_both(form, told), ". rank : ", told.winner)


def pair_scores(form: Form, told: Told) -> Pieces:
    return (*_both(form, told), ".")


def scores(form: Form, told: Told) -> Pieces:
    pieces = _scores(form, told, "1")
    return (*pieces[:-1], pieces[-1].rstrip())


LABELS = labels
WRITERS: dict[str, Writer] = {"trace": trace, "pair_scores": pair_scores, "scores": scores}
