"""Prompt: one ask as a processor takes it, and the processor's tensors of several.

Judging and training both come through here, so that a model is trained on the very tokens and
pixels that it is asked with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unireward.ask import Ask, Content, ImageContent, TextContent, VideoContent
from unireward.engines.processor import first_line
from unireward.errors import InputError


@dataclass(frozen=True)
class Prompt:
    """The chat template's text up to where the reply begins, and its media decoded: images and
    lists of frames as PIL pictures, mode RGB, in the order shown."""

    text: str
    images: list[Any]
    videos: list[Any]
    video_metadata: list[Any]


def prompt_of(processor: Any, ask: Ask, name: str) -> Prompt:
    """``ask`` by the processor's chat template. ``name`` is what messages call the model.

    Raises :class:`InputError` (:class:`MediaError` for media that cannot be read).
    """
    images: list[Any] = []
    videos: list[Any] = []
    metadata: list[Any] = []
    for part in ask.media:
        if isinstance(part, ImageContent):
            images.append(picture_of(part))
        else:
            frames, about = frames_of(processor, part, name)
            videos.append(frames)
            metadata.append(about)
    return Prompt(text_of(processor, ask), images, videos, metadata)


def text_of(processor: Any, ask: Ask) -> str:
    """The chat template's text of ``ask``, one placeholder for each medium."""
    turns = [
        {"role": message.role, "content": [_entry(part) for part in message.content]}
        for message in ask.messages
    ]
    return processor.apply_chat_template(
        turns,
        tokenize=False,
        add_generation_prompt=True,
        **dict(dict(ask.extra).get("chat_template_kwargs", ())),
    )


def _entry(part: Content) -> dict[str, str]:
    if isinstance(part, TextContent):
        return {"type": "text", "text": part.text}
    return {"type": "image" if isinstance(part, ImageContent) else "video"}


def picture_of(part: ImageContent) -> Any:
    """The image as it is shown: PIL, mode RGB, within its ``max_pixels``."""
    image = part.image
    return (image.fit(part.max_pixels) if part.max_pixels else image).load()


def frames_of(processor: Any, part: VideoContent, name: str) -> tuple[list[Any], Any]:
    """The frames that the part's rule takes, as :func:`picture_of` gives pictures, and their
    VideoMetadata."""
    from transformers.video_utils import VideoMetadata

    if not packs_video(processor):
        raise InputError(f"{name} takes no native video here; set the family's layout to frames")
    chosen = part.video.frames(part.rule)
    images = [i.fit(part.max_pixels) if part.max_pixels else i for i in chosen.images]
    about = VideoMetadata(
        total_num_frames=chosen.total,
        fps=part.video.info().fps,
        frames_indices=list(chosen.indices),
    )
    return [image.load() for image in images], about


def packs_video(processor: Any) -> bool:
    """Does it take native videos?"""
    return getattr(processor, "video_processor", None) is not None


def encode(processor: Any, prompts: Sequence[Prompt], name: str) -> Any:
    """The model's inputs for prompts that all show images, or all do not; likewise videos.

    Padded as the tokenizer says. Raises :class:`InputError` where the processor refuses them.
    """
    media: dict[str, Any] = {}
    if prompts[0].images:
        media["images"] = [prompt.images for prompt in prompts]
    if prompts[0].videos:
        media["videos"] = [video for prompt in prompts for video in prompt.videos]
        media["video_metadata"] = [about for p in prompts for about in p.video_metadata]
        media["do_sample_frames"] = False
    # The chat template has already written every special token there is.
    try:
        return processor(
            text=[prompt.text for prompt in prompts],
            padding=True,
            return_tensors="pt",
            add_special_tokens=False,
            **media,
        )
    except (ValueError, TypeError) as error:
        told = refusal(name, error, [prompt.text for prompt in prompts])
        if told is None:
            raise
        raise told from error


def refusal(
    name: str, error: ValueError | TypeError, texts: Sequence[str] = ()
) -> InputError | None:
    """What the processor of model ``name`` means by ``error`` over ``texts``; None where the
    fault is not the ask's."""
    if any("\ud800" <= char <= "\udfff" for text in texts for char in text):
        return InputError(f"{name}: a text holds half a surrogate pair; give whole characters")
    if isinstance(error, TypeError):
        return None
    return InputError(
        f"{name}: its processor refuses this ask ({first_line(error)}); "
        "give other media, or mend the checkpoint's chat template"
    )
