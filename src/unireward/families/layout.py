"""Layouts: how a form's media become content parts (the three conventions of the published code).

``frames`` shows every video as still images, video 1 before video 2 (OpenAI-compatible servers);
``native`` hands videos over whole (Qwen-VL processors); ``llava`` shows frames squeezed to 512 by
512, each image token inside the text and followed by a line end; a second still image is led by
one space, a video's frames are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from unireward.ask import Content, ImageContent, TextContent, VideoContent
from unireward.errors import InputError
from unireward.families.spec import FamilySpec, Form, Layout
from unireward.media import FrameRule, Image, Video

if TYPE_CHECKING:
    from unireward.record import Part, Record

LLAVA_SIZE = (512, 512)
DEFAULT: Layout = "frames"


class Sizes(Protocol):
    """How large pictures and frames are shown: a family's own, or a policy's."""

    @property
    def resize(self) -> tuple[int, int] | None: ...
    @property
    def max_pixels(self) -> int | None: ...


def media_of_form(
    form: Form, record: Record, order: Sequence[str]
) -> dict[str, list[Image | Video]]:
    """The media that ``form`` shows, by its names ``prompt``, ``source``, ``1``, ``2``.

    Raises :class:`InputError` where the record has none under a name that the form needs.
    """
    return {name: _under(name, form, record, order) for name in form.media}


def _under(name: str, form: Form, record: Record, order: Sequence[str]) -> list[Image | Video]:
    if name == "source":
        if record.source is None:
            raise InputError(
                f"record {record.id}: prompt has no image with role 'source'; "
                f"{form.task} needs the image before the edit"
            )
        return [record.source.load()]
    if name == "prompt":
        parts = [part for part in record.prompt if part.role != "source"]
        where = "prompt"
    else:
        at = int(name) - 1
        if at >= len(order):
            raise InputError(
                f"record {record.id}: {form.mode} shows {form.media.count('1') + 1} candidates, "
                f"{len(order)} given"
            )
        parts = list(record.candidate(order[at]).content)
        where = f"candidate {order[at]!r}"
    media = _loaded(parts)
    if not media:
        raise InputError(f"record {record.id}: {where} has no image or video; add one to judge")
    return media


def _loaded(parts: Sequence[Part]) -> list[Image | Video]:
    return [part.load() for part in parts if part.type != "text"]


def lay_out(
    spec: FamilySpec,
    form: Form,
    pieces: Sequence[str],
    media: dict[str, list[Image | Video]],
    engine_kind: str,
    rule: FrameRule,
) -> tuple[Content, ...]:
    """One user turn's content: media before the text, or inside it where its marks stand.

    ``pieces`` is the filled template, text at even places and media names at odd ones.
    """
    layout = spec.layouts.get(engine_kind, DEFAULT)
    shown = {
        name: [part for one in listed for part in expand(one, layout, spec, rule)]
        for name, listed in media.items()
    }
    if form.media_place == "inline":
        parts: list[Content] = []
        for at, piece in enumerate(pieces):
            parts += shown.get(piece, []) if at % 2 else ([TextContent(piece)] if piece else [])
        return tuple(parts)
    listed = [part for name in form.media for part in shown[name]]
    if layout != "llava":
        return (*listed, TextContent(pieces[0]))
    stills = all(isinstance(one, Image) for name in form.media for one in media[name])
    return _inside_text(listed, pieces[0], "\n " if stills else "\n")


def _inside_text(listed: Sequence[Content], text: str, between: str) -> tuple[Content, ...]:
    """Every image token ends its line: ``<image>\\n <image>\\ntext`` of two still images,
    ``<image>\\n<image>\\ntext`` of a video's frames (the judge was trained on either text)."""
    parts: list[Content] = []
    for at, part in enumerate(listed):
        if at:
            parts.append(TextContent(between))
        parts.append(part)
    return (*parts, TextContent("\n" + text if listed else text))


def expand(
    one: Image | Video, layout: Layout, sizes: Sizes, rule: FrameRule
) -> list[ImageContent | VideoContent]:
    """One picture or clip as a layout shows it: sized as told, a clip whole or as frames."""
    if isinstance(one, Image):
        return [ImageContent(_sized(one, sizes.resize), sizes.max_pixels)]
    if layout == "native":
        return [VideoContent(one, rule, sizes.max_pixels)]
    size = LLAVA_SIZE if layout == "llava" else sizes.resize
    frames = one.frames(rule).images
    return [ImageContent(_sized(frame, size), sizes.max_pixels) for frame in frames]


def _sized(image: Image, size: tuple[int, int] | None) -> Image:
    if size is None:
        return image
    return Image(image.load().resize(size))
