"""Readers of the tiny judge's replies.

The grammar is closed, so a reply is read only where *all* of it fits: anything else, one word
too many included, is ``unparsed`` with the place where it stops fitting.
"""

from __future__ import annotations

import re

from unireward.families.spec import Form, Reader, Reading

_TOKEN = re.compile(r"\d+\.\d+|\d+|[^\W\d_]+|[^\w\s]")
_LABELS = ("image", "video", "answer")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


class _MisfitError(Exception):
    """The reply left the grammar; the message says where."""


class _Words:
    """The reply's words, taken one by one."""

    def __init__(self, text: str) -> None:
        self.words = _TOKEN.findall(text.lower())
        self.at = 0

    def take(self, *wanted: str) -> str:
        found = self.words[self.at] if self.at < len(self.words) else "the end"
        if found not in wanted:
            options = " or ".join(wanted)
            raise _MisfitError(f"expected {options} at word {self.at + 1}, found {found!r}")
        self.at += 1
        return found

    def number(self, name: str, low: float, high: float) -> float:
        found = self.words[self.at] if self.at < len(self.words) else "the end"
        if not _NUMBER.fullmatch(found):
            raise _MisfitError(f"{name} is {found!r}, not a number")
        value = float(found)
        if not low <= value <= high:
            raise _MisfitError(f"{name} is {found}, outside {low:g} to {high:g}")
        self.at += 1
        return value

    def end(self) -> None:
        if self.at < len(self.words) and self.words[self.at :] != ["."]:
            raise _MisfitError(f"unexpected {self.words[self.at]!r} at word {self.at + 1}")


def _scores_of(words: _Words, form: Form) -> dict[str, float]:
    out = {}
    for name, scale in form.scales.items():
        words.take(name)
        out[name] = words.number(name, scale.low, scale.high)
    return out


def _unit(form: Form, values: dict[str, float]) -> float:
    scale = form.scales["overall"]
    return (values["overall"] - scale.low) / (scale.high - scale.low)


def _both(words: _Words, form: Form) -> dict[str, dict[str, float]]:
    found = {}
    for k in ("1", "2"):
        words.take(*_LABELS)
        words.take(k)
        words.take(":")
        found[k] = _scores_of(words, form)
        words.take(".")
    return found


def _by_dimension(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    names = next(iter(found.values()))
    return {name: {k: values[name] for k, values in found.items()} for name in names}


def _verdict_word(words: _Words) -> str:
    verdict = words.take("1", "2", "tie")
    words.end()
    return verdict


def _guarded(read: Reader) -> Reader:
    def reader(text: str, form: Form, prompt: str) -> Reading:
        try:
            return read(text, form, prompt)
        except _MisfitError as misfit:
            return Reading(status="unparsed", reason=str(misfit))

    return reader


@_guarded
def verdict(text: str, form: Form, prompt: str) -> Reading:
    return Reading(preference=_one_hot(_verdict_word(_Words(text))))


@_guarded
def trace(text: str, form: Form, prompt: str) -> Reading:
    words = _Words(text)
    found = _both(words, form)
    words.take("rank")
    words.take(":")
    said = _verdict_word(words)
    totals = {k: values["overall"] for k, values in found.items()}
    best = "tie" if totals["1"] == totals["2"] else max(totals, key=totals.__getitem__)
    notes = () if best == said else (f"the stated totals favour {best}, the verdict {said}",)
    return Reading(
        preference=_one_hot(said),
        dimensions=_by_dimension(found),
        rationale=text.strip(),
        notes=notes,
    )


@_guarded
def pair_scores(text: str, form: Form, prompt: str) -> Reading:
    words = _Words(text)
    found = _both(words, form)
    words.end()
    unit = {k: _unit(form, values) for k, values in found.items()}
    best = "tie" if unit["1"] == unit["2"] else max(unit, key=unit.__getitem__)
    return Reading(
        preference=_one_hot(best),
        scores=unit,
        dimensions=_by_dimension(found),
        rationale=text.strip(),
    )


@_guarded
def scores(text: str, form: Form, prompt: str) -> Reading:
    words = _Words(text)
    values = _scores_of(words, form)
    words.end()
    return Reading(
        scores={"1": _unit(form, values)},
        dimensions={name: {"1": value} for name, value in values.items()},
        rationale=text.strip(),
    )


def _one_hot(winner: str) -> dict[str, float]:
    return {key: float(key == winner) for key in ("1", "2", "tie")}


READERS: dict[str, Reader] = {
    "verdict": verdict,
    "trace": trace,
    "pair_scores": pair_scores,
    "scores": scores,
}
