"""Questions about a picture or clip, and how each is answered right or subtly wrong.

Both answers of a pair come from one sentence, one word apart: the answer that is right of the
scene and the one that is right of the scene one fact away. A coin says which scene is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from unireward.world.facts import caption, held
from unireward.world.things import Fact, Scene, Spec, Thing
from unireward.world.words import (
    COLOURS,
    COUNTS,
    MOTIONS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    count_word,
    motion_words,
    plural,
)

VALUES: dict[str, tuple[str | int, ...]] = {
    "colour": COLOURS,
    "shape": SHAPES,
    "size": SIZES,
    "texture": TEXTURES,
    "count": tuple(range(1, len(COUNTS) - 2)),
    "place": PLACES,
    "relation": RELATIONS,
    "motion": MOTIONS,
}
"""What an answer to each kind of question may say."""


@dataclass(frozen=True)
class Question:
    """A question about one fact of one group. ``subject`` is what both question and answer call
    the group; ``other`` the second group, for relations. ``describe`` asks for everything,
    ``yes-no`` whether ``subject`` is so."""

    kind: str
    medium: str
    subject: str = ""
    several: bool = False
    other: str = ""

    @property
    def text(self) -> str:
        be, do = ("are", "do") if self.several else ("is", "does")
        return {
            "describe": f"what is in the {self.medium} ?",
            "yes-no": f"{be} there {self.subject} ?",
            "colour": f"what colour {be} {self.subject} ?",
            "shape": f"what shape {be} {self.subject} ?",
            "size": f"what size {be} {self.subject} ?",
            "texture": f"what texture {be} {self.subject} ?",
            "count": f"how many {self.subject} are there ?",
            "place": f"where {be} {self.subject} ?",
            "relation": f"where {be} {self.subject} ?",
            "motion": f"which way {do} {self.subject} move ?",
        }[self.kind]

    def answer(self, value: str | int) -> str:
        """The sentence that says ``value``; for ``count`` an int, else one of ``VALUES``."""
        be = "are" if self.several else "is"
        if self.kind == "yes-no":
            return str(value)
        if self.kind == "count":
            number = int(value)
            colour, *shape = self.subject.split()
            one = " ".join(shape)
            name = _SINGULAR.get(one, one) if number == 1 else one
            verb = "is" if number == 1 else "are"
            return f"there {verb} {count_word(number)} {colour} {name}"
        if self.kind == "shape":
            said = plural(str(value), 2) if self.several else f"a {value}"
            return f"{self.subject} {be} {said}"
        if self.kind == "place":
            return f"{self.subject} {be} at the {value}"
        if self.kind == "relation":
            return f"{self.subject} {be} {value} {self.other}"
        if self.kind == "motion":
            return f"{self.subject} {be} {' '.join(motion_words(str(value)))}"
        return f"{self.subject} {be} {value}"


_SINGULAR = {plural(shape, 2): shape for shape in SHAPES}


def describing(medium: str) -> Question:
    return Question("describe", medium)


def question_about(fact: Fact, spec: Spec, scene: Scene, medium: str) -> Question | None:
    """The question that ``fact`` answers; None where the group could be mistaken for another.

    The question never says the value of the fact it asks for.
    """
    if fact.kind == "absent":
        return None
    thing = spec.things[fact.group]
    several = thing.count > 1
    name = plural(thing.shape, thing.count)
    if fact.kind == "count":
        subject = f"{thing.colour} {plural(thing.shape, 2)}"
    elif fact.kind == "colour":
        subject = f"the {name}"
        if not _only("shape", thing.shape, scene):
            return None
    elif fact.kind == "shape":
        subject = f"the {thing.colour} {plural('thing', thing.count)}"
        if not _only("colour", thing.colour, scene):
            return None
    else:
        subject = f"the {thing.colour} {name}"
    other = ""
    if fact.kind == "relation":
        second = spec.things[1]
        other = f"the {second.colour} {plural(second.shape, second.count)}"
    return Question(fact.kind, medium, subject, several, other)


def _only(name: str, value: str, scene: Scene) -> bool:
    groups = (*scene.groups, *scene.extras, *scene.covers)
    return sum(getattr(group, name) == value for group in groups) == 1


def yes_no(fact: Fact, spec: Spec, medium: str, right: Scene, wrong: Scene) -> Question | None:
    """Whether there is what ``spec`` states of the fact's group; None unless that is so in
    ``right`` and not so in ``wrong``."""
    thing = spec.things[fact.group]
    said = Thing(thing.colour, thing.shape, count=thing.count)
    if fact.kind in ("size", "texture", "place", "motion"):
        said = replace(said, **{fact.kind: fact.value})
    things: tuple[Thing, ...] = (said,)
    if fact.kind == "relation":
        second = spec.things[1]
        things = (said, Thing(second.colour, second.shape, count=second.count))
    stated = Spec(things, spec.relation if fact.kind == "relation" else None, spec.level)
    if not all(held(stated, right)) or all(held(stated, wrong)):
        return None
    return Question("yes-no", medium, caption(stated), thing.count > 1)
