"""Writers of 2.0: those of 1.0, and the three blocks of pair scores.

How the published model's shares were made is not known. Ours are ``(1 + u1 - u2) / 2``, where u
is a score as a share of its scale: they add up to one, and shares that did so already stay as
they are.
"""

from __future__ import annotations

from unireward.families.spec import Form
from unireward.families.unifiedreward.write import WRITERS as WRITERS_1
from unireward.families.writing import Pieces, Told, Writer, number


def pair_shares(form: Form, told: Told) -> Pieces:
    noun = "Video" if form.task.startswith("video") else "Image"
    pieces: list[str] = []
    for name in form.scales:
        first = (1 + told.value(form, name, "1") - told.value(form, name, "2")) / 2
        shown = number(first)
        lead = "\n\n" if pieces else ""
        pieces += [f"{lead}{name.capitalize()} Score:\n {noun} 1: ", shown]
        # What is left of one after rounding, so that the two always add up.
        pieces += [f"\n {noun} 2: ", number(1 - float(shown))]
    return tuple(pieces)


WRITERS: dict[str, Writer] = {
    **WRITERS_1,
    "pair_image": pair_shares,
    "pair_video": pair_shares,
}
