"""A small family and real pictures, so that judging is tested apart from any published grammar."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image as PILImage

from unireward.families.family import Family
from unireward.families.spec import FamilySpec, Form, Reading, Scale
from unireward.record import Candidate, Part, Record
from unireward.rewards import notice

TASK = "image_generation"
VERDICTS = ("first", "second", "equal")


def read_verdict(reply: str, form: Form, prompt: str) -> Reading:
    """``first``, ``second`` or ``equal``, with an optional ``q: x y`` of 0 to 10 each."""
    words = reply.split()
    if not words or words[0] not in VERDICTS:
        return Reading(status="unparsed", reason="no verdict")
    preference = {k: float(words[0] == w) for k, w in zip(("1", "2", "tie"), VERDICTS)}
    found = re.search(r"q: (\S+) (\S+)", reply)
    dimensions = {"quality": {"1": float(found[1]), "2": float(found[2])}} if found else {}
    return Reading(preference=preference, dimensions=dimensions, rationale=reply)


def read_score(reply: str, form: Form, prompt: str) -> Reading:
    try:
        value = float(reply)
    except ValueError:
        return Reading(status="unparsed", reason="no number")
    return Reading(scores={"1": value / 10}, dimensions={form.aspect or "overall": {"1": value}})


def read_pair(reply: str, form: Form, prompt: str) -> Reading:
    try:
        one, two = (float(word) for word in reply.split())
    except ValueError:
        return Reading(status="unparsed", reason="not two numbers")
    best = "tie" if one == two else "1" if one > two else "2"
    return Reading(
        preference={key: float(key == best) for key in ("1", "2", "tie")},
        scores={"1": one, "2": two},
        dimensions={"alignment": {"1": one, "2": two}},
    )


READERS = {"verdict": read_verdict, "score": read_score, "pair": read_pair}


def spec_of(name: str = "plain", choices: tuple[str, ...] = (), **fields: object) -> FamilySpec:
    both = ("1", "2")
    scale = {"overall": Scale(low=0, high=10)}
    forms = [
        Form(task=TASK, mode="rank", template="rank {P}", media=both, reader="verdict",
             choices=choices, max_tokens=8),
        Form(task=TASK, mode="score", template="score {P}", media=("1",), reader="score",
             scales=scale, max_tokens=8),
        Form(task=TASK, mode="pair-score", template="pair {P}", media=both, reader="pair"),
        Form(task="image_editing", mode="score", aspect="kept", template="kept {I}",
             media=("source", "1"), reader="score"),
        Form(task="image_editing", mode="score", aspect="done", template="done {I}",
             media=("1",), reader="score"),
        Form(task="text", mode="rank", template="{Q} / {A1} / {A2}", reader="verdict"),
        Form(task="video_generation", mode="score", template="score {P}", media=("1",),
             reader="score"),
    ]  # fmt: skip
    return FamilySpec(name=name, forms=tuple(forms), **fields)  # type: ignore[arg-type]


def family_of(choices: tuple[str, ...] = (), **fields: object) -> Family:
    return Family(spec_of(choices=choices, **fields), READERS)


@pytest.fixture
def family() -> Family:
    return family_of()


@pytest.fixture
def choosing() -> Family:
    return family_of(choices=VERDICTS)


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Six PNG files of 8x6 pixels, each of its own colour."""
    paths = []
    for number in range(6):
        path = tmp_path / f"{'abcdef'[number]}.png"
        PILImage.new("RGB", (8, 6), (40 * number, 10, 200)).save(path)
        paths.append(path)
    return paths


@pytest.fixture(autouse=True)
def _unsaid() -> None:
    notice.forget()


def record(
    paths: list[Path], prompt: str = "two red circles", name: str = "r1", task: str = TASK
) -> Record:
    return Record(
        id=name,
        task=task,
        prompt=(Part.of_text(prompt),),
        candidates=tuple(Candidate(id=path.stem, content=(Part.of_media(path),)) for path in paths),
    )
