"""Sentences of the world read back: captions into what they state, answers into what they answer.

>>> read_caption("two large red circles at the top left").things[0].place
'top left'
>>> read_statement("the red circles are large", "picture")
Statement(question=Question(kind='size', ...subject='the red circles'...), value='large')

The exact inverse of ``facts.caption`` and ``Question.answer``: what is read, said again, is the
same sentence. Everything else raises :class:`UnreadError` with the reason: another word, another
order, one with a plural. Case and the space between words do not matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from unireward.world.facts import caption
from unireward.world.questions import VALUES, Question
from unireward.world.things import Spec, Thing
from unireward.world.words import (
    COLOURS,
    COUNTS,
    DIGIT_SHAPES,
    MOTIONS,
    PLACES,
    RELATIONS,
    SHAPES,
    SIZES,
    TEXTURES,
    motion_words,
    plural,
)


class UnreadError(Exception):
    """Why a text is no sentence of the world."""


@dataclass(frozen=True)
class Statement:
    """A sentence that answers ``question`` with ``value``; of yes and no the question's subject
    is empty, since the answer does not say it."""

    question: Question
    value: str | int


Phrases = dict[tuple[str, ...], Any]


def _phrases(values: Iterable[Any], words: Callable[[Any], Iterable[str]]) -> Phrases:
    """Values by their words, the longest first: "top left" is not "top"."""
    found = {tuple(words(value)): value for value in values}
    return dict(sorted(found.items(), key=lambda item: -len(item[0])))


_COUNTS = _phrases(range(1, len(COUNTS) + 1), lambda count: [COUNTS[count - 1]])
_SIZES, _TEXTURES, _COLOURS = (_phrases(v, str.split) for v in (SIZES, TEXTURES, COLOURS))
_PLACES = _phrases(PLACES, lambda place: ["at", "the", *place.split()])
_MOTIONS = _phrases(MOTIONS, motion_words)
_RELATIONS = _phrases(RELATIONS, str.split)
_SHAPES = (*SHAPES, *DIGIT_SHAPES)
_ONE = _phrases(_SHAPES, lambda shape: plural(shape, 1).split())
_SEVERAL = _phrases(_SHAPES, lambda shape: plural(shape, 2).split())


class _Words:
    """A text's words, taken from the left."""

    def __init__(self, text: str) -> None:
        self.words = tuple(text.lower().split())
        self.at = 0

    @property
    def rest(self) -> tuple[str, ...]:
        return self.words[self.at :]

    def take(self, *phrase: str) -> bool:
        """Whether the next words are these, which are then taken."""
        found = self.rest[: len(phrase)] == phrase
        self.at += len(phrase) * found
        return found

    def one_of(self, phrases: Phrases) -> Any | None:
        """The value whose words come next, which are then taken."""
        return next((value for phrase, value in phrases.items() if self.take(*phrase)), None)

    def must(self, phrases: Phrases, what: str) -> Any:
        value = self.one_of(phrases)
        if value is None:
            raise UnreadError(f"no {what} where {' '.join(self.rest[:2]) or 'it ends'!r} stands")
        return value


def read_caption(text: str) -> Spec:
    """What a caption, or a description, states. Its level is the lowest that has such captions."""
    words = _Words(text)
    exactly = words.take("exactly")
    things = [_thing(words)]
    relation = words.one_of(_RELATIONS)
    if relation is not None:
        things.append(_thing(words))
    absent = None
    while words.take("and"):
        if words.take("no"):
            absent = Thing(words.must(_COLOURS, "colour"), words.must(_SEVERAL, "shape"))
            break
        if relation is not None:
            raise UnreadError("a third thing beside two that are related")
        things.append(_thing(words))
    _end(words)
    spec = Spec(tuple(things), relation, _level(things, exactly, absent), exactly, absent)
    assert caption(spec) == " ".join(words.words), "a caption is read as it is said"
    return spec


def _thing(words: _Words) -> Thing:
    count = words.must(_COUNTS, "count")
    size, texture = words.one_of(_SIZES), words.one_of(_TEXTURES)
    colour = words.must(_COLOURS, "colour")
    shape = words.must(_ONE if count == 1 else _SEVERAL, "shape of one" if count == 1 else "shapes")
    before = words.at
    place = words.one_of(_PLACES)
    if place is not None and words.rest[:1] == ("of",):  # "at the top left of" says "at the top"
        words.at = before
        place = words.one_of({p: v for p, v in _PLACES.items() if len(p) < len(place.split()) + 2})
    return Thing(colour, shape, size, texture, count, place, words.one_of(_MOTIONS))


def _level(things: list[Thing], exactly: bool, absent: Thing | None) -> int:
    if exactly or absent is not None:
        return 4
    if len(things) > 1:
        return 3
    one = things[0]
    return 2 if one.size or one.texture or one.place else 1


def _end(words: _Words) -> None:
    if words.rest:
        raise UnreadError(f"goes on with {' '.join(words.rest[:3])!r} where it should end")


# Answers --------------------------------------------------------------------------------------


def read_statement(text: str, medium: str) -> Statement:
    """What an answer that is no description says, and the question that it answers."""
    words = " ".join(text.lower().split())
    if words in ("yes", "no"):
        return Statement(Question("yes-no", medium), words)
    for question in _answered(words, medium):
        values = _counts() if question.kind == "count" else VALUES[question.kind]
        for value in values:
            if question.answer(value) == words:
                return Statement(question, value)
    raise UnreadError("is no answer in the world's words")


def _counts() -> range:
    """To seven: a wrong answer may say more than levels 1 to 3 show."""
    return range(1, len(COUNTS) + 1)


def _answered(text: str, medium: str) -> Iterator[Question]:
    """The questions that a sentence with this subject could answer."""
    words = _Words(text)
    if words.take("there"):
        several = not words.take("is")
        words.take("are")
        count, colour = words.one_of(_COUNTS), words.one_of(_COLOURS)
        shape = words.one_of(_SEVERAL if several else _ONE)
        if count is not None and colour is not None and shape is not None:
            yield Question("count", medium, f"{colour} {plural(shape, 2)}", several)
        return
    subject = _subject(words)
    if not words.take("are" if subject.several else "is"):
        return
    for kind in subject.kinds:
        yield Question(kind, medium, subject.text, subject.several)
    if subject.is_named and words.one_of(_RELATIONS) is not None:
        other = _subject(words)
        if other.is_named:
            yield Question("relation", medium, subject.text, subject.several, other.text)


class _Subject(NamedTuple):
    """Whom a sentence speaks of: by colour and shape, or by one of them where the other is
    asked for. ``kinds`` are the questions that it can answer, none where it is no subject."""

    text: str = ""
    several: bool = False
    kinds: tuple[str, ...] = ()

    @property
    def is_named(self) -> bool:
        return "place" in self.kinds


def _subject(words: _Words) -> _Subject:
    start = words.at
    if not words.take("the"):
        return _Subject()
    coloured = words.one_of(_COLOURS) is not None
    several = words.one_of(_SEVERAL) is not None
    shaped = several or words.one_of(_ONE) is not None
    if not shaped:
        several = words.take("things")
    if not (shaped or several or words.take("thing")):
        return _Subject()
    text = " ".join(words.words[start : words.at])
    if shaped and coloured:
        return _Subject(text, several, ("size", "texture", "place", "motion"))
    return _Subject(text, several, ("colour",) if shaped else ("shape",) if coloured else ())
