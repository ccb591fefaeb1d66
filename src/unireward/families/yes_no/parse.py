"""A yes or a no in words, where an engine gives no probabilities of the two."""

from __future__ import annotations

import re

from unireward.families.reading import Unread, prepare
from unireward.families.spec import Form, Reader, Reading

YES, NO = "yes", "no"
_WORD = re.compile(r"(?<!\w)(yes|no)(?!\w)", re.IGNORECASE)
_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.IGNORECASE | re.DOTALL)
_FIRST = re.compile(r"[\W_]*(yes|no)(?!\w)", re.IGNORECASE)


def answer_of(reply: str, prompt: str = "") -> str:
    """``yes`` or ``no``; raises Unread where the reply says neither, or both.

    Inside ``<answer>`` where there is one; else the reply's first word, unless the other one
    comes later ("No, not a dog" is read, "Yes and no" is not).
    """
    found = _ANSWER.findall(reply)
    text = prepare(found[-1] if found else reply, prompt)
    words = {word.lower() for word in _WORD.findall(text)}
    first = _FIRST.match(text)
    if not words:
        raise Unread("the reply says neither yes nor no")
    if len(words) > 1:
        raise Unread("the reply says both yes and no")
    if first is None:
        raise Unread("the reply does not begin with yes or no")
    return first[1].lower()


def read_answer(reply: str, form: Form, prompt: str = "") -> Reading:
    """A plain yes is 1, a plain no 0."""
    value = float(answer_of(reply, prompt) == YES)
    return Reading(scores={"1": value}, dimensions={form.aspect or YES: {"1": value}})


READERS: dict[str, Reader] = {"answer": read_answer}
