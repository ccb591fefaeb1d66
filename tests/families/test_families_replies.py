"""Recorded-style replies of each family, held to their exact judgments."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import unireward.families
from unireward.families import get_family

ROOT = Path(unireward.families.__file__).parent
FAMILIES = (
    "unifiedreward", "unifiedreward_2", "unifiedreward_edit", "tiny", "head", "two_tower", "yes_no",
    "checklist", "zero_shot",
)  # fmt: skip
WORDS = {
    "P": "two red circles left of 1 blue square",
    "Q": "How many circles are there?",
    "I": "make the 2 circles red",
    "A1": "There are 2 circles.",
    "A2": "There are 3 of them.",
    "R": "There are 2 circles.",
}


def rows() -> list:
    return [
        pytest.param(folder.replace("_", "-"), row, id=f"{folder}-{row['name']}")
        for folder in FAMILIES
        for line in (ROOT / folder / "replies/replies.jsonl").read_text("utf-8").splitlines()
        for row in [json.loads(line)]
    ]


def fill(template: str, words: dict[str, str]) -> str:
    return re.sub(r"\{(P|Q|A1|A2|R|I)\}", lambda m: words[m.group(1)], template)


def check(reading, expected: dict) -> None:
    assert reading.status == expected["status"], reading
    if expected["status"] != "ok":
        assert expected["reason"] in reading.reason
        assert "\n" not in reading.reason
        assert (reading.preference, reading.scores, reading.dimensions) == ({}, {}, {})
        assert reading.spans == ()
        return
    assert reading.reason is None
    assert reading.preference == expected.get("preference", {})
    assert reading.dimensions == expected["dimensions"]
    assert reading.scores == pytest.approx(expected["scores"], abs=1e-12)
    assert list(reading.notes) == expected["notes"]
    if "spans" in expected:
        spans = [[s.kind, s.dimension, s.text, s.value] for s in reading.spans]
        assert spans == expected["spans"]


@pytest.mark.parametrize(("family_id", "row"), rows())
def test_reply(family_id: str, row: dict) -> None:
    family = get_family("/".join([family_id, *([row["variant"]] if "variant" in row else [])]))
    form = family.forms_for(row["task"], row["mode"], row.get("form"), row.get("aspect"))[0]
    prompt = fill(form.template, WORDS | row.get("words", {}))
    reply = row["reply"].replace("⟦prompt⟧", prompt)
    finish = row.get("finish_reason", "stop")
    check(family.read(form, reply, finish, prompt), row["expected"])
    if "words" not in row and "⟦" not in row["reply"]:
        # What is read does not hang on the prompt where nothing of it is echoed.
        check(family.read(form, reply, finish), row["expected"])


@pytest.mark.parametrize("folder", FAMILIES)
def test_enough_replies(folder: str) -> None:
    lines = (ROOT / folder / "replies/replies.jsonl").read_text("utf-8").splitlines()
    covered = {(row["task"], row["mode"]) for row in map(json.loads, lines)}
    family = get_family(folder.replace("_", "-"))
    own = {(f.task, f.mode) for f in family.spec.forms}
    inherited = {"unifiedreward_2": {"unifiedreward"}, "unifiedreward_edit": set()}
    if not inherited.get(folder):
        assert covered == own
    assert len(lines) >= 15
