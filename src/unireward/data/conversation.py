"""Conversations as prompts and answers: what chat formats share.

A chat row is turns of text in which ``<image>`` and ``<video>`` tokens stand for the row's media
in order. The last turn of the assistant is the candidate; everything before it is the prompt.
Without any token the media stand before the first user's words, as every loader has it.

A single question becomes plain parts; a longer talk keeps who spoke (``role``) and when
(``turn``, from 0). An image in an answer makes the answer an image (``image_generation``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unireward.data.converter import Row, RowError
from unireward.data.fields import as_text
from unireward.media.source import clip
from unireward.record import Candidate, Part, PartRole, Record

TOKENS = {"<image>": "image", "<video>": "video"}
_TOKEN = re.compile("(<image>|<video>)")
ROLES: dict[str, PartRole] = {
    "human": "user", "user": "user", "gpt": "assistant", "assistant": "assistant",
    "system": "system",
}  # fmt: skip


@dataclass(frozen=True)
class Turn:
    """Who said what; tokens in the text stand for media. ``media`` holds what a turn brings
    along itself (content lists with paths)."""

    role: PartRole
    text: str
    media: tuple[Part, ...] = ()


@dataclass
class Store:
    """A row's media, taken in order as their tokens come."""

    images: list[Part] = field(default_factory=list)
    videos: list[Part] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images) + len(self.videos)

    def take(self, kind: str, where: str) -> Part:
        listed = self.images if kind == "image" else self.videos
        if not listed:
            raise RowError(f"{where} has more <{kind}> tokens than the row has {kind}s; add them")
        return listed.pop(0)

    def rest(self) -> list[Part]:
        rest = [*self.images, *self.videos]
        self.images, self.videos = [], []
        return rest


def turns_of(value: Any, name: str) -> list[Turn]:
    """Messages (``from``/``value`` or ``role``/``content``) as turns, a system turn first."""
    if not isinstance(value, list | tuple) or not value:
        raise RowError(f"{name} must be a list of messages, not {clip(repr(value), 40)}")
    turns = [turn_of(message, f"{name}[{i}]") for i, message in enumerate(value)]
    body = turns[1:] if turns[0].role == "system" else turns
    for i, turn in enumerate(body):
        wanted = "user" if i % 2 == 0 else "assistant"
        if turn.role != wanted:
            raise RowError(f"{name}: a turn of {turn.role} stands where {wanted} should speak")
    return turns


def turn_of(message: Any, name: str) -> Turn:
    """One message; its content is a string, or a list of text and media items."""
    if not isinstance(message, Mapping):
        raise RowError(f"{name} must be a message {{...}}, not {clip(repr(message), 40)}")
    role_key = "from" if "from" in message else "role"
    text_key = "value" if "value" in message else "content"
    role = ROLES.get(str(message.get(role_key)))
    if role is None:
        raise RowError(
            f"{name}.{role_key} is {clip(repr(message.get(role_key)), 40)}; "
            f"use one of {', '.join(ROLES)}"
        )
    content = message.get(text_key)
    if isinstance(content, list | tuple):
        content = "".join(_item(item, f"{name}.{text_key}[{i}]") for i, item in enumerate(content))
    return Turn(role, as_text(content, f"{name}.{text_key}"))


def _item(item: Any, name: str) -> str:
    """An item of a content list, as text with tokens."""
    kind = item.get("type") if isinstance(item, Mapping) else None
    if kind == "text":
        return item.get("text") or ""
    if kind in ("image", "video"):
        if any(item.get(key) for key in (kind, "url", "path")):
            raise RowError(f"{name} holds its own {kind}; put it into {kind}s")
        return f"<{kind}>"
    raise RowError(f"{name}.type is {clip(repr(kind), 40)}; use text, image or video")


def split_last(turns: Sequence[Turn], name: str) -> tuple[list[Turn], Turn]:
    """The prompt's turns and the assistant's last one."""
    if turns[-1].role != "assistant":
        raise RowError(f"{name} ends with the user; its last turn must be the answer")
    prompt = list(turns[:-1])
    if not any(turn.role == "user" for turn in prompt):
        raise RowError(f"{name} has no question before the answer; add the user's turn")
    return prompt, turns[-1]


def prompt_parts(
    turns: Sequence[Turn], store: Store, name: str, answers: Iterable[Turn] = ()
) -> list[Part]:
    """The turns as parts, media where their tokens stand; first in the user's turn where neither
    these turns nor the ``answers`` that follow have any."""
    counted = sum(len(_TOKEN.findall(turn.text)) for turn in (*turns, *answers))
    long = sum(turn.role != "system" for turn in turns) > 1
    parts: list[Part] = []
    at = -1
    for turn in turns:
        if turn.role == "system":
            parts.append(Part.of_text(turn.text, role="system"))
            continue
        at += 1
        marks: dict[str, Any] = {"role": turn.role, "turn": at} if long else {}
        if at == 0 and counted == 0:
            parts += [part.model_copy(update=marks) for part in store.rest()]
        parts += [part.model_copy(update=marks) for part in said(turn.text, store, name)]
    return parts


def said(text: str, store: Store, name: str) -> list[Part]:
    """Text with tokens as parts in order, without the line end beside a token."""
    pieces = _TOKEN.split(text)
    parts = []
    for at, piece in enumerate(pieces):
        if at % 2:
            parts.append(store.take(TOKENS[piece], name))
        else:
            # The one line end that parts a token from the words is the format's, not the words'.
            words = piece.removeprefix("\n") if at else piece
            words = words.removesuffix("\n") if at + 1 < len(pieces) else words
            if words.strip():
                parts.append(Part.of_text(words))
    return parts


def check_used(store: Store, name: str) -> None:
    """Refuse media that no token stands for."""
    if len(store):
        raise RowError(f"{name} has fewer <image> or <video> tokens than the row has media")


def task_of(prompt: Iterable[Part], answers: Iterable[Part], given: str | None = None) -> str:
    """The task told by what is asked with and answered with, unless ``given``."""
    if given is not None:
        return given
    asked = {part.type for part in prompt} - {"text"}
    answered = {part.type for part in answers} - {"text"}
    if not asked and not answered:
        return "text"
    if not asked and len(answered) == 1:
        return f"{answered.pop()}_generation"
    if not answered and len(asked) == 1:
        return f"{asked.pop()}_understanding"
    return "interleaved"


# Writing ------------------------------------------------------------------------------------


@dataclass
class Written:
    """Turns with tokens, and the media they stand for in order."""

    turns: list[tuple[str, str]] = field(default_factory=list)
    images: list[Any] = field(default_factory=list)
    videos: list[Any] = field(default_factory=list)

    def media(self) -> Row:
        """``images`` and ``videos`` as a row has them; absent where there are none."""
        row: Row = {"images": self.images} if self.images else {}
        return {**row, "videos": self.videos} if self.videos else row

    def add(self, role: str, parts: Iterable[Part]) -> None:
        self.turns.append((role, self.spell(parts)))

    def spell(self, parts: Iterable[Part]) -> str:
        """Parts as text with tokens; a clip of frames is its list of paths."""
        pieces = []
        for part in parts:
            if part.type == "text":
                text = part.text or ""
                if _TOKEN.search(text):
                    raise RowError(
                        f"the text {clip(repr(text), 40)} holds a media token of its own"
                    )
                pieces.append(text)
                continue
            listed = self.images if part.type == "image" else self.videos
            listed.append(payload(part))
            pieces.append(f"<{part.type}>")
        return "\n".join(pieces)


def payload(part: Part) -> Any:
    """A media part as a row names it: path, list of frames' paths, or ``{"bytes", "path"}``."""
    if part.start is not None or part.end is not None:
        raise RowError("a cut of a video (start, end) has no place in this format; cut the file")
    if part.frames is not None:
        return list(part.frames)
    if part.bytes is not None:
        return {"bytes": part.bytes, "path": None}
    return part.path


def written_prompt(record: Record) -> Written:
    """The prompt's turns (``system``, ``user``, ``assistant``) with their tokens and media."""
    written = Written()
    system = [part for part in record.prompt if part.role == "system"]
    if system:
        written.add("system", system)
    turns: dict[int, list[Part]] = {}
    for part in record.prompt:
        if part.role != "system":
            turns.setdefault(part.turn or 0, []).append(part)
    for at in sorted(turns):
        role = "assistant" if turns[at][0].role == "assistant" else "user"
        written.add(role, turns[at])
    if not turns or written.turns[-1][0] != "user":
        raise RowError("the prompt does not end with a user's turn; give the question")
    return written


def preferred(record: Record) -> list[tuple[Candidate, Candidate]]:
    """Every (better, worse) pair that the label's ranking tells; at least one."""
    ranking = record.label.ranking if record.label is not None else None
    if ranking is None:
        raise RowError("has no ranking, so no chosen and rejected answer; label it")
    pairs = [
        (record.candidate(better), record.candidate(worse))
        for at, tier in enumerate(ranking)
        for better in tier
        for lower in ranking[at + 1 :]
        for worse in lower
    ]
    if not pairs:
        raise RowError("is a tie, which has no chosen and rejected answer; leave it out")
    return pairs


def answer_text(candidate: Candidate) -> str:
    """The words of an answer; refused where it is media or holds a token."""
    if any(part.type != "text" for part in candidate.content):
        raise RowError(f"candidate {candidate.id} holds media, this format only text as answers")
    if _TOKEN.search(candidate.text):
        raise RowError(f"candidate {candidate.id} holds a media token in its text")
    return candidate.text
