"""Pairs for an answerer: questions of the training split, its own answers, the tiny judge's choice.

::

    made = make_pairs(Path("runs/pairs"), policy="tiny-answerer", seed=1, prompts=700)
    made.judged, made.random, made.right        # files of records

``judged``: every pair of a question's answers that differ is put to the judge in both orders;
what it is sure of stays, a few pairs a question. ``random``: as many pairs at most of the very
same answers, by lot. ``right``: the same questions with the world's own right answer, for
supervised training. Whatever was made before is taken as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipes.tiny_answerer.measure import LEVELS, MAX_TOKENS, TASK, TEMPERATURE
from unireward.curation import Case, curate
from unireward.curation.config import parse_config
from unireward.curation.kept import META
from unireward.curation.measure import Measured, measure_pairs
from unireward.curation.run import read_cases
from unireward.files import read_records, write_records
from unireward.files.prompts import write_prompts
from unireward.prompt import Prompt
from unireward.record import Candidate, Part, Record
from unireward.world.answer_truth import truth_of
from unireward.world.facts import describe
from unireward.world.questions import VALUES
from unireward.world.redraw import Asked, Redraw
from unireward.world.write import MEDIA, saved

ANSWERS = 4
"""Answers to each question."""
SURE = 0.7
"""The judge's least probability of its verdict."""
QUOTA = 2
"""Most pairs of a question: those with the largest margins."""


@dataclass(frozen=True)
class Pairs:
    """Files of records, and how good the choices are by the world's truth."""

    judged: Path
    random: Path
    right: Path
    truth: Mapping[str, Measured]


def questions(seed: int) -> Redraw:
    """Those of a seed's trainings."""
    return Redraw(seed=seed, split="train", levels=LEVELS)


def make_pairs(out: Path, policy: str, seed: int, prompts: int) -> Pairs:
    """Whatever of it is not there yet. Raises what curation raises."""
    drawn = questions(seed)
    asked = out / "prompts.jsonl"
    if not asked.is_file():
        write_prompts(asked, _kept(drawn, prompts, out))
    judged = curate(parse_config(_judged(out, policy, seed)))
    answers = out / "answers.jsonl"
    if not answers.is_file():
        write_records(answers, (case.record() for case in read_cases(judged.output) if case.names))
    random = curate(parse_config(_random(out, seed)))
    right = out / "right.jsonl"
    if not right.is_file():
        cases = read_cases(judged.output)
        write_records(right, (_right(case, drawn.asked(case.id)) for case in cases))
    files = {"judged": judged.records, "random": random.records}
    truth = {name: measured(file, drawn) for name, file in files.items()}
    return Pairs(judged.records, random.records, right, truth)


def measured(file: Path, drawn: Redraw) -> Measured:
    """How often the winners of curated pairs are truly better."""

    def truth(record: Record) -> Mapping[str, float]:
        return drawn(record.model_copy(update={"id": record.meta[META]["prompt"]}))

    return measure_pairs(read_records(file), truth)


def _kept(drawn: Redraw, n: int, out: Path) -> Iterator[Prompt]:
    (out / MEDIA).mkdir(parents=True, exist_ok=True)
    return (Prompt.of(saved(item, out)) for item in drawn.items(TASK, n))


def _judged(out: Path, policy: str, seed: int) -> dict[str, Any]:
    return {
        "output": str(out / "judged"),
        "prompts": str(out / "prompts.jsonl"),
        "policy": {
            "path": policy, "temperature": TEMPERATURE, "max_tokens": MAX_TOKENS, "device": "cpu",
        },
        "judge": {"path": "tiny", "device": "cpu", "cache": False},
        "candidates": ANSWERS,
        "seed": seed,
        "steps": [
            "sample",
            {"pair_rank": {"pairs": "all", "both_orders": True}},
            {"near_duplicates": {"across": False}},
            {"confidence_band": {"low": SURE}},
            {"prompt_quota": {"n": QUOTA}},
        ],
    }  # fmt: skip


def _random(out: Path, seed: int) -> dict[str, Any]:
    every = ANSWERS * (ANSWERS - 1) // 2
    return {
        "output": str(out / "random"),
        "records": str(out / "answers.jsonl"),
        "seed": seed,
        "steps": [
            {"random_pairs": {"n": every}},
            {"near_duplicates": {"across": False}},
            {"prompt_quota": {"n": QUOTA}},
        ],
    }


def _right(case: Case, asked: Asked) -> Record:
    answer = Candidate(id="right", content=(Part.of_text(right_answer(asked)),))
    return case.prompt.with_candidates([answer])


def right_answer(asked: Asked) -> str:
    """What the answerer was first taught to say: of descriptions everything that can be seen."""
    question, scene = asked.question, asked.scene
    if question.kind == "describe":
        return describe(scene)
    said: Iterable[str | int] = (
        ("yes", "no") if question.kind == "yes-no" else VALUES[question.kind]
    )
    texts = [question.answer(value) for value in said]
    return next(text for text in texts if truth_of(question, text, scene).is_right)
