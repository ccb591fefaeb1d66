"""Writers of edits: signed pair scores, and JSON points without a reasoning nobody has."""

from __future__ import annotations

from unireward.families.spec import Form
from unireward.families.unifiedreward.write import WRITERS as WRITERS_1
from unireward.families.writing import Pieces, Told, Writer, number


def pair_edit(form: Form, told: Told) -> Pieces:
    """Two numbers with their signs, as the label has them (they have no range)."""
    first, second = (told.value(form, "overall", who) for who in ("1", "2"))
    return (
        "Edited Image 1: ", _signed(first),
        "\nEdited Image 2: ", _signed(second),
    )  # fmt: skip


def _signed(value: float) -> str:
    text = number(value, decimals=4)
    return text if value < 0 or text == "0" else f"+{text}"


def score_json(form: Form, told: Told) -> Pieces:
    pieces: list[str] = []
    for name in form.scales:
        pieces += [", " if pieces else '{"reasoning": "", "score": [', told.shown(form, name, "1")]
    return (*pieces, "]}")


WRITERS: dict[str, Writer] = {
    **WRITERS_1,
    "pair_edit": pair_edit,
    "score_json": score_json,
}
