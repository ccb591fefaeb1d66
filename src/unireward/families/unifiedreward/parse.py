"""Readers of the 1.0 grammars; 2.0 and Edit use them too."""

from __future__ import annotations

import re

from unireward.families.pairs import listed_pairs
from unireward.families.reading import (
    Unread,
    field_values,
    final_score,
    is_echo,
    mean_of_rescaled,
    prepare,
    read_dimensions,
    read_verdict,
    rescale,
    verdict_reading,
)
from unireward.families.spec import Form, Reader, Reading
from unireward.families.unifiedreward.forms import VIDEO_DIMENSIONS
from unireward.record import Span


def rank_image(reply: str, form: Form, prompt: str) -> Reading:
    return _rank(reply, "image", True, prompt)


def rank_video(reply: str, form: Form, prompt: str) -> Reading:
    return _rank(reply, "video", True, prompt)


def rank_answer(reply: str, form: Form, prompt: str) -> Reading:
    return _rank(reply, "answer", False, prompt)


def _rank(reply: str, noun: str, tie: bool, prompt: str) -> Reading:
    text = prepare(reply, prompt)
    verdict = read_verdict(text, noun, tie=tie, prompt=prompt)
    return verdict_reading(verdict, rationale=text if "\n" in text else None)


_RESPONSE = re.compile(r"\b(?:the[ \t]+)?(first|second)[ \t]+(?:response|answer)\b", re.IGNORECASE)
_ORDINALS = {"first": "answer 1", "second": "answer 2"}


def rank_response(reply: str, form: Form, prompt: str) -> Reading:
    """Free-form comparison: "The first response is better" and "Answer 1 is better" are one."""
    text = prepare(reply, prompt)
    named = _RESPONSE.sub(lambda match: _ORDINALS[match.group(1).lower()], text)
    return verdict_reading(read_verdict(named, "answer", prompt=prompt), rationale=text)


_JUDGMENT = re.compile(r"overall[ \t]+judge?ment[ \t]*:", re.IGNORECASE)


def rank_judgment(reply: str, form: Form, prompt: str) -> Reading:
    """The verdict after the last ``Overall Judgment:``; what stands before is its rationale."""
    text = prepare(reply, prompt)
    at = [
        match
        for match in _JUDGMENT.finditer(text)
        if not is_echo(text, match.start(), match.end(), prompt)
    ]
    if not at:
        raise Unread("no 'Overall Judgment:' in the reply")
    verdict = read_verdict(text[at[-1].end() :].lstrip(), "answer", prompt=prompt)
    return verdict_reading(verdict, rationale=text)


# Scores -------------------------------------------------------------------------------------

_ELEMENT = re.compile(r"^(.{1,120}?)[ \t]*\(([^()\n]{1,40})\):[ \t]*([01])[ \t]*$", re.MULTILINE)


def score_final(reply: str, form: Form, prompt: str) -> Reading:
    """Elements or an explanation, then the last ``Final Score: n`` on the form's scale."""
    text = prepare(reply, prompt)
    scale = form.scales["overall"]
    value = final_score(text, scale, prompt=prompt)
    if value is None:
        raise Unread("no 'Final Score:' in the reply")
    spans = tuple(
        Span(candidate="1", kind="token", dimension=kind.strip().lower(), value=float(v), text=word)
        for word, kind, v in (_ELEMENT.findall(text) if ")" in text else ())
    )
    return Reading(
        scores={"1": rescale(value, scale)},
        dimensions={"overall": {"1": value}},
        rationale=text if "\n" in text else None,
        spans=spans,
    )


def score_axes(reply: str, form: Form, prompt: str) -> Reading:
    """``<Name> Score (1-5): x`` for each of the form's scales; their rescaled mean."""
    text = prepare(reply, prompt)
    return _axes(text, form, prompt)


def _axes(
    text: str,
    form: Form,
    prompt: str,
    spans: tuple[Span, ...] = (),
    notes: tuple[str, ...] = (),
) -> Reading:
    values = read_dimensions(
        text, {name: name for name in form.scales}, form.scales, suffix=r"[ \t]+score",
        prompt=prompt,
    )  # fmt: skip
    return Reading(
        scores={"1": mean_of_rescaled(values, form.scales)},
        dimensions={name: {"1": value} for name, value in values.items()},
        spans=spans,
        notes=notes,
    )


def score_words(reply: str, form: Form, prompt: str) -> Reading:
    """Word-wise scores into ``spans`` (higher is worse), then the three axes."""
    text = prepare(reply, prompt)
    lists = [
        listed_pairs(text, start, "word-wise scores")
        for _, start, _ in field_values(text, ("word-wise scores",), prompt=prompt)
    ]
    if any(pairs != lists[0] for pairs in lists):
        raise Unread("word-wise scores are given twice and differ")
    spans = tuple(
        Span(candidate="1", kind="token", dimension="word", value=value, text=word)
        for word, value in (lists[0] if lists else ())
    )
    return _axes(text, form, prompt, spans=spans, notes=() if lists else ("no word-wise scores",))


_FIVE = {name.replace("_", " "): name for name in VIDEO_DIMENSIONS}


def score_five(reply: str, form: Form, prompt: str) -> Reading:
    """Five grades of 1 to 4, whose mean is the score. The final number was never supervised: it
    is kept as ``overall`` and not used."""
    text = prepare(reply, prompt)
    values = read_dimensions(text, _FIVE, form.scales, prompt=prompt)
    score = mean_of_rescaled(values, form.scales)
    final = final_score(text, form.scales["overall"], prompt=prompt)
    if final is not None:
        values["overall"] = final
    return Reading(
        scores={"1": score},
        dimensions={name: {"1": value} for name, value in values.items()},
        notes=() if final is not None else ("no final score",),
    )


READERS: dict[str, Reader] = {
    "rank_image": rank_image,
    "rank_video": rank_video,
    "rank_answer": rank_answer,
    "rank_response": rank_response,
    "rank_judgment": rank_judgment,
    "score_final": score_final,
    "score_axes": score_axes,
    "score_words": score_words,
    "score_five": score_five,
}
