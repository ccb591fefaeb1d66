"""Records of image and video understanding: a question about what is shown, and answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unireward.record import Part
from unireward.world import clips
from unireward.world.change import Change, change_many, change_one
from unireward.world.facts import caption, facts, held, spec_of
from unireward.world.item import Order, WorldItem, build, candidate_ids, media_part
from unireward.world.motion import moving_scene
from unireward.world.pairs import CLEAN, shuffled
from unireward.world.questions import VALUES, Question, describing, question_about, yes_no
from unireward.world.render import render
from unireward.world.scene import pick, sample_spec, scene_of
from unireward.world.things import Scene, Spec
from unireward.world.truth import alignment, overall

ONE_FACT = 0.8
"""Share of pairs whose answers are one word apart; the others are descriptions with any number
of slips."""
DESCRIBE, YES_NO = 0.25, 0.15
"""Shares of one-word pairs that describe everything, and that answer yes or no."""


@dataclass(frozen=True)
class Answer:
    """An answer's text, and for each thing it states whether that is so."""

    text: str
    right: tuple[bool, ...]


class Asked(NamedTuple):
    """A question, the scene of the picture or clip that it is about, and the answers to it in
    order; ``kind`` as of :class:`~unireward.world.item.WorldItem`."""

    question: Question
    scene: Scene
    answers: tuple[Answer, ...]
    kind: str


class _Medium(NamedTuple):
    """What is asked about: pictures or clips."""

    name: str
    sample_spec: Callable[[np.random.Generator, int, str], Spec]
    scene_of: Callable[[Spec, np.random.Generator], Scene]
    draw: Callable[[Scene, int], np.ndarray]


_MEDIA = {
    "image_understanding": _Medium("picture", sample_spec, scene_of, render),
    "video_understanding": _Medium(
        "clip",
        clips.sample_clip_spec,
        moving_scene,
        lambda scene, size: clips.make_clip(scene, spec_of(scene), CLEAN, size).pixels,
    ),
}


def answer_truth(answer: Answer, task: str) -> dict[str, float]:
    """Scores 1 to 5: alignment from what the answer states, overall the same."""
    scores = {"alignment": alignment(answer.right)}
    return {**scores, "overall": overall(task, scores)}


def asked(rng: np.random.Generator, order: Order) -> Asked:
    """What an item asks, before anything is drawn."""
    medium = _MEDIA[order.task]
    if order.number == 2 and rng.random() < ONE_FACT:
        return _one_word(rng, medium, order)
    if rng.random() < 0.5:
        return _descriptions(rng, medium, order)
    return _values(rng, medium, order)


def make_item(rng: np.random.Generator, order: Order) -> WorldItem:
    question, scene, answers, kind = asked(rng, order)
    by_id = dict(zip(candidate_ids(order.number), answers))
    truths = {key: answer_truth(answer, order.task) for key, answer in by_id.items()}
    shown = _MEDIA[order.task].draw(scene, order.size)
    prompt = [media_part(shown), Part.of_text(question.text)]
    return build(order, kind, question, prompt, by_id, truths, (), (shown,))


def _one_fact_apart(
    rng: np.random.Generator, medium: _Medium, order: Order
) -> tuple[Spec, Scene, Change]:
    """A scene, what is said of it, and the scene one fact away.

    From level 2 on the facts asked about are most often all that can be seen, not only what a
    caption would state.
    """
    while True:
        spec = medium.sample_spec(rng, order.level, order.split)
        scene = medium.scene_of(spec, rng)
        if order.level > 1 and rng.random() < 0.6:
            spec = spec_of(scene)
        change = change_one(spec, scene, rng, order.split)
        if change is not None:
            return spec, scene, change


def _one_word(rng: np.random.Generator, medium: _Medium, order: Order) -> Asked:
    spec, scene, change = _one_fact_apart(rng, medium, order)
    roll = rng.random()
    question: Question | None = None
    texts = (caption(spec), caption(change.spec))
    if roll >= DESCRIBE + YES_NO:
        question = question_about(change.fact, spec, scene, medium.name)
        if question is not None:
            texts = (question.answer(change.fact.value), question.answer(_new_value(change)))
    elif roll >= DESCRIBE:
        question = yes_no(change.fact, spec, medium.name, scene, change.scene)
        if question is not None:
            texts = ("yes", "no")
    # A coin says whether the scene or its neighbour is shown, and with it which answer is right.
    first = bool(rng.random() < 0.5)
    shown = scene if first else change.scene
    if question is None:
        question = describing(medium.name)
        answers = [Answer(texts[0], held(spec, shown)), Answer(texts[1], held(change.spec, shown))]
    else:
        answers = [Answer(texts[0], (first,)), Answer(texts[1], (not first,))]
    return Asked(question, shown, tuple(shuffled(answers, rng)), "one-fact")


def _new_value(change: Change) -> str | int:
    """What the changed spec states where ``change.fact`` stated the old value."""
    return next(
        fact.value
        for fact in facts(change.spec)
        if (fact.kind, fact.group) == (change.fact.kind, change.fact.group)
    )


def _descriptions(rng: np.random.Generator, medium: _Medium, order: Order) -> Asked:
    """Descriptions with none to all of their facts wrong."""
    spec = medium.sample_spec(rng, order.level, order.split)
    scene = medium.scene_of(spec, rng)

    def told() -> Answer:
        wrong = int(rng.random() * (len(facts(spec)) + 1))
        said, _ = change_many(spec, scene, wrong, rng, order.split)
        return Answer(caption(said), held(said, scene))

    answers = _apart(told, order.number)
    return Asked(describing(medium.name), scene, answers, "random")


def _values(rng: np.random.Generator, medium: _Medium, order: Order) -> Asked:
    """One question; each answer says the right value or, as often, another one."""
    while True:
        spec, scene, change = _one_fact_apart(rng, medium, order)
        question = question_about(change.fact, spec, scene, medium.name)
        if question is not None:
            break
    right = change.fact.value
    others = [value for value in VALUES[question.kind] if value != right]

    def told() -> Answer:
        value = right if rng.random() < 0.5 else pick(rng, others)
        return Answer(question.answer(value), (value == right,))

    return Asked(question, scene, _apart(told, order.number), "random")


def _apart(told: Callable[[], Answer], number: int) -> tuple[Answer, ...]:
    """``number`` answers; two are drawn anew until they differ, since two of the same would be
    no choice."""
    answers = tuple(told() for _ in range(number))
    while number == 2 and answers[0].text == answers[1].text:
        answers = tuple(told() for _ in range(number))
    return answers
