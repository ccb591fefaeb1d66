"""What is taken away is gone, and nothing else has changed."""

import numpy as np

from unireward.benchmarks.shown_less import with_others_words, without_media
from unireward.media import Image, Video
from unireward.record import Candidate, Part, Record


def picture(value, shape=(20, 30, 3)):
    return Part(type="image", media=Image(np.full(shape, value, dtype=np.uint8)))


def edit(name, words):
    return Record(
        id=name,
        task="image_editing",
        prompt=[
            Part(type="image", media=picture(10).media, role="source"),
            Part.of_text(words),
        ],
        candidates=[
            Candidate(id="a", content=[picture(200)]),
            Candidate(id="b", content=[Part.of_text("an answer")]),
        ],
    )


def test_pictures_become_grey_of_their_own_size_and_role():
    blank = without_media(edit("r", "make it red"))
    for part in (blank.prompt[0], blank.candidates[0].content[0]):
        pixels = np.asarray(part.load().load())
        assert pixels.shape == (20, 30, 3)
        assert set(pixels.ravel().tolist()) == {128}
    assert blank.prompt[0].role == "source"
    assert blank.text == "make it red"
    assert blank.candidates[1].text == "an answer"
    assert (blank.id, blank.task) == ("r", "image_editing")


def test_clips_become_grey_clips():
    clip = Part(type="video", media=Video(np.zeros((5, 16, 24, 3), np.uint8), fps=8))
    record = Record(
        id="v",
        task="video_generation",
        prompt=[Part.of_text("a red circle moving left")],
        candidates=[Candidate(id="a", content=[clip])],
    )
    video = without_media(record).candidates[0].content[0].load()
    assert isinstance(video, Video)
    info = video.info()
    assert (info.width, info.height) == (24, 16)
    assert video.digest != clip.media.digest


def test_words_go_round_and_media_stay():
    records = [edit("1", "one"), edit("2", "two"), edit("3", "three")]
    moved = with_others_words(records)
    assert [record.text for record in moved] == ["two", "three", "one"]
    assert [record.id for record in moved] == ["1", "2", "3"]
    assert all(m.candidates == r.candidates for m, r in zip(moved, records))
    assert all(m.prompt[0] == r.prompt[0] for m, r in zip(moved, records))
