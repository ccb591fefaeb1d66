"""Media as data URLs: what is sent, and that it is made once."""

from __future__ import annotations

import base64
import threading
from io import BytesIO

import numpy as np
import pytest
from PIL import Image as PILImage

from unireward.ask import ImageContent, VideoContent
from unireward.engines.encoding import MediaEncoder
from unireward.errors import MediaError
from unireward.media import FrameRule, Image, Video

RULE = FrameRule.parse("linspace:8")


def picture(seed: int, width: int = 40, height: int = 30) -> Image:
    return Image(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def decoded(url: str) -> PILImage.Image:
    head, _, data = url.partition(",")
    assert head == "data:image/jpeg;base64"
    return PILImage.open(BytesIO(base64.b64decode(data)))


def test_an_image_is_a_jpeg_of_quality_95_at_its_own_size() -> None:
    image = picture(0)
    url = MediaEncoder().url(ImageContent(image))
    out = BytesIO()
    image.load().save(out, "JPEG", quality=95)
    assert base64.b64decode(url.partition(",")[2]) == out.getvalue()
    assert decoded(url).size == (40, 30)


def test_max_pixels_bounds_what_is_sent() -> None:
    shown = decoded(MediaEncoder().url(ImageContent(picture(0), max_pixels=300)))
    assert shown.size == (20, 15)


def test_one_image_in_many_asks_is_encoded_once_whoever_holds_it() -> None:
    encoder = MediaEncoder()
    urls = {
        encoder.url(ImageContent(picture(n % 3), size)) for n in range(30) for size in (None, 99)
    }
    assert (len(urls), encoder.encoded) == (6, 6)


def test_threads_that_want_the_same_at_once_share_it() -> None:
    encoder, start = MediaEncoder(), threading.Barrier(8)
    urls: list[str] = []

    def want() -> None:
        start.wait()
        urls.append(encoder.url(ImageContent(picture(1, 600, 600))))

    threads = [threading.Thread(target=want) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(urls), len(set(urls)), encoder.encoded) == (8, 1, 1)


def test_over_its_bound_it_forgets_the_one_used_longest_ago() -> None:
    size = len(MediaEncoder().url(ImageContent(picture(0))))
    encoder = MediaEncoder(max_bytes=int(size * 2.5))
    for seed in (0, 1, 0, 2):
        encoder.url(ImageContent(picture(seed)))
    assert encoder.encoded == 3
    encoder.url(ImageContent(picture(0)))
    assert encoder.encoded == 3
    encoder.url(ImageContent(picture(1)))
    assert encoder.encoded == 4


def test_what_cannot_be_read_is_said_each_time_and_not_kept(tmp_path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n broken")
    encoder = MediaEncoder()
    for _ in range(2):
        with pytest.raises(MediaError, match=r"a\.png"):
            encoder.url(ImageContent(Image(path)))
    picture(5).load().save(path)
    assert decoded(encoder.url(ImageContent(Image(path)))).size == (40, 30)


def test_native_video_goes_out_whole_where_the_server_takes_it(tmp_path) -> None:
    path = tmp_path / "clip.webm"
    path.write_bytes(b"\x1aE\xdf\xa3 webm bytes")
    part = MediaEncoder(video=True).part(VideoContent(Video(path), RULE))
    data = base64.b64encode(path.read_bytes()).decode()
    assert part == {"type": "video_url", "video_url": {"url": f"data:video/webm;base64,{data}"}}


@pytest.mark.parametrize(
    ("allowed", "cut", "message"),
    [(False, {}, "not known to take native video"), (True, {"start": 1.0}, "only a whole video")],
)
def test_native_video_that_cannot_go_out_says_the_mend(tmp_path, allowed, cut, message) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"\0\0\0\x18ftypisom0000isommp42 bytes")
    with pytest.raises(MediaError, match=rf"clip\.mp4.*{message}.*layout 'frames'"):
        MediaEncoder(video=allowed).url(VideoContent(Video(path, **cut), RULE))
