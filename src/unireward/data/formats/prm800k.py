"""PRM800K's own two shapes, which :mod:`prm_steps` hands on to: see there."""

from __future__ import annotations

from typing import Any

from unireward.data.converter import Row, RowError, Source
from unireward.data.facts import facts
from unireward.data.fields import as_number, as_text, listed, text
from unireward.data.steps import SIGNED, Step, object_of, scored, steps_record
from unireward.media.source import clip
from unireward.record import Record


def read_tree(row: Row, source: Source) -> list[Record]:
    question, label = object_of(row, "question"), object_of(row, "label")
    if label.get("finish_reason") == "bad_problem":
        raise RowError("label.finish_reason is bad_problem; leave out the row")
    kept = {**facts(row, "labeler", "generation"), **facts(label, "finish_reason")}
    kept |= facts(question, answer="ground_truth_answer")
    planned = listed(question, "pre_generated_steps") if question.get("pre_generated_steps") else []
    path: list[Step] = []
    others: list[list[Step]] = []
    for i, step in enumerate(listed(label, "steps")):
        at = f"label.steps[{i}]"
        if not isinstance(step, dict):
            raise RowError(f"{at} is {clip(repr(step), 40)}; give completions")
        rated = _completions(step, at)
        taken = _taken(step, rated, planned[i] if i < len(planned) else None, at)
        others += [[*_unrated(path), r] for r in rated if r is not taken and r.value is not None]
        if taken is None:
            break
        path.append(taken)

    def made(steps: list[Step], **more: Any) -> Record:
        words = text(question, "problem")
        return steps_record(row, source, words, steps, SIGNED, origin="prm800k", **kept, **more)

    whole = [made(path)] if any(step.value is not None for step in path) else []
    records = whole + [made(steps, alternative=True) for steps in others]
    if not records:
        raise RowError("label.steps hold no rating; leave out the row")
    return records


def _completions(step: Row, at: str) -> list[Step]:
    given = step.get("completions") or []
    if not isinstance(given, list):
        raise RowError(f"{at}.completions is {clip(repr(given), 40)}; give a list")
    found = []
    for k, completion in enumerate(given):
        where = f"{at}.completions[{k}]"
        if not isinstance(completion, dict):
            raise RowError(f"{where} is {clip(repr(completion), 40)}; give text and rating")
        rating = completion.get("rating")
        value = None if rating is None else as_number(rating, f"{where}.rating", *SIGNED)
        found.append(Step(as_text(completion.get("text"), f"{where}.text"), value))
    return found


def _taken(step: Row, rated: list[Step], planned: str | None, at: str) -> Step | None:
    """The completion the path goes on with; None where it ends without one."""
    human = step.get("human_completion")
    chosen = step.get("chosen_completion")
    if chosen is not None:
        if isinstance(chosen, bool) or not isinstance(chosen, int) or not 0 <= chosen < len(rated):
            raise RowError(f"{at}.chosen_completion is {chosen!r} of {len(rated)} completions")
        return rated[chosen]
    if human is not None:
        words = human.get("text") if isinstance(human, dict) else human
        return Step(as_text(words, f"{at}.human_completion"), 1.0)
    if len(rated) == 1:
        return rated[0]
    return next((one for one in rated if one.text == planned), None)


def _unrated(steps: list[Step]) -> list[Step]:
    return [step._replace(value=None) for step in steps]


def read_path(row: Row, source: Source) -> Record:
    """One path a row: ``problem`` and rated ``steps``."""
    steps = scored(listed(row, "steps"), "steps", "rating", SIGNED)
    kept = facts(row, "labeler")
    return steps_record(row, source, text(row, "problem"), steps, SIGNED, origin="prm800k", **kept)
