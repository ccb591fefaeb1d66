"""Blocks: what a section of a page is made of. Plain frozen dataclasses of words and numbers.

Each class has a macro of the same (lower-case) name in ``templates/page.html``. Everything but
``Figure.svg`` is escaped there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Prose:
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Points:
    """A plain list."""

    items: Sequence[str]


@dataclass(frozen=True)
class Tile:
    """One headline number. ``detail`` says its interval and what it rests on."""

    value: str
    label: str
    detail: str = ""


@dataclass(frozen=True)
class Tiles:
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Figure:
    """An inline SVG of :mod:`unireward.report.charts` (which carries its own text for readers
    who cannot see it) and the caption below."""

    svg: str
    caption: str


@dataclass(frozen=True)
class Columns:
    """Columns of blocks: side by side on a wide screen, below each other on a phone."""

    columns: Sequence[Sequence[Prose | Points | Figure | Table]]


@dataclass(frozen=True)
class Table:
    """``head`` names the columns; the first column heads its row, ``numeric`` ones align right."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str = ""
    numeric: Sequence[int] = ()


@dataclass(frozen=True)
class Media:
    """A file beside the page. ``src`` is relative to it; ``alt`` says what is to be seen."""

    kind: Literal["image", "video"]
    src: str
    alt: str
    label: str = ""


@dataclass(frozen=True)
class Score:
    """One line under a candidate: what the judge gave, and what is true where that is known."""

    name: str
    judged: str
    truth: str = ""


@dataclass(frozen=True)
class Shown:
    """One candidate: its media or its text, and its scores. ``best`` marks the judge's choice."""

    name: str
    media: Sequence[Media] = ()
    text: str = ""
    scores: Sequence[Score] = ()
    best: bool = False


@dataclass(frozen=True)
class Verdict:
    """The judge's answer in words. ``state`` compares it with the truth."""

    text: str
    state: Literal["right", "wrong", "open"]
    detail: str = ""


@dataclass(frozen=True)
class Card:
    """One judged record: the prompt, what it is about, the candidates, the verdict."""

    prompt: str
    kicker: str
    candidates: Sequence[Shown]
    verdict: Verdict
    about: Sequence[Media] = ()
    rationale: str = ""


@dataclass(frozen=True)
class Cards:
    cards: Sequence[Card]


Block = Prose | Points | Tiles | Figure | Columns | Table | Cards
