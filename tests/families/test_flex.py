"""Flex: recorded trees to exact readings, and trees bent by machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward import families
from unireward.families import Reading, get_family, parse_reply

FOLDER = Path(families.__file__).parent / "unifiedreward_flex" / "replies"
ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for path in sorted(FOLDER.glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
TASKS = ("image_generation", "video_generation")


def test_there_are_enough_recorded_replies_of_every_task_and_state() -> None:
    assert len(ROWS) >= 15
    assert {row["task"] for row in ROWS} == set(TASKS)
    assert {row["expected"]["status"] for row in ROWS} == {
        "ok", "unparsed", "truncated", "refused",
    }  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_recorded_reply(row: dict[str, Any]) -> None:
    got = parse_reply(
        "unifiedreward-flex", row["reply"], row["task"], row["mode"],
        finish_reason=row["finish_reason"],
    )  # fmt: skip
    expected = row["expected"]
    assert got.status == expected["status"], got.reason
    assert got.preference == expected.get("preference", {})
    assert got.dimensions == expected.get("dimensions", {})
    assert list(got.notes) == expected.get("notes", [])
    assert got.scores == {}
    if "rationale" in expected:
        assert got.rationale == expected["rationale"]
    if got.status == "ok":
        assert got.reason is None
    else:
        assert expected["reason"] in (got.reason or "")
        assert got.rationale is None


# The prompts --------------------------------------------------------------------------------


@pytest.mark.parametrize("task", TASKS)
def test_prompts_have_the_sections_in_order_and_an_open_fence(task: str) -> None:
    (form,) = get_family("unifiedreward-flex").forms_for(task, "rank")
    label = "Image" if task == "image_generation" else "Video"
    at = [
        form.template.index(part)
        for part in (
            "## Identity", "## Evaluation Framework", "**A. ", "**B. ", "**C. ", "Category D",
            "## Input Data", "**Prompt:** [{P}]", f"[{label} 1] \n[{label} 2] \n",
            "## Output Format", "```json\n", '"categories"', '"dims"', '"reason_1"', '"score_1"',
            '"cat_reason"', '"cat_winner"', '\n  "reason"', '\n  "winner"',
        )
    ]  # fmt: skip
    assert at == sorted(at)
    assert form.template.count("```") == 1, "the fence is opened and never closed"
    assert form.media == ("1", "2")


@pytest.mark.parametrize("task", TASKS)
def test_a_repeated_prompt_is_no_judgment(task: str) -> None:
    family = get_family("unifiedreward-flex")
    (form,) = family.forms_for(task, "rank")
    for prompt in ("", form.template):
        got = family.read(form, form.template, prompt=prompt)
        assert got.status == "unparsed"
        assert got.dimensions == {}


# Bent replies -------------------------------------------------------------------------------

FIXED = "\x00"  # around what a change must leave alone: the numbers and the winners
CATEGORIES = ("A. Semantic Alignment", "B. Image Quality", "C. Aesthetics", "D. Lettering")
SUBS = ("Count", "Colour of things", "Sharpness", "Mood")
REASONS = ("plain", "3 of 4 {are} there", 'it says \\"Image 2\\"', "score_1 is 9, 1 is not")


@st.composite
def good_trees(draw: st.DrawFn) -> tuple[str, str, dict[str, tuple[float, float]]]:
    """``(reply with its numbers marked, verdict, dimensions)``, pretty-printed by hand."""
    verdict = draw(st.sampled_from("12"))
    known: dict[str, tuple[float, float]] = {}
    blocks = []
    for name in CATEGORIES[: draw(st.integers(1, 4))]:
        letter = name[0].lower()
        shares = []
        for sub in SUBS[: draw(st.integers(1, 4))]:
            score = draw(st.integers(0, 10))
            shares.append((sub, score))
            known[f"{letter}_{sub.lower().replace(' ', '_')}"] = (score, 10 - score)
        mean = sum(score for _, score in shares) / len(shares)
        known[letter] = (mean, sum(10 - score for _, score in shares) / len(shares))
        dims = ",\n".join(
            f'        {{\n          "name": "{sub}",\n'
            f'          "reason_1": "{draw(st.sampled_from(REASONS))}",\n'
            f'          "score_1": {FIXED}{score}{FIXED},\n'
            f'          "score_2": {FIXED}{10 - score}{FIXED}\n        }}'
            for sub, score in shares
        )
        winner = draw(st.sampled_from("12"))
        blocks.append(
            f'    {{\n      "name": "{name}",\n      "dims": [\n{dims}\n      ],\n'
            f'      "cat_winner": "{FIXED}Image {winner}{FIXED}"\n    }}'
        )
    body = ",\n".join(blocks)
    text = (
        f'{{\n  "categories": [\n{body}\n  ],\n  "reason": "{draw(st.sampled_from(REASONS))}",\n'
        f'  "winner": "{FIXED}Image {verdict}{FIXED}"\n}}'
    )
    return text, verdict, known


FREE = st.text(alphabet='abIimage .,;:()*_{}[]"\\/-\n你', max_size=6)


def _bend(draw: st.DrawFn, marked: str) -> str:
    """One change somewhere outside of the numbers and winners."""
    pieces = marked.split(FIXED)
    kind = draw(st.sampled_from(("drop", "insert", "double", "line", "line2", "swap", "cut")))
    if kind in ("drop", "insert", "double"):
        which = draw(st.sampled_from([i for i in range(0, len(pieces), 2) if len(pieces[i]) > 2]))
        piece = pieces[which]
        start = draw(st.integers(1, len(piece) - 1))
        stop = min(len(piece) - 1, start + draw(st.integers(0, 12)))
        taken = piece[start:stop]
        middle = {"drop": "", "insert": draw(FREE) + taken, "double": taken * 2}[kind]
        pieces[which] = piece[:start] + middle + piece[stop:]
        return "".join(pieces)
    lines = "".join(pieces).split("\n")
    at = draw(st.integers(0, len(lines) - 2))
    if kind == "line":
        del lines[at]
    elif kind == "line2":
        lines.insert(at, lines[at])
    elif kind == "swap":
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    else:
        return "\n".join(lines)[: draw(st.integers(0, len("\n".join(lines))))]
    return "\n".join(lines)


def _dress(draw: st.DrawFn, reply: str) -> str:
    """Changes that must not matter at all."""
    before = draw(st.sampled_from(("", "```json\n", "Here is it:\n```\n", "<think>no {x}</think>")))
    after = draw(st.sampled_from(("", "\n```", '\n```\nThe winner is "Image 2", or {Image 1}.')))
    if draw(st.booleans()):
        reply = reply.replace("\n", "\r\n")
    return before + reply + after


def _check_honest(got: Reading, verdict: str, known: dict[str, tuple[float, float]]) -> None:
    if got.status != "ok":
        assert got.reason
        assert got.preference == {}
        assert got.dimensions == {}
        return
    assert got.preference[verdict] == 1.0
    pairs = list(known.values())
    for name, held in got.dimensions.items():
        pair = (held["1"], held["2"])
        if name in known:
            assert pair == pytest.approx(known[name]), name
        else:
            assert pair in pairs, f"{name} is read from nowhere"


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_dressed_replies_read_the_same(data: st.DataObject) -> None:
    marked, verdict, known = data.draw(good_trees())
    reply = _dress(data.draw, marked.replace(FIXED, ""))
    got = parse_reply("unifiedreward-flex", reply, TASKS[0], "rank")
    assert got.status == "ok", got.reason
    assert got.preference[verdict] == 1.0
    assert got.dimensions.keys() == known.keys()
    _check_honest(got, verdict, known)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_bent_replies_never_yield_another_number(data: st.DataObject) -> None:
    marked, verdict, known = data.draw(good_trees())
    reply = _dress(data.draw, _bend(data.draw, marked))
    _check_honest(parse_reply("unifiedreward-flex", reply, TASKS[0], "rank"), verdict, known)


def _prompts() -> list[str]:
    """Our own prompt, and a twin whose skeleton is filled in so that it is valid JSON."""
    (form,) = get_family("unifiedreward-flex").forms_for("image_generation", "rank")
    own = form.template.replace("{P}", "two red circles")
    full = own.replace("<0 to 10>", "9").replace("<Image 1 or Image 2>", "Image 1")
    return [own, own.replace("<0 to 10>", "0-10"), full]


PROMPTS = _prompts()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_echoes_of_the_prompt_are_never_read(data: st.DataObject) -> None:
    marked, verdict, known = data.draw(good_trees())
    reply = marked.replace(FIXED, "")
    prompt = data.draw(st.sampled_from(PROMPTS))
    lines = prompt.split("\n")
    start = data.draw(st.integers(0, len(lines) - 1))
    stop = data.draw(st.sampled_from([len(lines), data.draw(st.integers(start + 1, len(lines)))]))
    chunk = "\n".join(lines[start:stop])
    echoed = f"{chunk}\n{reply}" if data.draw(st.booleans()) else f"{reply}\n{chunk}"
    got = parse_reply("unifiedreward-flex", echoed, TASKS[0], "rank", prompt=prompt)
    _check_honest(got, verdict, known)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_whole_echo_changes_nothing(prompt: str) -> None:
    reply = ROWS[0]["reply"]
    plain = parse_reply("unifiedreward-flex", reply, TASKS[0], "rank")
    assert plain.status == "ok"
    for echoed in (f"{prompt}\n{reply}", f"{reply}\n{prompt}", f"{prompt}{reply}"):
        got = parse_reply("unifiedreward-flex", echoed, TASKS[0], "rank", prompt=prompt)
        assert got == plain


@pytest.mark.parametrize(
    "text", ["{" * 200_000, '{"a":' * 200_000, '"' * 200_001, "{}" * 100_000, "[" * 200_000 + "{}"]
)
def test_brackets_without_end_are_unparsed(text: str) -> None:
    got = parse_reply("unifiedreward-flex", text, TASKS[0], "rank")
    assert got.status == "unparsed"
    assert "no complete JSON object" in (got.reason or "") or "no JSON" in (got.reason or "")


def test_an_object_nested_too_deeply_is_unparsed() -> None:
    text = '{"winner": "Image 1", "x": ' + '{"x": ' * 20_000 + "1" + "}" * 20_001
    got = parse_reply("unifiedreward-flex", text, TASKS[0], "rank")
    assert (got.status, got.reason) == ("unparsed", "the JSON object is nested too deeply")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.sampled_from(TASKS))
def test_any_text_at_all_is_a_reading(text: str, task: str) -> None:
    got = parse_reply("unifiedreward-flex", text, task, "rank")
    assert (got.reason is None) == (got.status == "ok")
