"""Think: recorded replies to exact readings, and replies bent by machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unireward import families
from unireward.families import Reading, get_family, parse_reply

FOLDER = Path(families.__file__).parent / "unifiedreward_think" / "replies"
ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for path in sorted(FOLDER.glob("*.jsonl"))
    for line in path.read_text(encoding="utf-8").splitlines()
]
VARIANTS = ("qwen3", "qwen2.5", "llava")
TASKS = ("image_generation", "video_generation", "image_understanding", "video_understanding")


def test_there_are_enough_recorded_replies_of_every_task_and_state() -> None:
    assert len(ROWS) >= 15
    assert {row["task"] for row in ROWS} == set(TASKS)
    assert {row["expected"]["status"] for row in ROWS} == {
        "ok", "unparsed", "truncated", "refused",
    }  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("row", ROWS, ids=[row["name"] for row in ROWS])
def test_recorded_reply(row: dict[str, Any], variant: str) -> None:
    """Every variant reads every reply: one reader for both grammars."""
    got = parse_reply(
        "unifiedreward-think", row["reply"], row["task"], row["mode"], variant=variant,
        finish_reason=row["finish_reason"],
    )  # fmt: skip
    expected = row["expected"]
    assert got.status == expected["status"], got.reason
    assert got.preference == expected.get("preference", {})
    assert got.dimensions == expected.get("dimensions", {})
    assert list(got.notes) == expected.get("notes", [])
    assert got.scores == {}
    if got.status == "ok":
        assert got.reason is None
    else:
        assert expected.get("reason", "?") in (got.reason or "")
        assert got.rationale is None


def test_the_rationale_is_the_thinking_and_nothing_else() -> None:
    reply = "<think>\n1. Aesthetics: Image 1 (8/10) - a; Image 2 (7/10) - b\n</think>\n"
    got = parse_reply(
        "unifiedreward-think", reply + "<answer>Image 1 is better</answer>", TASKS[0], "rank"
    )
    assert got.rationale == "1. Aesthetics: Image 1 (8/10) - a; Image 2 (7/10) - b"


# The prompts --------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", TASKS)
def test_prompts_have_the_grammar_of_their_generation(variant: str, task: str) -> None:
    family = get_family(f"unifiedreward-think/{variant}")
    (form,) = family.forms_for(task, "rank")
    label = {"image_generation": "Image", "video_generation": "Video"}.get(task, "Answer")
    words = {"{P}"} if label != "Answer" else {"{Q}", "{A1}", "{A2}"}
    assert {w for w in ("{P}", "{Q}", "{A1}", "{A2}", "{R}", "{I}") if w in form.template} == words
    assert f"{label} 1 is better" in form.template
    assert f"{label} 2 is better" in form.template
    assert form.media == (("prompt",) if label == "Answer" else ("1", "2"))
    example = form.template[form.template.rindex("<think>") :]
    assert example.index("<think>") < example.index("Total score:") < example.index("</think>")
    assert example.index("</think>") < example.index("<answer>")
    if variant == "qwen3":
        asked = form.template.index("「")
        assert asked < form.template.index("core dimensions"), "the inputs stand in the middle"
        assert f"1. {next(iter(_titles(form)))}: \n" in form.template
    else:
        assert form.template.rstrip().endswith(("]", "{A2}")), "the task stands at the end"
        assert f"1. {next(iter(_titles(form)))}: {label} 1 (x/10) - " in form.template


def _titles(form: Any) -> list[str]:
    return [name.replace("_", " ").capitalize() for name in form.scales]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", TASKS)
def test_a_repeated_prompt_is_no_judgment(variant: str, task: str) -> None:
    family = get_family(f"unifiedreward-think/{variant}")
    (form,) = family.forms_for(task, "rank")
    for prompt in ("", form.template):
        got = family.read(form, form.template, prompt=prompt)
        assert got.status == "unparsed"
        assert got.dimensions == {}


# Bent replies -------------------------------------------------------------------------------

NAMES = ("Semantic consistency", "Aesthetics", "Authenticity", "Lighting", "Use of the frame")
FIXED = "\x00"  # around what a change must leave alone: the numbers themselves


@st.composite
def good_replies(draw: st.DrawFn) -> tuple[str, str, dict[str, tuple[int, int]]]:
    """``(reply with its numbers marked, verdict, scores)`` in one of the two grammars."""
    names = NAMES[: draw(st.integers(1, 5))]
    scores = {n: (draw(st.integers(0, 10)), draw(st.integers(0, 10))) for n in names}
    block = draw(st.booleans())
    lines = ["<think>"]
    for at, (name, pair) in enumerate(scores.items(), 1):
        one, two = (
            f"Image {k} {FIXED}({v}/10){FIXED} - {draw(st.sampled_from(REASONS))}"
            for k, v in zip((1, 2), pair, strict=True)
        )
        if block:
            lines += [f"{at}. {name}: ", f"    {one}; ", f"    {two}"]
        else:
            first, second = (one, two) if draw(st.booleans()) else (two, one)
            lines += [f"{at}. {name}: {first}; {second}"]
    lines += ["Total score:"]
    for k in (1, 2):
        parts = [pair[k - 1] for pair in scores.values()]
        lines.append(f"Image {k}: {FIXED}{'+'.join(map(str, parts))}={sum(parts)}{FIXED}")
    verdict = draw(st.sampled_from("12"))
    lines += ["</think>", f"<answer>{FIXED}Image {verdict} is better{FIXED}</answer>"]
    return "\n".join(lines), verdict, scores


REASONS = (
    "two of 3 things are there",
    "clear; soft light, 1 shadow too many",
    "so and so...",
    "better than the other (by far)",
    "Image quality is high",
)
FREE = st.text(alphabet="abIimage .,;:()*_#<>/-\n\t你", max_size=6)


def _bend(draw: st.DrawFn, marked: str) -> str:
    """One change somewhere outside of the numbers: a stretch dropped, put in or doubled; a line
    dropped, doubled or moved; the end cut off."""
    pieces = marked.split(FIXED)
    kind = draw(st.sampled_from(("drop", "insert", "double", "line", "line2", "swap", "cut")))
    if kind in ("drop", "insert", "double"):
        which = draw(st.sampled_from([i for i in range(0, len(pieces), 2) if len(pieces[i]) > 2]))
        piece = pieces[which]
        start = draw(st.integers(1, len(piece) - 1))
        stop = min(len(piece) - 1, start + draw(st.integers(0, 6)))
        middle = {
            "drop": "",
            "insert": draw(FREE) + piece[start:stop],
            "double": piece[start:stop] * 2,
        }
        pieces[which] = piece[:start] + middle[kind] + piece[stop:]
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
    if draw(st.booleans()):
        reply = reply.replace("\n", "\r\n")
    if draw(st.booleans()):
        reply = reply.replace("Image 1", "**Image 1**").replace("Total score:", "**Total score:**")
    if draw(st.booleans()):
        reply = reply.lower()
    if draw(st.booleans()):
        reply = reply.replace(" is better<", " is better.<")
    return "  " * draw(st.integers(0, 2)) + reply + "\n" * draw(st.integers(0, 2))


def _prompts() -> list[str]:
    """Our own prompts, and twins whose example holds numbers and a verdict as published ones do."""
    own = [
        get_family(f"unifiedreward-think/{v}").forms_for("image_generation", "rank")[0].template
        for v in ("qwen3", "qwen2.5")
    ]
    full = [
        text.replace("(x/10)", "(9/10)").replace("(y/10)", "(4/10)")
        .replace("x+x+x+x+x=total", "9+9+9+9+9=45")
        .replace("<answer>Image N", "<answer>Image 1")
        for text in own
    ]  # fmt: skip
    return own + full


PROMPTS = [text.replace("{P}", "two red circles") for text in _prompts()]


def _echo(draw: st.DrawFn, reply: str, prompt: str) -> str:
    """The prompt, or some lines of it, before, after or inside of the reply."""
    lines = prompt.split("\n")
    if draw(st.booleans()):
        chunk = prompt
    else:
        start = draw(st.integers(0, len(lines) - 1))
        chunk = "\n".join(lines[start : draw(st.integers(start + 1, len(lines)))])
    own = reply.split("\n")
    at = draw(st.sampled_from([0, len(own), draw(st.integers(0, len(own)))]))
    return "\n".join([*own[:at], chunk, *own[at:]])


def _check_honest(got: Reading, verdict: str, scores: dict[str, tuple[int, int]]) -> None:
    """The same judgment (perhaps with dimensions lost or renamed), or a state with a reason."""
    if got.status != "ok":
        assert got.reason
        assert got.preference == {}
        assert got.dimensions == {}
        return
    assert got.preference[verdict] == 1.0
    known = {n.lower().replace(" ", "_"): {"1": a, "2": b} for n, (a, b) in scores.items()}
    for name, held in got.dimensions.items():
        if name in known:
            assert held == known[name], name
        else:
            assert held in known.values(), f"{name} is read from nowhere"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_dressed_replies_read_the_same(data: st.DataObject) -> None:
    marked, verdict, scores = data.draw(good_replies())
    got = parse_reply(
        "unifiedreward-think", _dress(data.draw, marked.replace(FIXED, "")), TASKS[0], "rank"
    )
    assert got.status == "ok", got.reason
    assert got.preference[verdict] == 1.0
    assert got.dimensions == {
        n.lower().replace(" ", "_"): {"1": float(a), "2": float(b)} for n, (a, b) in scores.items()
    }
    favoured = sum(a - b for a, b in scores.values())
    against = favoured != 0 and (favoured > 0) != (verdict == "1")
    assert len(got.notes) == int(against), got.notes


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_bent_replies_never_yield_another_number(data: st.DataObject) -> None:
    marked, verdict, scores = data.draw(good_replies())
    reply = _dress(data.draw, _bend(data.draw, marked))
    _check_honest(parse_reply("unifiedreward-think", reply, TASKS[0], "rank"), verdict, scores)


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_echoes_of_the_prompt_are_never_read(data: st.DataObject) -> None:
    marked, verdict, scores = data.draw(good_replies())
    prompt = data.draw(st.sampled_from(PROMPTS))
    reply = _echo(data.draw, marked.replace(FIXED, ""), prompt)
    got = parse_reply("unifiedreward-think", reply, TASKS[0], "rank", prompt=prompt)
    _check_honest(got, verdict, scores)


@pytest.mark.parametrize("prompt", PROMPTS)
def test_a_whole_echo_changes_nothing(prompt: str) -> None:
    reply = ROWS[0]["reply"]
    plain = parse_reply("unifiedreward-think", reply, TASKS[0], "rank")
    for echoed in (f"{prompt}\n{reply}", f"{reply}\n{prompt}", f"{prompt}{reply}"):
        got = parse_reply("unifiedreward-think", echoed, TASKS[0], "rank", prompt=prompt)
        assert got == plain


def test_a_whole_echo_is_known_without_its_system_message() -> None:
    reply = ROWS[0]["reply"]
    told = parse_reply(
        "unifiedreward-think", f"{PROMPTS[3]}\n{reply}", TASKS[0], "rank", variant="llava",
        prompt=f"You are a helpful assistant.\n\n \n{PROMPTS[3]}",
    )  # fmt: skip
    assert told == parse_reply("unifiedreward-think", reply, TASKS[0], "rank", variant="llava")


@pytest.mark.parametrize("prompt", PROMPTS[2:])
def test_the_prompts_example_given_back_is_no_judgment(prompt: str) -> None:
    example = prompt[prompt.rindex("<think>") : prompt.rindex("</answer>") + len("</answer>")]
    got = parse_reply("unifiedreward-think", example, TASKS[0], "rank", prompt=prompt)
    assert (got.status, got.reason) == ("unparsed", "the reply only repeats the prompt's example")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=400), st.sampled_from(TASKS))
def test_any_text_at_all_is_a_reading(text: str, task: str) -> None:
    got = parse_reply("unifiedreward-think", text, task, "rank")
    assert (got.reason is None) == (got.status == "ok")
