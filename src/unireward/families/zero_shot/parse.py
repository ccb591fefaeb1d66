"""One short answer: ``1``, ``2`` or ``tie``; one grade from 1 to 5."""

from __future__ import annotations

import re

from unireward.families.reading import (
    Unread,
    number_at,
    prepare,
    read_verdict,
    rescale,
    verdict_reading,
)
from unireward.families.spec import Form, Reader, Reading

_LEAD = r"(?:(?:answer|verdict|image|video|edited image|score|grade)[ \t]*:?[ \t]*)?"
_ALONE = re.compile(rf"[^\w+-]*{_LEAD}(1|2|tie)\W*", re.IGNORECASE)
_GRADE = re.compile(
    rf"[^\w+-]*{_LEAD}([0-9][0-9.]*)(?:[ \t]*(?:/|out of)[ \t]*5)?"
    r"[ \t,:\-–—(]*(?:bad|poor|fair|good|excellent)?\W*",
    re.IGNORECASE,
)
_NOUNS = {
    "image_generation": "image",
    "video_generation": "video",
    "image_editing": "edited image",
}


def read_alone(reply: str, form: Form, prompt: str = "") -> Reading:
    """The answer alone, or a plain sentence such as ``Image 1 is better``."""
    text = prepare(reply)
    found = _ALONE.fullmatch(text)
    if found is not None:
        return verdict_reading(found[1].lower())
    noun = _NOUNS.get(form.task, "answer")
    return verdict_reading(read_verdict(prepare(reply, prompt), noun, tie=True, prompt=prompt))


def read_grade(reply: str, form: Form, prompt: str = "") -> Reading:
    """A grade on the form's scale, alone; halves count."""
    found = _GRADE.fullmatch(prepare(reply))
    if found is None:
        raise Unread("the reply is no grade from 1 to 5 alone")
    scale = form.scales["overall"]
    value = number_at(found[1], 0, "grade", scale)
    return Reading(scores={"1": rescale(value, scale)}, dimensions={"overall": {"1": value}})


READERS: dict[str, Reader] = {"verdict": read_alone, "grade": read_grade}
