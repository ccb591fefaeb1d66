"""The closed vocabulary of the world: every word a caption, instruction, question or answer has.

``VOCABULARY`` is what a word-level tokenizer needs to know; a test checks that nothing the world
says is outside it. Multi-word places ("top left") and relations ("left of") are split on spaces.
"""

from __future__ import annotations

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "black")
SHAPES = ("circle", "square", "triangle", "star", "cross", "heart")
TEXTURES = ("solid", "striped", "dotted")
SIZES = ("small", "large")
PLACES = (
    "top left", "top", "top right",
    "left", "centre", "right",
    "bottom left", "bottom", "bottom right",
)  # fmt: skip
"""The 3x3 grid, row by row."""
RELATIONS = ("left of", "right of", "above", "below")
COUNTS = ("one", "two", "three", "four", "five", "six", "seven")
"""``COUNTS[n - 1]`` is the word for n. Levels 1 to 3 use the first four."""
MOTIONS = ("left", "right", "up", "down", "still", "growing")
DIGITS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
)  # fmt: skip
DIGIT_SHAPES = tuple(f"digit {word}" for word in DIGITS)
"""Handwritten digits stand in a scene as shapes of these names."""

HELD_OUT = (
    ("red", "star"),
    ("green", "heart"),
    ("blue", "triangle"),
    ("yellow", "circle"),
    ("purple", "square"),
)
"""Colour-shape combinations that training never shows (5 of 48); evaluation has all 48."""

_PLURALS = {"cross": "crosses"}


def plural(shape: str, count: int) -> str:
    """``circle`` or ``circles``, ``digit seven`` or ``digits seven``."""
    if count == 1:
        return shape
    head, *tail = shape.split()
    return " ".join([_PLURALS.get(head, head + "s"), *tail])


def count_word(count: int) -> str:
    return COUNTS[count - 1]


def motion_words(motion: str) -> tuple[str, ...]:
    """The last word carries the fact."""
    if motion == "growing":
        return ("growing",)
    return ("standing", "still") if motion == "still" else ("moving", motion)


_SHAPE_WORDS = tuple(plural(shape, n) for shape in (*SHAPES, "thing", "digit") for n in (1, 2))
_GLUE = ("a", "the", "at", "of", "and", "no", "exactly", "moving", "standing")
_INSTRUCTIONS = ("make", "add", "remove", "move", "change", "to")
_QUESTIONS = (
    "what", "how", "many", "is", "are", "there", "colour", "shape", "size", "texture", "where",
    "which", "way", "does", "do", "in", "picture", "clip", "yes", "?", ".",
)  # fmt: skip
_PHOTOGRAPHS = ("clear", "photograph")

VOCABULARY: tuple[str, ...] = tuple(
    dict.fromkeys(
        (
            *COLOURS, *_SHAPE_WORDS, *TEXTURES, *SIZES,
            *(word for phrase in (*PLACES, *RELATIONS) for word in phrase.split()),
            *COUNTS, *MOTIONS, *DIGITS, *_GLUE, *_INSTRUCTIONS, *_QUESTIONS, *_PHOTOGRAPHS,
        )
    )
)  # fmt: skip
