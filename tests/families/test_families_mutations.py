"""Any mutation of a good reply: the same judgment, or a status with a reason.

What a mutation may touch is everything but the digits: a digit changed inside a field is another
reply, and reading it is right. So numbers are protected (nothing is deleted from them or inserted
next to them), while labels, words, punctuation, lines, tags and the text between may be broken,
doubled, cut or buried in the prompt's echo; the prompt holds a caption full of false fields.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import unireward.families
from unireward.families import Family, Form, Reading, get_family

ROOT = Path(unireward.families.__file__).parent
FAMILIES = ("unifiedreward", "unifiedreward_2", "unifiedreward_edit")
# A caption, question or instruction that says everything a reply could say, falsely.
TRAP = (
    'a wall of posters: "Image 2 is better", Video 2 is better than Video 1. Answer 2 is better, '
    "Edited image 2 is better. Overall Judgment: Answer 2 is better than Answer 1. Both images "
    "are equally good. Final Score: 2 stars. Alignment Score (1-5): 1.5 Coherence Score (1-5): "
    "1.5 Physics Score (1-5): 1.5 Style Score (1-5): 1.5 visual quality: 1 dynamic degree: 1 "
    "Alignment Score: Image 1: 0.05 Image 2: 0.95 Edited Image 1: -9.5 Edited Image 2: 9.5 "
    '{"reasoning": "no", "score": [1, 2]} [1, 2] and 7'
)
# Good replies that also hold words of the other verdict or number, to be taken back or put in
# their place: cut before that, or with the last word damaged, the earlier one is what is said.
SUPERSEDED = {
    "partial praise",
    "options echoed, then chosen",
    "rank after reasons",
    "last final score counts",
    "last overall judgment counts",
    "answer decides",
}
_PLACEHOLDER = re.compile(r"\{(?:P|Q|A1|A2|R|I)\}")
_NUMBER = re.compile(r"[-+−]?[0-9０-９][0-9.]*(?:/[0-9]+)?")


class Case:
    """A good reply of one form, with its reading and the places that may be mutated."""

    def __init__(self, folder: str, row: dict) -> None:
        variant = [row["variant"]] if "variant" in row else []
        self.family: Family = get_family("/".join([folder.replace("_", "-"), *variant]))
        self.form: Form = self.family.forms_for(
            row["task"], row["mode"], row.get("form"), row.get("aspect")
        )[0]
        self.name = f"{folder}: {row['name']}"
        self.reply: str = row["reply"]
        self.prompt = _PLACEHOLDER.sub(lambda _: TRAP, self.form.template)
        self.base = self.read(self.reply)
        assert self.base.status == "ok", (self.name, self.base)

    def read(self, reply: str) -> Reading:
        return self.family.read(self.form, reply, "stop", self.prompt)

    def __repr__(self) -> str:
        return self.name


@cache
def cases() -> list[Case]:
    return [
        Case(folder, row)
        for folder in FAMILIES
        for line in (ROOT / folder / "replies/replies.jsonl").read_text("utf-8").splitlines()
        for row in [json.loads(line)]
        if row["expected"]["status"] == "ok" and "words" not in row and "⟦" not in row["reply"]
        if row["name"] not in SUPERSEDED
    ]


# Mutations ----------------------------------------------------------------------------------

PROSE = (
    "The picture shows 2 circles.", "It has 3 of 5 elements; I counted 4.", "4", "10 out of 10",
    "Image 2 has 5 cats, Video 1 none, Answer 2 is longer.", "not", "\n\n", " - ", "**", "# ",
    "Score", ": ", "{", "}", '"', "'", "[", "]", "(", ")", "<answer>", "</answer>", "nan", ".",
    "or", "Image", "better", "\r\n", "　", "。", "，", "：", "\u200b", "|", "/", "%", "=", "7", "-",
)  # fmt: skip


def protected(text: str) -> list[tuple[int, int]]:
    return [match.span() for match in _NUMBER.finditer(text)]


def free_places(text: str) -> list[int]:
    """Places where something may be inserted: not in a number nor next to one."""
    spans = protected(text)
    return [at for at in range(len(text) + 1) if not any(a <= at <= b for a, b in spans)]


def free_chars(text: str) -> list[int]:
    spans = protected(text)
    return [at for at in range(len(text)) if not any(a <= at < b for a, b in spans)]


def mutate(draw, text: str) -> str:
    kind = draw(st.sampled_from(("delete", "insert", "double", "line", "drop", "cut", "case")))
    if kind == "insert":
        at = draw(st.sampled_from(free_places(text) or [0]))
        piece = draw(st.sampled_from(PROSE) | st.characters(codec="utf-8"))
        return text[:at] + piece + text[at:]
    if kind in ("delete", "double"):
        at = draw(st.sampled_from(free_chars(text) or [0]))
        return text[:at] + (text[at : at + 1] * 2 if kind == "double" else "") + text[at + 1 :]
    if kind == "cut":
        at = draw(st.sampled_from(free_places(text) or [0]))
        return text[:at] if draw(st.booleans()) else text[at:]
    if kind == "case":
        return draw(st.sampled_from((str.upper, str.lower, str.swapcase, str.title)))(text)
    lines = text.split("\n")
    at = draw(st.integers(0, len(lines) - 1))
    return "\n".join(lines[:at] + ([lines[at]] * 2 if kind == "line" else []) + lines[at + 1 :])


def labelled() -> list[Case]:
    """The cases with something to mutate: two bare numbers are all field, their order included."""
    return [case for case in cases() if "numbers without labels" not in " ".join(case.base.notes)]


@st.composite
def mutants(draw) -> tuple[Case, str]:
    case = draw(st.sampled_from(labelled()))
    text = case.reply
    for _ in range(draw(st.integers(1, 4))):
        text = mutate(draw, text)
    return case, text


def same_or_stated(case: Case, reading: Reading) -> None:
    """Every number of an ``ok`` reading is the one written for it, and the winner is the same."""
    if reading.status != "ok":
        assert reading.reason
        assert "\n" not in reading.reason
        assert (reading.scores, reading.dimensions, reading.preference) == ({}, {}, {})
        assert reading.spans == ()
        return
    base = case.base
    assert reading.preference == base.preference
    assert reading.scores == base.scores
    for name, values in reading.dimensions.items():
        assert values == base.dimensions[name]
    lost = set(base.dimensions) - set(reading.dimensions)
    assert lost <= {"overall"}
    assert not lost or "no final score" in reading.notes
    assert {s.value for s in reading.spans} <= {s.value for s in base.spans}


settings.register_profile(
    "mutations", max_examples=400, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
MANY = settings.get_profile("mutations")


@MANY
@given(mutants())
def test_mutated_outside_of_its_numbers(mutant: tuple[Case, str]) -> None:
    case, text = mutant
    same_or_stated(case, case.read(text))


# The prompt's echo --------------------------------------------------------------------------


def cut_to_a_bare_field(echo: str) -> bool:
    """Is a line of the echo, as cut, exactly what a reply would say? Nobody could tell it apart:
    ``Final Score: 2`` is a good reply whatever the caption says."""
    return any(
        re.search(r"(?i)(score|judgment|\bis better|good|quality|degree)\W*[-0-9.]*\W*$", line)
        or re.match(r"(?i)\W*([-+]?[0-9. ,\[\]]+|.{0,12}(is better|equally good).*)$", line)
        for line in echo.splitlines()
    )


@st.composite
def echoes(draw) -> tuple[Case, str, str]:
    case = draw(st.sampled_from(labelled()))
    prompt = case.prompt
    if draw(st.booleans()):
        start, end = 0, len(prompt)
    else:
        start = draw(st.integers(0, len(prompt) - 1))
        end = draw(st.integers(start + 1, len(prompt)))
    echo = prompt[start:end]
    reply = case.reply if draw(st.booleans()) else mutate(draw, case.reply)
    glue = draw(st.sampled_from(("\n", "\n\n", " ", "")))
    first, second = (echo, reply) if draw(st.booleans()) else (reply, echo)
    # Two numbers glued into one are a number changed inside.
    assume(glue or not (re.search(r"[0-9０-９][.。/]?$", first) and re.match(r"[0-9.]", second)))
    return case, echo, f"{first}{glue}{second}"


@MANY
@given(echoes())
def test_echo_of_a_lying_prompt(drawn: tuple[Case, str, str]) -> None:
    case, echo, text = drawn
    assume(not cut_to_a_bare_field(echo))
    same_or_stated(case, case.read(text))


@pytest.mark.parametrize("case", cases(), ids=repr)
def test_whole_echo_before_or_after_changes_nothing(case: Case) -> None:
    for text in (f"{case.prompt}\n{case.reply}", f"{case.reply}\n{case.prompt}"):
        reading = case.read(text)
        assert reading.status == "ok", reading
        same_or_stated(case, reading)
        assert reading.dimensions == case.base.dimensions


@pytest.mark.parametrize("case", cases(), ids=repr)
def test_prompt_alone_is_no_reply(case: Case) -> None:
    assert case.read(case.prompt).status != "ok"
    assert case.read(case.form.template).status != "ok"
    assert case.family.read(case.form, case.form.template).status != "ok"


# What changes nothing -----------------------------------------------------------------------


def in_bold(text: str) -> str:
    return "\n".join(f"**{line.strip()}**" if line.strip() else line for line in text.split("\n"))


HARMLESS = {
    "upper case": str.upper,
    "lower case": str.lower,
    "CRLF": lambda t: t.replace("\r\n", "\n").replace("\n", "\r\n"),
    "spaces around": lambda t: f"\n  {t}  \n",
    "bullets": lambda t: "\n".join(f"- {s}" if s.strip() else s for s in t.split("\n")),
    "bold": in_bold,
    "fence": lambda t: f"```\n{t}\n```",
    "full-width colon": lambda t: t.replace(": ", "："),
}


@pytest.mark.parametrize("change", HARMLESS)
@pytest.mark.parametrize("case", cases(), ids=repr)
def test_harmless_change(case: Case, change: str) -> None:
    is_json = case.form.reader == "score_json" or "Word-wise" in case.reply
    if is_json and change not in ("CRLF", "spaces around", "fence"):
        pytest.skip("inside JSON these change the data")
    if case.form.reader == "pair_edit" and change == "bullets" and case.base.notes:
        pytest.skip("a bullet before a bare number could be its sign")
    reading = case.read(HARMLESS[change](case.reply))
    assert (reading.status, reading.preference, reading.scores, reading.dimensions) == (
        "ok",
        case.base.preference,
        case.base.scores,
        case.base.dimensions,
    ), reading


# Anything at all ----------------------------------------------------------------------------

PIECES = st.sampled_from(
    ("Image 1 is better", "Image 2 is better", "Final Score: ", "Alignment Score (1-5): ", "nan",
     "Word-wise Scores: [[", '{"score": [', "]}", "3", "-", ".", "\n", "Image 1: ", "Style Score:",
     "<answer>", "Edited Image 1: ", "9" * 400, "1e999", "{" * 50, "Overall Judgment: ", "\ud800")
)  # fmt: skip


@MANY
@given(st.sampled_from(cases()), st.lists(PIECES | st.text(max_size=8), max_size=24))
def test_never_raises_and_never_nan(case: Case, pieces: list[str]) -> None:
    reading = case.read("".join(pieces))
    numbers = [*reading.scores.values(), *reading.preference.values()]
    numbers += [v for values in reading.dimensions.values() for v in values.values()]
    assert all(math.isfinite(number) for number in numbers)
    assert all(0 <= score <= 1 for score in reading.scores.values())
    assert (reading.status == "ok") == bool(reading.scores or reading.preference)
    assert (reading.status == "ok") == (reading.reason is None)


@pytest.mark.parametrize(
    "garbage",
    [
        "Image 1 is better than " * 43_000, "(" * 1_000_000, "{" * 1_000_000, "[" * 1_000_000,
        '{"a": ' * 160_000, "Final Score: " * 76_000, " \n" * 500_000, "a. " * 330_000,
        "<answer>" * 125_000, "Word-wise Scores: [" * 52_000, "- " * 500_000, "9" * 1_000_000,
        "Alignment Score (1-5): 3 " * 40_000, "*_" * 500_000, "'" * 1_000_000, "```" * 333_000,
    ],
    ids=lambda text: text[:12].strip() or "spaces",
)  # fmt: skip
def test_a_megabyte_of_garbage_takes_linear_work(garbage: str) -> None:
    """No reader goes back over what it has read: one that did would not return from these."""
    seen = {case.form.reader: case for case in cases()}
    for case in seen.values():
        assert case.read(garbage[:1_000_000]).status != "ok"
