"""What every policy keeps: order, names, seeds, and candidates that hang on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from unireward.engines import ScriptedEngine
from unireward.errors import UsageError
from unireward.files import read_records, write_records
from unireward.policies import AnswerPolicy, FolderPolicy, FunctionPolicy
from unireward.prompt import Prompt
from unireward.protocols import Policy
from unireward.record import Part
from unireward.sampled import Sampled, candidate_name

KINDS = ("answers", "function", "function of several", "files", "folders", "records")


def prompts(task: str = "text") -> list[Prompt]:
    return [
        Prompt(id=f"p{k}", task=task, prompt=(Part.of_text(f"question {k}"),), meta={"k": k})
        for k in range(6)
    ]


def answers(tmp_path: Path) -> Policy:
    def said(ask: object) -> str | None:
        text, seed = ask.text, ask.sampling.seed  # pyright: ignore
        return None if seed % 5 == 0 else f"{text} {seed}"

    return AnswerPolicy(ScriptedEngine(said, window=4), name="answers")


def function(tmp_path: Path, batch: int | None = None) -> Policy:
    def made(texts: list[str], n: int, seed: int) -> list[list[str | None]]:
        return [
            [None if (seed + k) % 3 == 0 else f"{text} {seed} {k}" for k in range(n)]
            for text in texts
        ]

    return FunctionPolicy(made, name="function", batch=batch)


def files(tmp_path: Path) -> Policy:
    for prompt in prompts():
        for k in range(3):
            (tmp_path / f"{prompt.id}_{k}.txt").write_text(f"{prompt.text} {k}")
    return FolderPolicy(tmp_path)


def folders(tmp_path: Path) -> Policy:
    for prompt in prompts():
        for k in range(3):
            path = tmp_path / prompt.id / f"{k}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{prompt.text} {k}" if k != 1 else " ")
    return FolderPolicy(tmp_path)


def records(tmp_path: Path) -> Policy:
    sampled = files(tmp_path).sample(prompts(), 3, 0)
    write_records(tmp_path / "made.jsonl", [one.record() for one in sampled])
    return FolderPolicy(tmp_path / "made.jsonl")


MAKERS: dict[str, Callable[[Path], Policy]] = {
    "answers": answers, "function": function,
    "function of several": lambda tmp: function(tmp, 4),
    "files": files, "folders": folders, "records": records,
}  # fmt: skip


@pytest.fixture(params=KINDS)
def policy(request: pytest.FixtureRequest, tmp_path: Path) -> Policy:
    return MAKERS[request.param](tmp_path)


def made(found: list[Sampled]) -> dict[str, tuple]:
    return {one.prompt.id: (one.candidates, one.left_out, one.seeds) for one in found}


def test_it_is_a_policy(policy: Policy) -> None:
    assert isinstance(policy, Policy)
    assert policy.name
    assert policy.identity
    assert policy.identity == policy.identity


@pytest.mark.parametrize("n", [1, 2, 5, 30])
def test_every_prompt_in_order_and_every_place_once(policy: Policy, n: int) -> None:
    found = policy.sample(prompts(), n, seed=4)
    assert [one.prompt for one in found] == prompts()
    places = {candidate_name(k) for k in range(n)}
    for one in found:
        assert one.policy == policy.name
        there = [candidate.id for candidate in one.candidates]
        assert len(set(there)) == len(there)
        assert set(there) | set(one.left_out) == places
        assert set(there) & set(one.left_out) == set()
        assert all(one.left_out.values())
        assert set(one.seeds) in (set(), places)


def test_the_same_again_in_any_order_alone_and_with_more_candidates(policy: Policy) -> None:
    """So that a job that was stopped may ask for what is left alone."""
    whole = made(policy.sample(prompts(), 3, seed=4))
    assert made(policy.sample(prompts(), 3, seed=4)) == whole
    assert made(policy.sample(prompts()[::-1], 3, seed=4)) == whole
    for one in prompts():
        alone = made(policy.sample([one], 3, seed=4))
        assert alone == {one.id: whole[one.id]}
        (few,) = policy.sample([one], 2, seed=4)
        assert few.candidates == tuple(c for c in whole[one.id][0] if c.id in "ab")


def test_its_samples_become_records_that_say_how(policy: Policy, tmp_path: Path) -> None:
    kept = [one for one in policy.sample(prompts(), 3, seed=4) if one.candidates]
    assert len(kept) >= 4
    path = tmp_path / "out" / "sampled.jsonl"
    write_records(path, [one.record() for one in kept])
    for record, one in zip(read_records(path), kept, strict=True):
        assert record.candidates == one.candidates
        told = record.meta["sampled"]
        assert (told["policy"], told["seeds"]) == (policy.name, one.seeds)
        assert told.get("left_out", {}) == one.left_out
        assert record.meta["k"] == int(record.id[1:])


def test_nothing_and_less_than_nothing(policy: Policy) -> None:
    assert policy.sample([], 2, 0) == []
    with pytest.raises(UsageError, match="n is 0; ask for one candidate or more"):
        policy.sample(prompts(), 0, 0)


def test_pictures_of_any_source_become_the_same_records(tmp_path: Path) -> None:
    """A function's arrays, once written, are a folder's files."""

    def draw(texts: list[str], n: int, seed: int) -> list[list[np.ndarray]]:
        rng = np.random.default_rng(seed)
        return [[rng.integers(0, 256, (8, 8, 3), np.uint8) for _ in range(n)] for _ in texts]

    asked = prompts("image_generation")
    drawn = FunctionPolicy(draw).sample(asked, 2, 0)
    for one in drawn:
        for k, candidate in enumerate(one.candidates):
            pixels = np.asarray(candidate.content[0].load().load())  # pyright: ignore
            PILImage.fromarray(pixels).save(tmp_path / f"{one.prompt.id}_{k}.png")
    for one, wanted in zip(FolderPolicy(tmp_path).sample(asked, 2, 0), drawn, strict=True):
        for mine, other in zip(one.candidates, wanted.candidates, strict=True):
            shown = [np.asarray(c.content[0].load().load()) for c in (mine, other)]  # pyright: ignore
            assert np.array_equal(*shown)
