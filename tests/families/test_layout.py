"""The llava layout's text, held to the published prompts' own line ends."""

from __future__ import annotations

import numpy as np
import pytest

from unireward.ask import TextContent
from unireward.families import get_family
from unireward.media import Image, Video
from unireward.record import Candidate, Part, Record


def still(shade: int) -> Part:
    return Part(type="image", media=Image(np.full((4, 6, 3), shade, np.uint8)))


def clip(shade: int) -> Part:
    return Part(type="video", media=Video(np.full((16, 4, 6, 3), shade, np.uint8)))


def told(variant: str, task: str, mode: str, *shown: Part) -> str:
    """The user's turn as text, ``<image>`` for every picture."""
    rec = Record(
        id="r1",
        task=task,
        prompt=(Part.of_text("two red circles"),),
        candidates=tuple(Candidate(id=name, content=(p,)) for name, p in zip("ab", shown)),
    )
    owner = get_family(variant)
    (form,) = owner.forms_for(task, mode)
    ask = owner.ask(form, rec, ("a", "b")[: len(shown)], "transformers")
    content = ask.messages[-1].content
    return "".join(p.text if isinstance(p, TextContent) else "<image>" for p in content)


@pytest.mark.parametrize("variant", ["unifiedreward/llava", "unifiedreward-think/llava"])
def test_one_space_before_the_second_of_two_pictures(variant: str) -> None:
    text = told(variant, "image_generation", "rank", still(1), still(2))
    head, mark, rest = text.rpartition("<image>\n")
    assert head + mark == "<image>\n <image>\n"
    assert rest[0].isalpha()


@pytest.mark.parametrize("variant", ["unifiedreward/llava", "unifiedreward-think/llava"])
def test_no_space_between_the_frames_of_two_clips(variant: str) -> None:
    text = told(variant, "video_generation", "rank", clip(1), clip(2))
    head, mark, rest = text.rpartition("<image>\n")
    assert head + mark == "<image>\n" * 16
    assert rest[0].isalpha()


def test_one_picture_and_one_clip() -> None:
    one = told("unifiedreward/llava", "image_generation", "score", still(1))
    assert one.startswith("<image>\n")
    assert one.count("<image>") == 1
    frames = told("unifiedreward/llava", "video_generation", "score", clip(1))
    assert frames.startswith("<image>\n" * 8)
    assert frames.count("<image>") == 8
