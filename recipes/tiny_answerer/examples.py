"""A picture of the world with everything that can be asked of it, packed into one tree.

The trunk is the picture, each question with its right answer a side branch, in the very tokens
that :class:`~unireward.policies.answers.AnswerPolicy` asks with (a test holds the two equal)::

    tree = picture_tree(Writer(make_tokenizer(VOCABULARY)), np.random.default_rng(0), level=2)

Descriptions say everything that can be seen, whatever the level, so that there is one right reply
to learn. Yes and no are asked in equal parts, of what is so and of what is so one fact away.
A share ``careless`` of the answers is wrong, as in what people write under pictures.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recipes.tiny_answerer.careless import wrong_answer
from recipes.tiny_judge.examples import Writer
from unireward.training.packing.tree import Tree
from unireward.world.change import change_one
from unireward.world.facts import describe, facts, spec_of
from unireward.world.questions import Question, describing, question_about, yes_no
from unireward.world.render import render
from unireward.world.sample import SIZE
from unireward.world.scene import sample_spec, scene_of
from unireward.world.things import Scene

MEDIUM = "picture"


def picture_tree(
    writer: Writer,
    rng: np.random.Generator,
    level: int,
    split: str = "train",
    careless: float = 0.0,
) -> Tree:
    """A picture of ``level`` and its questions."""
    scene = scene_of(sample_spec(rng, level, split), rng)
    tree = Tree()
    writer.show(tree, render(scene, SIZE))
    mark = tree.mark()
    turn, end = writer.vocabulary["<|reply|>"], writer.vocabulary["<|end|>"]
    for question, answer in asked_of(scene, rng, split):
        if careless and rng.random() < careless:
            answer = wrong_answer(question, answer, scene, rng, split)
        reply = [(token, 1.0) for token in (*writer.ids(answer), end)]
        tree.hang(mark, [*writer.ids(question.text), turn], reply)
    return tree


def asked_of(scene: Scene, rng: np.random.Generator, split: str) -> Iterator[tuple[Question, str]]:
    """(question, right answer): what is there, each thing that can be seen of it, a yes or no."""
    yield describing(MEDIUM), describe(scene)
    spec = spec_of(scene)
    for fact in facts(spec):
        question = question_about(fact, spec, scene, MEDIUM)
        if question is not None:
            yield question, question.answer(fact.value)
    change = change_one(spec, scene, rng, split)
    if change is None:
        return
    if rng.random() < 0.5:
        asked, answer = yes_no(change.fact, spec, MEDIUM, scene, change.scene), "yes"
    else:
        new = next(fact for fact in facts(change.spec) if fact not in facts(spec))
        asked, answer = yes_no(new, change.spec, MEDIUM, change.scene, scene), "no"
    if asked is not None:
        yield asked, answer
