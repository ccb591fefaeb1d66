"""Grey pictures whose brightness is their quality: a policy that makes them, a judge that sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from unireward.ask import Ask
from unireward.curation import Case
from unireward.curation.lot import lot
from unireward.engines import ScriptedEngine
from unireward.media import Image
from unireward.prompt import Prompt
from unireward.record import Candidate, Part
from unireward.rewards import notice
from unireward.rewards.judge import Judge
from unireward.sampled import Sampled, candidate_name

FAMILY = "unifiedreward/qwen"


@pytest.fixture(autouse=True)
def _apart(monkeypatch, tmp_path):
    monkeypatch.setenv("UNIREWARD_CACHE", str(tmp_path / "cache"))
    notice.forget()


def grey(level: int, size: tuple[int, int] = (8, 6)) -> Image:
    width, height = size
    return Image(np.full((height, width, 3), level, dtype=np.uint8))


def picture(name: str, level: int) -> Candidate:
    return Candidate(id=name, content=(Part(type="image", media=grey(level)),))


def prompt_of(number: int, task: str = "image_generation") -> Prompt:
    return Prompt(id=f"p{number}", task=task, prompt=(Part.of_text(f"a grey card, {number}"),))


def prompts_of(count: int) -> list[Prompt]:
    return [prompt_of(number) for number in range(count)]


def case_of(levels: Sequence[int], number: int = 0) -> Case:
    """A case of pictures with these brightnesses, named a, b, ..."""
    made = [picture(candidate_name(at), level) for at, level in enumerate(levels)]
    return Case(prompt=prompt_of(number), candidates=tuple(made))


def answers_of(*texts: str, number: int = 0) -> Case:
    made = [
        Candidate(id=candidate_name(at), content=(Part.of_text(text),))
        for at, text in enumerate(texts)
    ]
    return Case(prompt=prompt_of(number, "text"), candidates=tuple(made))


class GreyPolicy:
    """Pictures of a brightness drawn by lot; ``broken`` (prompt id, index) -> why it was not made.
    ``made`` lists the prompts sampled, in order."""

    name, identity = "grey", "grey@1"

    def __init__(self, broken: dict[tuple[str, int], str] | None = None) -> None:
        self.broken = broken or {}
        self.made: list[str] = []

    def sample(self, prompts: Sequence[Prompt], n: int, seed: int) -> list[Sampled]:
        return [self._of(prompt, n, seed) for prompt in prompts]

    def _of(self, prompt: Prompt, n: int, seed: int) -> Sampled:
        self.made.append(prompt.id)
        names = [candidate_name(at) for at in range(n)]
        levels = [20 + int(200 * lot(seed, prompt.id, name)) for name in names]
        out = {
            name: self.broken[prompt.id, at]
            for at, name in enumerate(names)
            if (prompt.id, at) in self.broken
        }
        made = [picture(name, level) for name, level in zip(names, levels) if name not in out]
        seeds = {name: seed + at for at, name in enumerate(names)}
        return Sampled(prompt, self.name, tuple(made), seeds, {"width": 8, "height": 6}, out)


def levels_in(ask: Ask) -> list[int]:
    """The brightness of each picture shown."""
    return [round(float(np.asarray(part.image.load()).mean())) for part in ask.media]


def by_brightness(ask: Ask) -> str:
    """The brighter of two, and 1 to 10 for one alone."""
    levels = levels_in(ask)
    if len(levels) == 1:
        return f"Final Score: {max(1, round(levels[0] / 25))}"
    if levels[0] == levels[1]:
        return "Both images are equally good"
    return f"Image {1 if levels[0] > levels[1] else 2} is better"


def judge_of(
    says: Callable[[Ask], object] | str = by_brightness, family: str = FAMILY, **options
) -> Judge:
    """A judge in words, as ``says`` has them."""
    reply = says if callable(says) else lambda ask: says
    given = {
        name: options.pop(name) for name in ("faults", "window", "capabilities") if name in options
    }
    engine = ScriptedEngine(reply, identity="scripted:fixed", **given)
    return Judge(engine, family, **options)


def run(step, cases: Iterable[Case]) -> list[Case]:
    return list(step(iter(cases)))


def one(step, case: Case) -> Case:
    (after,) = run(step, [case])
    return after


def write_prompts_file(folder: Path, count: int, name: str = "prompts.txt") -> Path:
    path = folder / name
    path.write_text("".join(f"a grey card, {number}\n" for number in range(count)))
    return path


def draw(prompts: list[str], n: int, seed: int) -> list[list[object]]:
    """Striped arrays of a brightness of their own; the first is black, the second holds NaN."""
    made: list[object] = [np.zeros((6, 8, 3)), np.full((6, 8, 3), np.nan)]
    for at in range(2, n):
        stripes = np.full((6, 8, 3), 0.1 + 0.1 * at)
        stripes[::2] = 0
        made.append(stripes)
    return [made for _ in prompts]


POLICY = GreyPolicy()
"""What ``policy: tests.curation.conftest:POLICY`` of a config names."""


@pytest.fixture
def room(tmp_path, monkeypatch):
    """``room(...)`` makes a config in a folder of its own: a policy of grey pictures, and the judge
    that sees brightness under every name."""
    from unireward.curation import config

    monkeypatch.chdir(tmp_path)
    judges: dict[str, Judge] = {}

    def load(self):
        return judges.setdefault(self.path, judge_of())

    monkeypatch.setattr(config.JudgeConfig, "load", load)

    def make(*overrides: str, prompts: int = 12, **body):
        if "records" not in body:
            write_prompts_file(tmp_path, prompts)
            body = {
                "prompts": "prompts.txt",
                "task": "image_generation",
                "policy": "tests.curation.conftest:POLICY",
                **body,
            }
        body = {"output": "out", "judge": "bright", "candidates": 4, "steps": SIFTING, **body}
        return config.parse_config(body, overrides)

    make.judges = judges
    return make


SIFTING = ["sample", "pair_rank", {"point_sift": {"form": "sift"}}]


def rows_of(path: Path) -> list[dict]:
    import json

    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def plain(path: Path) -> list[dict]:
    """Rows without what may differ between two runs."""
    import json
    import re

    text = path.read_text(encoding="utf-8")
    return [
        json.loads(re.sub(r'"(cached|seconds)": [\d.]+', r'"\1": 0', line))
        for line in text.splitlines()
    ]
