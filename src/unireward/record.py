"""Record: one prompt and its candidates, with whatever label and context exist.

A question about an image, a caption to be drawn, an edit instruction with its source image are
all a *prompt*; an answer, an image, a video are all a *candidate*. One candidate is a pointwise
record, two a pair, more a group::

    Record(id="r1", task="image_generation", prompt=[Part.of_text("two red circles")],
           candidates=[Candidate(id="a", content=[Part.of_media("a.png")]),
                       Candidate(id="b", content=[Part.of_media("b.png")])])

The models here *are* the file format (DESIGN: records): ``Record.model_validate`` is the border,
and ``files.py`` reads and writes them. In memory a relative media path is relative to the
process; readers make it absolute, writers make it relative to the file again.
"""

from __future__ import annotations

import builtins
from collections import Counter
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, field_validator, model_validator

from unireward.errors import InputError
from unireward.media import Image, Video, media_of

SCHEMA = 1
KnownTask = Literal[
    "image_generation", "video_generation", "image_understanding", "video_understanding",
    "image_editing", "interleaved", "text",
]  # fmt: skip
TASKS: tuple[str, ...] = get_args(KnownTask)
Mode = Literal["score", "rank", "pair-score"]
MODES: tuple[str, ...] = get_args(Mode)
PartRole = Literal["user", "assistant", "system", "source", "reference"]
TIE = "tie"
MAX_PROMPT_CHARS = 50_000
"""A longer prompt is refused: no published judge was trained near it, and it is most often a
file given where text was meant."""


class Row(BaseModel):
    """Base of everything that is written to a file: frozen, no unknown keys, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Part(Row):
    """Text, image or video. Exactly one payload, according to ``type``.

    ``start`` and ``end`` are seconds into the video, ``fps`` overrides the container's rate
    (needed for a list of frames). ``source`` is the image before an edit, ``reference`` one the
    prompt refers to.
    """

    type: Literal["text", "image", "video"]
    text: str | None = None
    path: str | None = None
    bytes: builtins.bytes | None = None
    frames: tuple[str, ...] | None = None
    start: FiniteFloat | None = None
    end: FiniteFloat | None = None
    fps: FiniteFloat | None = None
    role: PartRole | None = None
    turn: int | None = None
    media: Image | Video | None = Field(default=None, exclude=True, repr=False)

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True
    )

    @model_validator(mode="after")
    def _one_payload(self) -> Part:
        given = {
            name
            for name in ("text", "path", "bytes", "frames", "media")
            if getattr(self, name) is not None
        }
        allowed = {
            "text": {"text"},
            "image": {"path", "bytes", "media"},
            "video": {"path", "bytes", "frames", "media"},
        }[self.type]
        if len(given) != 1 or not given <= allowed:
            wanted = " or ".join(sorted(allowed - {"media"} or allowed))
            raise ValueError(f"a part of type {self.type!r} needs exactly one of: {wanted}")
        if self.type != "video" and (self.start, self.end, self.fps) != (None, None, None):
            raise ValueError("start, end and fps belong to parts of type 'video'")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must be after start (seconds)")
        return self

    @classmethod
    def of_text(cls, text: str, role: PartRole | None = None) -> Part:
        return cls(type="text", text=text, role=role)

    @classmethod
    def of_media(cls, source: Any, role: PartRole | None = None) -> Part:
        """A part from a path, a PIL image, an array, ``Image`` or ``Video`` (see ``media_of``)."""
        media = source if isinstance(source, Image | Video) else media_of(source)
        kind = "image" if isinstance(media, Image) else "video"
        if media.path is not None and not (isinstance(media, Video) and media.is_cut):
            return cls(type=kind, path=str(media.path), role=role)
        return cls(type=kind, media=media, role=role)

    def load(self) -> Image | Video:
        """The lazy media handle of an image or video part (nothing is decoded yet)."""
        if self.media is not None:
            return self.media
        if self.type == "image":
            return Image(self.path if self.path is not None else self.bytes)
        source = self.path if self.path is not None else self.bytes
        if source is None:
            source = [Image(frame) for frame in self.frames or ()]
        return Video(source, start=self.start, end=self.end, fps=self.fps)


class Candidate(Row):
    id: str = Field(min_length=1)
    content: tuple[Part, ...] = Field(min_length=1)

    @field_validator("id")
    @classmethod
    def _id_is_free(cls, value: str) -> str:
        if value == TIE:
            raise ValueError("the candidate id 'tie' is reserved; rename it")
        return value

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.content if part.text is not None)


class Span(Row):
    """A place in a candidate that a label or judgment speaks of.

    ``start``/``end`` are characters (text, token), steps (step) or seconds (time); ``box`` is
    ``(x0, y0, x1, y1)`` in pixels; ``frame`` a frame index.
    """

    candidate: str
    kind: Literal["step", "token", "text", "box", "time"]
    start: FiniteFloat | None = None
    end: FiniteFloat | None = None
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    frame: int | None = None
    dimension: str | None = None
    value: FiniteFloat | None = None
    text: str | None = None


class Label(Row):
    """What is known of the truth. Everything is optional.

    ``ranking`` is tiers from best: ``[["a", "b"]]`` is a tie. ``preference`` holds shares of
    votes (0 to 1), ``strength`` 0 to 1, ``scores`` numbers in ``scales``' ranges.
    """

    ranking: tuple[tuple[str, ...], ...] | None = None
    preference: dict[str, FiniteFloat] | None = None
    strength: FiniteFloat | None = Field(default=None, ge=0, le=1)
    tie: Literal["good", "bad"] | None = None
    scores: dict[str, dict[str, FiniteFloat]] | None = None
    scales: dict[str, tuple[FiniteFloat, FiniteFloat]] | None = None
    spans: tuple[Span, ...] = ()

    def named(self) -> set[str]:
        """Every candidate id the label speaks of."""
        names = {name for tier in self.ranking or () for name in tier}
        names |= set(self.preference or ()) | set(self.scores or ())
        return (names | {span.candidate for span in self.spans}) - {TIE}

    def winner(self) -> str | None:
        """The best candidate, ``"tie"`` where the first tier holds several, None if unknown."""
        if self.ranking is None:
            return None
        return self.ranking[0][0] if len(self.ranking[0]) == 1 else TIE


class Criterion(Row):
    criterion: str
    weight: FiniteFloat = 1.0


class User(Row):
    id: str
    examples: tuple[dict[str, Any], ...] = ()


class Context(Row):
    principle: str | None = None
    rubric: tuple[Criterion, ...] | None = None
    user: User | None = None


class Record(Row):
    """One prompt, its candidates, and what is known of them. See the module docstring."""

    schema_: Literal[1] = Field(default=SCHEMA, alias="schema")
    id: str = Field(min_length=1)
    task: str
    prompt: tuple[Part, ...]
    candidates: tuple[Candidate, ...] = Field(min_length=1)
    label: Label | None = None
    context: Context | None = None
    meta: dict[str, Any] = Field(default_factory=dict)

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, populate_by_name=True
    )

    @model_validator(mode="after")
    def _consistent(self) -> Record:
        repeated = [name for name, n in Counter(c.id for c in self.candidates).items() if n > 1]
        if repeated:
            raise ValueError(f"candidate id {repeated[0]!r} is given twice; make ids unique")
        if self.label is not None:
            unknown = self.label.named() - {c.id for c in self.candidates}
            if unknown:
                raise ValueError(
                    f"label names {sorted(unknown)[0]!r}, which is no candidate; "
                    f"candidates are {', '.join(c.id for c in self.candidates)}"
                )
        return self

    @property
    def text(self) -> str:
        """The prompt's own words (system and role-less text parts, joined by newlines)."""
        return "\n".join(part.text for part in self.prompt if part.text is not None)

    @property
    def source(self) -> Part | None:
        """The image before an edit."""
        return next((part for part in self.prompt if part.role == "source"), None)

    def candidate(self, name: str) -> Candidate:
        return next(c for c in self.candidates if c.id == name)

    def check_askable(self) -> None:
        """Raise :class:`InputError` for a prompt nobody could judge by (empty, or too long)."""
        words = self.text
        if not words.strip():
            raise InputError(f"record {self.id}: prompt is empty; give the text to judge by")
        if len(words) > MAX_PROMPT_CHARS:
            raise InputError(
                f"record {self.id}: prompt has {len(words):,} characters, the limit is "
                f"{MAX_PROMPT_CHARS:,}; shorten it"
            )


def resolve(path: str, root: Path) -> str:
    """``path`` made absolute against ``root`` (the folder of the file that named it)."""
    return path if Path(path).is_absolute() else str(root / path)
