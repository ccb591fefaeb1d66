"""Writers of the 1.0 replies; 2.0 and Edit use them too.

Explanations before a final score are not written: nobody has them, and the readers need none.
"""

from __future__ import annotations

import json

from unireward.families.spec import Form
from unireward.families.unifiedreward.forms import VIDEO_DIMENSIONS
from unireward.families.writing import Pieces, Told, Unwritable, Writer, number

_PLAIN = '()\n":[]'


def score_final(form: Form, told: Told) -> Pieces:
    """A line for each graded element the label has, then the final score."""
    pieces: list[str] = []
    for text, kind, value in told.words:
        if value not in (0, 1) or any(mark in text + kind for mark in _PLAIN):
            continue
        pieces += [f"{text} ({kind}): ", f"{value:g}\n"]
    return (*pieces, "Final Score: ", told.shown(form, "overall", "1"))


def score_axes(form: Form, told: Told) -> Pieces:
    """``Alignment Score (1-5): 3.5``, one line for each scale."""
    pieces: list[str] = []
    for name, scale in form.scales.items():
        lead = "\n" if pieces else ""
        pieces += [
            f"{lead}{name.capitalize()} Score ({scale.low:g}-{scale.high:g}): ",
            told.shown(form, name, "1"),
        ]
    return tuple(pieces)


def score_words(form: Form, told: Told) -> Pieces:
    """The list of graded words, an empty line, the axes."""
    words = [(text, value) for text, kind, value in told.words if kind == "word"]
    if not words:
        raise Unwritable(
            f"{form.address} grades single words, which the label has not; "
            "ask the form acs or final"
        )
    listed = json.dumps([[text, float(number(value))] for text, value in words], ensure_ascii=False)
    first, *rest = score_axes(form, told)
    return ("Word-wise Scores: ", listed, f"\n\n{first}", *rest)


def score_five(form: Form, told: Told) -> Pieces:
    """Five grades by name; the final score where the label has one (it is not used)."""
    pieces: list[str] = []
    for name in VIDEO_DIMENSIONS:
        lead = "\n" if pieces else ""
        pieces += [f"{lead}{name.replace('_', ' ')}: ", told.shown(form, name, "1")]
    if "1" in told.values.get("overall", {}):
        pieces += ["\nFinal Score: ", number(told.value(form, "overall", "1"))]
    return tuple(pieces)


WRITERS: dict[str, Writer] = {
    "score_final": score_final,
    "score_axes": score_axes,
    "score_words": score_words,
    "score_five": score_five,
}
