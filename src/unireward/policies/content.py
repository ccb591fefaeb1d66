"""Content: what was made for a prompt, as the content of a candidate.

Each function gives the candidate's parts, or in their place the reason that there is none: of
another kind than the task asks for, unreadable, empty. Media are checked by their first bytes
alone; nothing is decoded. ``gathered`` makes one prompt's :class:`Sampled` of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from unireward.errors import MediaError
from unireward.media import Image, Video
from unireward.media.source import HEAD, VIDEO_FORMATS, Source, reading, sniff, unknown
from unireward.media.whole import is_cut_short
from unireward.prompt import Prompt
from unireward.record import Candidate, Part
from unireward.sampled import Sampled, candidate_name

Kind = Literal["text", "image", "video"]
Content = tuple[Part, ...]
WANTED: dict[str, Kind] = {
    "text": "text", "image_understanding": "text", "video_understanding": "text",
    "image_generation": "image", "image_editing": "image", "video_generation": "video",
}  # fmt: skip
"""What the candidates of a task are; of any other task they may be anything."""


def text_content(text: str, task: str) -> Content | str:
    """An answer, without the white space around it."""
    text = text.strip()
    if not text:
        return "empty"
    if any("\ud800" <= char <= "\udfff" for char in text):
        return "holds half a surrogate pair"
    return misfit("text", task) or (Part.of_text(text),)


def media_content(media: Image | Video, task: str) -> Content | str:
    """A picture or clip, its header checked."""
    kind: Kind = "image" if isinstance(media, Image) else "video"
    return misfit(kind, task) or unreadable(media) or (Part.of_media(media),)


def unreadable(media: Image | Video) -> str | None:
    """Why a medium cannot be read, as far as its header tells."""
    try:
        if isinstance(media, Image):
            _ = media.size
        elif media.images is not None:
            _ = [image.size for image in media.images]
        else:
            _check_clip(Source(media.path if media.path is not None else media.data or b""))
    except MediaError as error:
        return str(error)
    return None


def _check_clip(source: Source) -> None:
    with source.open() as stream, reading(source.name):
        head = stream.read(HEAD)
        kind = sniff(head)
        if kind in VIDEO_FORMATS and is_cut_short(stream, kind):
            raise MediaError(
                f"{source.name}: is cut short (its end is missing); get the whole file"
            )
    if kind not in (*VIDEO_FORMATS, "gif", "webp"):
        raise unknown(source, head, "a video")


def gathered(
    prompt: Prompt,
    policy: str,
    came: Sequence[Content | str],
    *,
    seeds: Sequence[int] = (),
    settings: dict[str, Any] | None = None,
) -> Sampled:
    """The candidates that there are, and the reasons of the others, each under the name of its
    place."""
    named = {candidate_name(place): one for place, one in enumerate(came)}
    return Sampled(
        prompt=prompt,
        policy=policy,
        candidates=tuple(
            Candidate(id=name, content=one)
            for name, one in named.items()
            if not isinstance(one, str)
        ),
        seeds=dict(zip(named, seeds)),
        settings=settings or {},
        left_out={name: one for name, one in named.items() if isinstance(one, str)},
    )


def misfit(kind: Kind, task: str) -> str | None:
    """Why a task's candidates are not of that kind, None where they are or may be."""
    wanted = WANTED.get(task, kind)
    return None if kind == wanted else f"is {kind}, and {task} wants {wanted}"
