"""Readers of the tiny judge's replies.

The grammar is closed, so a reply is read only where *all* of it fits: anything else, one word
too many included, is ``unparsed`` with the place where it stops fitting. That holds for verdicts
in other words (``image 1 is better``), numbers of another writing (``4,5``, ``4/5``, ``alignment :
4``) and echoes of the prompt too: this judge knows whole words only and never learnt to say those,
so a reply that has them comes from elsewhere. What changes no meaning changes nothing: markdown,
line ends, case, full-width characters, a missing full stop. Scores belong to the label that they
stand under, whichever of the two comes first.
"""

from __future__ import annotations

import re

from unireward.families.plain import clean
from unireward.families.spec import Form, Reader, Reading

_TOKEN = re.compile(r"[0-9]+\.[0-9]+|[0-9]+|[^\W\d_]+|[^\s]")
_LABELS = ("image", "video", "answer")
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?")
_LINE_MARKS = frozenset("-+•#>")
_SHOWN = 24  # characters of a word that a reason repeats


class _MisfitError(Exception):
    """The reply left the grammar; the message says where."""


class _Words:
    """The reply's words, taken one by one."""

    def __init__(self, text: str) -> None:
        # As one line, so that of a list's marks none is taken away before a number: there it
        # could be the number's sign. Before a word it is a bullet.
        words = _TOKEN.findall(clean(" ".join(text.split())).lower())
        self.words = [
            word
            for word, after in zip(words, [*words[1:], ""])
            if not (word in _LINE_MARKS and after.isalpha())
        ]
        self.at = 0

    @property
    def next(self) -> str:
        return self.words[self.at] if self.at < len(self.words) else ""

    @property
    def shown(self) -> str:
        """The next word as a reason shows it."""
        return repr(self.next[:_SHOWN]) if self.next else "the end"

    def take(self, *wanted: str) -> str:
        found = self.next
        if found not in wanted:
            options = " or ".join(wanted)
            raise _MisfitError(f"expected {options} at word {self.at + 1}, found {self.shown}")
        self.at += 1
        return found

    def stop(self) -> None:
        """A full stop, which may be missing."""
        self.at += self.next == "."

    def number(self, name: str, low: float, high: float) -> float:
        if not _NUMBER.fullmatch(self.next):
            raise _MisfitError(f"{name} is no number: {self.shown}")
        value = float(self.next)
        if not low <= value <= high:
            raise _MisfitError(f"{name} is outside {low:g} to {high:g}: {self.next[:_SHOWN]}")
        self.at += 1
        return value

    def end(self) -> None:
        self.stop()
        if self.next:
            raise _MisfitError(f"unexpected {self.shown} at word {self.at + 1}")


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
    found: dict[str, dict[str, float]] = {}
    nouns, numbers = _LABELS, ("1", "2")
    for _ in range(2):
        noun = words.take(*nouns)
        k = words.take(*numbers)
        words.take(":")
        found[k] = _scores_of(words, form)
        words.stop()
        # The second of the two is the other one, called by the same noun.
        nouns, numbers = (noun,), ("2" if k == "1" else "1",)
    return {k: found[k] for k in ("1", "2")}


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
