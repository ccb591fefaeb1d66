"""Ask: one question put to an engine, and the Reply that comes back.

The Ask is the unit of caching and of counting. It carries messages whose contents are text and
*frames already chosen* or native videos, optionally the short answers to choose from, and the
sampling. ``Ask.key`` is a digest of everything that could change the reply, media by content.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Literal

from unireward.errors import UsageError
from unireward.media import FrameRule, Image, Video


@dataclass(frozen=True)
class TextContent:
    text: str

    def token(self) -> Any:
        return ["text", self.text]


@dataclass(frozen=True)
class ImageContent:
    """One image as it is shown; ``max_pixels`` bounds width x height before it is sent."""

    image: Image
    max_pixels: int | None = None

    def token(self) -> Any:
        return ["image", self.image.digest, self.max_pixels]


@dataclass(frozen=True)
class VideoContent:
    """A native video part; an engine samples it by ``rule`` (video 1 then 2 as listed)."""

    video: Video
    rule: FrameRule
    max_pixels: int | None = None

    def token(self) -> Any:
        return ["video", self.video.digest, str(self.rule), self.max_pixels]


Content = TextContent | ImageContent | VideoContent


@dataclass(frozen=True)
class Message:
    role: Literal["system", "user", "assistant"]
    content: tuple[Content, ...]

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, TextContent))


@dataclass(frozen=True)
class Sampling:
    """Greedy and seeded by default. ``max_tokens`` counts new tokens. A reply ends before a
    string of ``stop``, and behind one of ``stop_after``."""

    temperature: float = 0.0
    top_p: float = 1.0
    max_tokens: int = 1024
    seed: int = 0
    stop: tuple[str, ...] = ()
    stop_after: tuple[str, ...] = ()

    @property
    def deterministic(self) -> bool:
        return self.temperature == 0.0


@dataclass(frozen=True)
class Ask:
    """One question. ``choices`` non-empty asks the engine for their log-probabilities.

    ``extra`` goes to the engine untouched (``chat_template_kwargs`` for a server, say). Raises
    :class:`UsageError` for choices that are equal or empty (:func:`check_choices`).
    """

    messages: tuple[Message, ...]
    choices: tuple[str, ...] = ()
    sampling: Sampling = field(default_factory=Sampling)
    extra: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if self.choices:
            check_choices(self.choices)

    @cached_property
    def digest(self) -> str:
        """sha256 over messages (media by content), choices, sampling and extras."""
        sampling = asdict(self.sampling)
        if not self.sampling.stop_after:
            # A setting that came later leaves the digests of asks without it what they were.
            del sampling["stop_after"]
        body = {
            "messages": [[m.role, [part.token() for part in m.content]] for m in self.messages],
            "choices": list(self.choices),
            "sampling": sampling,
            "extra": list(self.extra),
        }
        text = json.dumps(body, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def text(self) -> str:
        """Everything textual that is sent: what a reply may echo."""
        return "\n".join(message.text for message in self.messages)

    @property
    def media(self) -> tuple[ImageContent | VideoContent, ...]:
        return tuple(
            part for m in self.messages for part in m.content if not isinstance(part, TextContent)
        )


def check_choices(choices: Sequence[str]) -> None:
    """Raise :class:`UsageError` where no engine could tell the choices apart.

    One that begins another is let through: an engine counts the end of the turn there, or gives
    no log-probabilities and says why.
    """
    seen: dict[str, int] = {}
    for number, choice in enumerate(choices, start=1):
        if not choice.strip():
            raise UsageError(f"choice {number} is {choice!r}; give each choice some words")
        if choice in seen:
            raise UsageError(
                f"choices {seen[choice]} and {number} are both {choice!r}; leave one of them out"
            )
        seen[choice] = number


@dataclass(frozen=True)
class Reply:
    """What an engine answered to one Ask.

    ``choices`` maps each of ``Ask.choices`` to its natural log-probability as a *whole sequence*
    (not renormalised), or is None where the engine gave text only. ``error`` is set instead of
    ``text`` when this ask alone failed. ``retries`` counts extra attempts on the wire.
    """

    text: str | None = None
    finish_reason: str | None = None
    choices: dict[str, float] | None = None
    error: str | None = None
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    cached: bool = False
    retries: int = 0
    notes: tuple[str, ...] = ()
