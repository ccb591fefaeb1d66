"""What is true of an answer: read back into what it states, and held to the scene.

::

    truth = truth_of(question, "two large red circles", scene)
    truth.right                      # (True, False, True, True), for each thing stated
    truth.is_right                   # False: the circles are small
    truth_of(question, "two red circle", scene).reason
    # "no shapes where 'circle' stands"

Edge rules: a description is right if all that it states holds, however little that is. A sentence
of the world that answers another question than was asked is wrong, with that for its reason. Of
what stands both left of something and below it, either is a right answer, though the world's own
labels have but one. What is no sentence of the world is ``unparsed``: a state with a reason, and no
number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from unireward.world.facts import held, relation_holds
from unireward.world.questions import Question
from unireward.world.scene import Group, Scene
from unireward.world.sentences import UnreadError, read_caption, read_statement
from unireward.world.words import plural

ANOTHER = "answers another question"


@dataclass(frozen=True)
class AnswerTruth:
    """``right`` is whether each thing that the answer states is so, empty where it could not be
    read, for ``reason``."""

    status: Literal["ok", "unparsed"]
    right: tuple[bool, ...] = ()
    reason: str | None = None

    @property
    def is_right(self) -> bool:
        """Read, and right in everything it states."""
        return self.status == "ok" and all(self.right)

    @property
    def share(self) -> float | None:
        """Of what is stated, the part that holds; None where nothing was read."""
        return sum(self.right) / len(self.right) if self.right else None


def truth_of(question: Question, text: str, scene: Scene) -> AnswerTruth:
    """Of one answer to ``question`` about a picture or clip of ``scene``."""
    try:
        if question.kind == "describe":
            return AnswerTruth("ok", held(read_caption(text), scene))
        stated = read_statement(text, question.medium)
    except UnreadError as error:
        return AnswerTruth("unparsed", reason=str(error))
    if not _answers(stated.question, question):
        return AnswerTruth("ok", (False,), ANOTHER)
    if question.kind == "yes-no":
        return AnswerTruth("ok", (_is_so(question, scene) == (stated.value == "yes"),))
    return AnswerTruth("ok", (_holds(question, stated.value, scene),))


def _answers(answered: Question, asked: Question) -> bool:
    """Whether a sentence that answers the one answers the other."""
    if answered.kind != asked.kind:
        return False
    if asked.kind == "yes-no":
        return True
    # A count's sentence is in the plural or not by what it says.
    several = asked.kind == "count" or answered.several == asked.several
    return several and (answered.subject, answered.other) == (asked.subject, asked.other)


def _is_so(question: Question, scene: Scene) -> bool:
    return all(held(read_caption(question.subject), scene))


def _holds(question: Question, value: str | int, scene: Scene) -> bool:
    """Whether ``value`` is so of a group that the question speaks of."""
    groups = (*scene.groups, *scene.extras, *scene.covers)
    named = [group for group in groups if question.subject in _names(group)]
    if question.kind == "relation":
        others = [group for group in groups if question.other in _names(group)]
        return any(relation_holds(str(value), one, two) for one in named for two in others)
    return any(getattr(group, question.kind) == value for group in named)


def _names(group: Group) -> tuple[str, ...]:
    """What questions call a group: by both its looks, by the one that is not asked for, and
    where its number is asked for in the plural."""
    shape, thing = plural(group.shape, group.count), plural("thing", group.count)
    return (
        f"the {group.colour} {shape}",
        f"the {shape}",
        f"the {group.colour} {thing}",
        f"{group.colour} {plural(group.shape, 2)}",
    )
