"""Readers of edits: rank with an optional answer tag, signed pair scores, JSON points."""

from __future__ import annotations

import math
import re

from unireward.families.objects import number_of, read_object
from unireward.families.reading import (
    Unread,
    answer_bodies,
    check_same,
    field_values,
    mean_of_rescaled,
    number_at,
    one_hot,
    prepare,
    read_verdict,
    verdict_reading,
)
from unireward.families.spec import Form, Reader, Reading
from unireward.families.unifiedreward.parse import READERS as READERS_1

NOUN = "edited image"


def rank_edit(reply: str, form: Form, prompt: str) -> Reading:
    """``<answer>`` decides where there is one, else the whole text.

    "Image 1" without "Edited" is no verdict: among a source and two edits nobody knows which of
    the three it means.
    """
    text = prepare(reply, prompt)
    bodies = answer_bodies(text) if "answer" in text.lower() else []
    spoken = "\n".join(bodies) if bodies else text
    verdict = read_verdict(spoken, NOUN, prompt=prompt)
    return verdict_reading(verdict, rationale=text if "\n" in text else None)


# Pair scores --------------------------------------------------------------------------------

_EDITED = tuple(f"edited image {sign}{who}{said}"
                for sign in ("", "#") for who in "12" for said in ("", " score"))  # fmt: skip
_IMAGES = tuple(label.removeprefix("edited ") for label in _EDITED)
_OTHERS = ("image 3", "source", "source image", "original", "original image")
_WHO = re.compile("[12]")
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
_BARE_PAIR = re.compile(rf"[\[(]?\s*({_NUMBER})\s*(?:[,;]\s*|\s)\s*({_NUMBER})\s*[\])]?\.?")
_LOOSE_SIGN = re.compile(r"[-−+][ \t]+[0-9.]")


def pair_edit(reply: str, form: Form, prompt: str) -> Reading:
    """Two signed numbers without a range, by their labels.

    Labels without "Edited" are taken for the edits, and noted, as long as no third image has a
    number.
    A reply that is nothing but two numbers is read in the order shown, and noted; two equal lines
    are not, since they may be one line said twice. Scores are the sigmoid of the difference.
    """
    text = prepare(reply, prompt)
    notes: tuple[str, ...] = ()
    values = _labelled(text, _EDITED, prompt)
    if not values and not field_values(text, _OTHERS):
        values = _labelled(text, _IMAGES, prompt)
        notes = ("labels say Image, read as Edited Image",) if values else ()
    bare = _BARE_PAIR.fullmatch(text) if not values else None
    if bare is not None:
        if _LOOSE_SIGN.search(reply):
            raise Unread("a dash before a number without a label: a bullet or a sign")
        if bare.group(1) == bare.group(2) and "\n" in bare.group():
            raise Unread("two equal lines without labels")
        values = {
            who: number_at(bare.group(int(who)), 0, f"Edited Image {who}") for who in ("1", "2")
        }
        notes = ("numbers without labels, read in the order shown",)
    for who in ("1", "2"):
        if who not in values:
            raise Unread(f"the number of Edited Image {who} is missing")
    return _signed(values["1"], values["2"], notes)


def _labelled(text: str, labels: tuple[str, ...], prompt: str) -> dict[str, float]:
    values: dict[str, float] = {}
    for label, start, limit in field_values(text, labels, prompt=prompt):
        who = _WHO.findall(label)[0]
        name = f"Edited Image {who}"
        values[who] = check_same(name, values.get(who), number_at(text, start, name, None, limit))
    return values


def _signed(first: float, second: float, notes: tuple[str, ...]) -> Reading:
    ahead = sigmoid(first - second)
    verdict = "tie" if first == second else "1" if first > second else "2"
    return Reading(
        preference=one_hot(verdict),
        scores={"1": ahead, "2": 1 - ahead},
        dimensions={"overall": {"1": first, "2": second}},
        notes=notes,
    )


def sigmoid(x: float) -> float:
    """``1 / (1 + exp(-x))`` without overflow for any finite or infinite x."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))


# Points -------------------------------------------------------------------------------------


def score_json(reply: str, form: Form, prompt: str) -> Reading:
    """``{"reasoning": str, "score": [a, b]}``, the numbers in the order of the form's scales."""
    found = read_object(reply, "score", prompt)
    listed = found["score"]
    names = list(form.scales)
    if not isinstance(listed, list | tuple) or len(listed) != len(names):
        raise Unread(f"score is no list of {len(names)} numbers: {str(listed)[:40]!r}")
    values = {
        name: number_of(value, name, form.scales[name].low, form.scales[name].high)
        for name, value in zip(names, listed, strict=True)
    }
    reasoning = found.get("reasoning")
    return Reading(
        scores={"1": mean_of_rescaled(values, form.scales)},
        dimensions={name: {"1": value} for name, value in values.items()},
        rationale=reasoning if isinstance(reasoning, str) and reasoning else None,
    )


READERS: dict[str, Reader] = {
    **READERS_1,
    "rank_edit": rank_edit,
    "pair_edit": pair_edit,
    "score_json": score_json,
}
