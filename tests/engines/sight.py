"""Asks with media of many shapes, and what it takes to make lines of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from unireward.ask import Ask, Content, ImageContent, Message, TextContent, VideoContent
from unireward.engines.eyes import eyes_of
from unireward.engines.line import Lines
from unireward.engines.medium import Media
from unireward.media import FrameRule, Image, Video


class Sight:
    """Lines of asks for a model; ``kept`` are the keys whose features are at hand."""

    def __init__(self, model: Any, processor: Any) -> None:
        self.model, self.processor = model, processor
        self.kept: Any = set()
        eyes = eyes_of(model, processor)
        assert eyes is not None
        self.eyes = eyes
        self.media = Media(eyes, "model", lambda key: key in self.kept)
        self.lines = Lines(model, processor, eyes, self.media)


def picture(seed: int, high: int = 40, wide: int = 56) -> ImageContent:
    draw = np.random.default_rng(seed)
    return ImageContent(Image(draw.integers(0, 256, (high, wide, 3), dtype=np.uint8)))


def clip(seed: int, frames: int = 8, rule: str = "linspace:3", fps: float = 8) -> VideoContent:
    draw = np.random.default_rng(seed)
    pixels = draw.integers(0, 256, (frames, 40, 56, 3), dtype=np.uint8)
    return VideoContent(Video(pixels, fps=fps), FrameRule.parse(rule))


def asked(*parts: Content | str, system: str = "") -> Ask:
    content = tuple(TextContent(p) if isinstance(p, str) else p for p in parts)
    first = (Message("system", (TextContent(system),)),) if system else ()
    return Ask((*first, Message("user", content)))


ASKS = {
    "words": asked("two red circles"),
    "one image": asked("image : ", picture(0), " caption : two red circles . rank :"),
    "a large one": asked(picture(1, 200, 90), "rank :"),
    "a small one": asked(picture(2, 9, 11), "rank :"),
    "within max_pixels": asked(ImageContent(picture(1, 200, 90).image, 2000), " one heart"),
    "two of different sizes": asked(picture(0), " and ", picture(3, 72, 33), " rank :"),
    "the same twice": asked(picture(0), " ", picture(0), " rank :"),
    "five": asked(*(p for k in range(5) for p in (picture(k, 30 + 9 * k, 60), " image ")), "one"),
    "a system message": asked(picture(0), " rank :", system="one green star"),
}
CLIPS = {
    "one clip": asked("rank : ", clip(0), " two red circles"),
    "two clips": asked(clip(0), " and ", clip(1, 12, "linspace:5", 3), " rank :"),
    "an image and clips": asked(clip(0), picture(0), " one ", clip(1), picture(4, 50, 90), " :"),
    "slow": asked(clip(2, 6, "linspace:6", 0.5), " one heart"),
}
