"""A wrong answer of the right form, as careless people give them: one fact away from what is so."""

from __future__ import annotations

import numpy as np

from unireward.world.answer_truth import truth_of
from unireward.world.change import change_one
from unireward.world.facts import describe, spec_of
from unireward.world.questions import VALUES, Question
from unireward.world.things import Scene


def wrong_answer(
    question: Question, right: str, scene: Scene, rng: np.random.Generator, split: str
) -> str:
    """Beside ``right``, which it is only where a description has nothing that could be changed."""
    if question.kind == "yes-no":
        return "no" if right == "yes" else "yes"
    if question.kind == "describe":
        change = change_one(spec_of(scene), scene, rng, split)
        return right if change is None else describe(change.scene)
    values = VALUES[question.kind]
    texts = [question.answer(values[i]) for i in rng.permutation(len(values))]
    return next(text for text in texts if not truth_of(question, text, scene).is_right)
