"""A prompt is asked part by part as it stands, whoever asks."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from unireward.ask import ImageContent, Message, Sampling, TextContent, VideoContent
from unireward.errors import MediaError
from unireward.families import get_family
from unireward.media import Image, Video
from unireward.policies import Showing, plain_ask
from unireward.record import Part


def picture(width: int = 8, height: int = 8) -> Part:
    return Part(type="image", media=Image(np.full((height, width, 3), 200, np.uint8)))


def clip(frames: int = 6) -> Part:
    pixels = np.zeros((frames, 8, 8, 3), np.uint8)
    pixels[:, :, :, 0] = 20 * np.arange(frames)[:, None, None]
    return Part(type="video", media=Video(pixels, fps=8))


def said(message: Message) -> list[str]:
    return [
        part.text if isinstance(part, TextContent) else type(part).__name__
        for part in message.content
    ]


def test_one_turn_is_one_message_in_order() -> None:
    source = picture().model_copy(update={"role": "source"})
    ask = plain_ask(
        [source, Part.of_text("make it red"), picture(), Part.of_text("!")],
        Showing(),
        Sampling(temperature=0.5),
    )
    (message,) = ask.messages
    assert (message.role, said(message)) == (
        "user", ["ImageContent", "make it red", "ImageContent", "!"],
    )  # fmt: skip
    assert ask.sampling.temperature == 0.5
    assert ask.choices == ()


def test_a_talk_keeps_who_spoke_and_when() -> None:
    talk = [
        Part.of_text("be brief", role="system"),
        picture().model_copy(update={"role": "user", "turn": 0}),
        Part(type="text", text="how many ?", role="user", turn=0),
        Part(type="text", text="two", role="assistant", turn=1),
        Part(type="text", text="and red ?", role="user", turn=2),
        Part(type="text", text="and blue ?", role="user", turn=3),
    ]
    ask = plain_ask(talk, Showing(system="not this one"))
    assert [(m.role, said(m)) for m in ask.messages] == [
        ("system", ["be brief"]),
        ("user", ["ImageContent", "how many ?"]),
        ("assistant", ["two"]),
        ("user", ["and red ?"]),
        ("user", ["and blue ?"]),
    ]


def test_a_system_message_goes_before_prompts_that_have_none() -> None:
    ask = plain_ask([Part.of_text("how many ?")], Showing(system="be brief"))
    assert [(m.role, m.text) for m in ask.messages] == [
        ("system", "be brief"), ("user", "how many ?"),
    ]  # fmt: skip


def test_a_clip_is_shown_as_the_frames_of_the_rule() -> None:
    (message,) = plain_ask([clip(), Part.of_text("?")], Showing(frames="linspace:3")).messages
    frames = [part for part in message.content if isinstance(part, ImageContent)]
    assert len(message.content) == 4
    assert [int(np.asarray(one.image.load())[0, 0, 0]) for one in frames] == [0, 40, 100]


def test_sizes_and_a_native_clip() -> None:
    showing = Showing(layout="native", max_pixels=100, resize=(4, 6), frames="uniform:2")
    image, video = plain_ask([picture(), clip()], showing).messages[0].content
    assert isinstance(image, ImageContent)
    assert (image.image.size, image.max_pixels) == ((4, 6), 100)
    assert isinstance(video, VideoContent)
    assert (str(video.rule), video.max_pixels) == ("uniform:2", 100)


def test_a_familys_showing_is_its_specs() -> None:
    spec = get_family("tiny").spec
    here, there = Showing.of(spec, "transformers"), Showing.of(spec, "openai")
    assert (here.layout, there.layout) == ("native", "frames")
    assert (here.frames, here.resize, here.max_pixels) == ("linspace:4", (64, 64), None)


def test_pictures_are_read_by_the_engine_and_clips_here(tmp_path) -> None:
    lost = Part(type="image", path=str(tmp_path / "no.png"))
    assert len(plain_ask([lost], Showing()).media) == 1
    gone = Part(type="video", path=str(tmp_path / "no.mp4"))
    with pytest.raises(MediaError, match=r"no\.mp4: no such file"):
        plain_ask([gone], Showing())
    assert len(plain_ask([gone], Showing(layout="native")).media) == 1


@pytest.mark.parametrize(
    "options", [{"frames": "some:8"}, {"max_pixels": 0}, {"layout": "stacked"}, {"frame": "all"}]
)
def test_a_showing_that_is_none(options: dict) -> None:
    with pytest.raises(ValidationError):
        Showing.model_validate(options)
