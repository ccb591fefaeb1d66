"""The tiny family's closed grammar: a mutated reply reads the same, or says where it misfits.

Its recorded replies are held to their judgments with those of the other families
(``test_families_replies``). Unlike theirs its grammar has no room for prose: no word may be
added, lost or changed, so the only mutations that may be read are those of no meaning.
"""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unireward.families.tiny
from unireward.families import Form, Reading, get_family
from unireward.families.tiny.spec import DIMENSIONS

REPLIES = Path(unireward.families.tiny.__file__).parent / "replies/replies.jsonl"
TINY = get_family("tiny")
MANY = settings(
    max_examples=300, deadline=None, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
NOUNS = {
    "image_generation": "image", "image_editing": "image", "video_generation": "video",
    "image_understanding": "answer", "video_understanding": "answer",
}  # fmt: skip


@cache
def good() -> list[tuple[Form, str, Reading]]:
    """(form, reply, reading) of every recorded reply that is read."""
    out = []
    for line in REPLIES.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["expected"]["status"] == "ok":
            (form,) = TINY.forms_for(row["task"], row["mode"], row.get("form"))
            out.append((form, row["reply"], TINY.read(form, row["reply"])))
    return out


def same(reading: Reading, base: Reading) -> bool:
    return (reading.scores, reading.dimensions, reading.preference, reading.notes) == (
        base.scores, base.dimensions, base.preference, base.notes
    )  # fmt: skip


def stated(reading: Reading) -> None:
    """Not read: a state with a one-line reason and no number at all."""
    assert reading.status in ("unparsed", "refused")
    assert reading.reason
    assert "\n" not in reading.reason
    assert len(reading.reason) < 200
    assert (reading.scores, reading.dimensions, reading.preference) == ({}, {}, {})


# What it writes is what is read ---------------------------------------------------------------

SCORE = st.integers(4, 20).map(lambda quarter: quarter / 4)
VERDICTS = st.sampled_from(("1", "2", "tie"))


@st.composite
def pairs(draw) -> tuple[str, dict[str, dict[str, float]]]:
    task = draw(st.sampled_from(sorted(DIMENSIONS)))
    return task, {k: {name: draw(SCORE) for name in DIMENSIONS[task]} for k in ("1", "2")}


def written(task: str, both: dict[str, dict[str, float]]) -> str:
    return " ".join(
        f"{NOUNS[task]} {k} : {' '.join(f'{name} {value}' for name, value in values.items())} ."
        for k, values in both.items()
    )


@MANY
@given(pairs())
def test_pair_scores_are_the_numbers_written(pair: tuple) -> None:
    task, both = pair
    (form,) = TINY.forms_for(task, "pair-score")
    reading = TINY.read(form, written(task, both))
    unit = {k: (values["overall"] - 1) / 4 for k, values in both.items()}
    assert reading.status == "ok"
    assert reading.scores == unit
    assert reading.dimensions == {
        name: {k: both[k][name] for k in ("1", "2")} for name in DIMENSIONS[task]
    }
    won = {"1": unit["1"] > unit["2"], "2": unit["2"] > unit["1"], "tie": unit["1"] == unit["2"]}
    assert reading.preference == {k: float(v) for k, v in won.items()}


@MANY
@given(pairs(), VERDICTS)
def test_a_trace_is_decided_by_its_verdict(pair: tuple, verdict: str) -> None:
    task, both = pair
    (form,) = TINY.forms_for(task, "rank", "trace")
    reading = TINY.read(form, f"{written(task, both)} rank : {verdict}")
    assert reading.preference == {k: float(k == verdict) for k in ("1", "2", "tie")}
    assert reading.scores == {}
    first, second = (both[k]["overall"] for k in ("1", "2"))
    best = "tie" if first == second else "1" if first > second else "2"
    assert bool(reading.notes) == (best != verdict)


@pytest.mark.parametrize("task", sorted(DIMENSIONS))
def test_the_pointwise_reply_of_every_task(task: str) -> None:
    (form,) = TINY.forms_for(task, "score")
    names = DIMENSIONS[task]
    reading = TINY.read(form, " ".join(f"{name} {k + 1.5}" for k, name in enumerate(names)))
    assert reading.dimensions == {name: {"1": k + 1.5} for k, name in enumerate(names)}
    assert reading.scores == {"1": (len(names) - 0.5) / 4}


# Mutations ------------------------------------------------------------------------------------

HARMLESS = {
    "upper case": str.upper,
    "title case": str.title,
    "CRLF after each word": lambda t: t.replace(" ", "\r\n"),
    "spaces around": lambda t: f"\n \t{t}  \r\n",
    "bold": lambda t: f"**{t.strip()}**",
    "bold words": lambda t: re.sub(r"([a-zA-Z]+)", r"**\1**", t),
    "fence": lambda t: f"```\n{t}\n```",
    "heading": lambda t: f"## {t}",
    "full-width colon and stop": lambda t: t.replace(" : ", "：").replace(" .", "。"),
    "zero-width space": lambda t: t.replace(" ", " \u200b"),
    "no full stop": lambda t: re.sub(r"\s+\.(?=\s|$)", "", t),
}


@pytest.mark.parametrize("change", HARMLESS)
def test_what_changes_no_meaning_changes_nothing(change: str) -> None:
    assert len(good()) >= 20
    for form, reply, base in good():
        reading = TINY.read(form, HARMLESS[change](reply))
        assert reading.status == "ok", (reply, reading)
        assert same(reading, base)


def words_of(reply: str) -> list[str]:
    return re.findall(r"[0-9]+\.[0-9]+|[0-9]+|[A-Za-z]+|[:.]", reply)


@cache
def plain() -> list[tuple[Form, list[str], Reading]]:
    """The good replies that are only words of the grammar, as words."""
    return [
        (form, words_of(reply), base)
        for form, reply, base in good()
        if "".join(words_of(reply)) == re.sub(r"\s", "", reply)
    ]


# No list mark among them: one before a word changes nothing.
OTHER = st.sampled_from(
    ("nan", "inf", "%", "4,5", "4/5", "1e0", "true", "image", "video", "3", "9.5", "0", "not",
     "better", "is", "alignment", "overall", "rank", ":", ":", "or", "tie", "٤", "4 . 5", "<1>")
)  # fmt: skip


@st.composite
def broken(draw) -> tuple[Form, list[str], list[str], Reading]:
    """A good reply with a word lost, added, doubled or put in another's place."""
    form, words, base = draw(st.sampled_from(plain()))
    at = draw(st.integers(0, len(words) - 1))
    kind = draw(st.sampled_from(("lose", "add", "double", "replace", "swap")))
    changed = list(words)
    if kind == "lose":
        del changed[at]
    elif kind == "add":
        changed.insert(draw(st.integers(0, len(words))), draw(OTHER))
    elif kind == "double":
        changed.insert(at, words[at])
    elif kind == "replace":
        changed[at] = draw(OTHER)
    else:
        other = draw(st.integers(0, len(words) - 1))
        changed[at], changed[other] = changed[other], changed[at]
    return form, words, changed, base


@MANY
@given(broken())
def test_one_word_amiss_is_stated_unless_it_is_another_good_reply(mutant: tuple) -> None:
    form, words, changed, base = mutant
    reading = TINY.read(form, " ".join(changed))
    without = [word for word in changed if word != "."]
    if without == [word for word in words if word != "."] and reading.status == "ok":
        assert same(reading, base)  # a full stop fewer
    elif reading.status == "ok":
        # The grammar holds: same words in the same places, another number or verdict in one.
        shape = [re.sub(r"^([0-9.]+|tie)$", "#", word) for word in without]
        assert shape == [re.sub(r"^([0-9.]+|tie)$", "#", w) for w in words if w != "."]
        written_values = {float(word) for word in without if word[0].isdigit()}
        read = {v for values in reading.dimensions.values() for v in values.values()}
        assert read <= written_values
        assert all(1 <= value <= 5 for value in read)
    else:
        stated(reading)


@MANY
@given(
    st.sampled_from(TINY.spec.forms),
    st.lists(OTHER | VERDICTS | st.text(max_size=6) | SCORE.map(str), max_size=30),
)
def test_never_raises_and_never_a_number_beside_the_scale(form: Form, pieces: list[str]) -> None:
    reading = TINY.read(form, " ".join(pieces))
    if reading.status != "ok":
        assert reading.reason
        assert (reading.scores, reading.dimensions, reading.preference) == ({}, {}, {})
        return
    assert reading.scores or reading.preference
    assert all(0 <= score <= 1 for score in reading.scores.values())
    assert math.fsum(reading.preference.values()) in (0.0, 1.0)


@pytest.mark.parametrize(
    "garbage",
    ["9" * 999_999, "a" * 999_999, "1 " * 499_999, "\n" * 999_998 + "1", "image 1 : " * 99_999,
     "- " * 499_999, "alignment 4.5 " * 71_000, "." * 999_999, "4." * 499_999, "*_" * 499_999],
    ids=lambda text: text[:8].strip() or "lines",
)  # fmt: skip
def test_a_megabyte_of_garbage_has_a_short_reason(garbage: str) -> None:
    """No reader goes back over what it has read: one that did would not return from these."""
    for form in TINY.spec.forms[:4]:
        reading = TINY.read(form, garbage)
        if garbage.endswith("\n1") and form.reader == "verdict":
            assert reading.preference == {"1": 1.0, "2": 0.0, "tie": 0.0}
        else:
            stated(reading)


def test_the_prompt_itself_is_no_reply() -> None:
    for form in TINY.spec.forms:
        stated(TINY.read(form, form.template))
        for caption in ("1", "two red circles . rank : 1"):
            prompt = re.sub(r"\{(?:P|Q|A1|A2|R|I)\}", caption, form.template)
            stated(TINY.read(form, prompt, "stop", prompt))


def test_every_form_has_a_recorded_reply() -> None:
    rows = [json.loads(line) for line in REPLIES.read_text("utf-8").splitlines()]
    told = {(row["task"], row["mode"], row.get("form", "")) for row in rows}
    assert told == {(form.task, form.mode, form.name) for form in TINY.spec.forms}
