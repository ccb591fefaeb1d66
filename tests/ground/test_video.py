"""Clips: exact counts, exact frames, bounded; a broken one is a MediaError in one line."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from unireward.errors import MediaError
from unireward.media import FrameRule, Frames, Image, MediaLimits, Video, VideoInfo, use_limits
from unireward.media.clips import Index, Window
from unireward.media.container import ContainerClip
from unireward.media.source import Source

Make = Callable[..., Path]


def grey(image: Image) -> int:
    """The grey that ``make_clip`` gave a frame, in its lower right corner."""
    picture = image.load()
    value = picture.getpixel((picture.width - 2, picture.height - 2))
    assert isinstance(value, tuple)
    return int(value[0])


def gif(delays: list[int], **options: object) -> bytes:
    """A GIF whose frame i is red of 10 * i; delays in milliseconds."""
    frames = [PILImage.new("RGB", (8, 6), (10 * i, 0, 0)) for i in range(len(delays))]
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=delays, **options)
    return out.getvalue()


def test_info_and_frames_of_a_clip(clip_file: Make) -> None:
    video = Video(clip_file())
    assert video.info() == VideoInfo(64, 48, 12.0, 24, 2.0)
    frames = video.frames("uniform:8")
    assert frames.indices == (0, 3, 6, 9, 12, 15, 18, 21)
    assert frames.times == pytest.approx([i / 12 for i in frames.indices], abs=1e-9)
    assert frames.total == 24
    assert [round(grey(f) / 8) for f in frames] == list(frames.indices)
    assert all(f.load().mode == "RGB" and f.size == (64, 48) for f in frames)
    assert len(frames) == 8


def test_fewer_frames_than_asked_repeat(clip_file: Make) -> None:
    frames = Video(clip_file(frames=3)).frames("linspace:8")
    assert frames.indices == (0, 0, 0, 0, 1, 1, 1, 2)
    assert frames.images[0] is frames.images[3]
    assert frames.total == 3


@pytest.mark.parametrize(
    ("name", "codec", "options", "trusted"),
    [
        ("a.mp4", "libx264", {}, True),
        ("open.mp4", "libx264", {"x264-params": "open-gop=1:keyint=6:bframes=3:b-adapt=0"}, True),
        ("a.mkv", "libx264", {}, True),
        ("nine.webm", "libvpx-vp9", {"lag-in-frames": "16", "auto-alt-ref": "1"}, True),
        ("eight.webm", "libvpx", {"lag-in-frames": "16", "auto-alt-ref": "1"}, False),
        ("a.avi", "mpeg4", {}, False),
        ("a.mpg", "mpeg2video", {}, False),
        ("a.ts", "libx264", {}, False),
        ("a.flv", "libx264", {}, False),
        ("a.mov", "mpeg4", {}, True),
    ],
)
def test_seeking_gives_the_frames_that_decoding_gives(
    clip_file: Make, name: str, codec: str, options: dict[str, str], trusted: bool
) -> None:
    import av

    if codec not in av.codecs_available:
        pytest.skip(f"PyAV was built without {codec}")
    path = clip_file(name, frames=30, rate=25, codec=codec, options=options)
    with av.open(str(path)) as box:
        decoded = [Image.of_rgb(frame.to_image()) for frame in box.decode(video=0)]
    video = Video(path)
    assert video.info().frames == len(decoded) == 30
    source = Source(path)
    kind = {"mkv": "matroska", "webm": "matroska", "mov": "mp4", "mpg": "mpeg", "ts": "mpegts"}
    suffix = path.suffix[1:]
    clip = ContainerClip(source, kind.get(suffix, suffix))
    index = clip.index(Window(None, None, None))
    assert (index.plan is not None) == trusted
    exact = clip.index(Window(None, None, None), exact=True)
    assert exact.plan is None
    assert exact.count == index.count
    assert exact.times == pytest.approx(index.times, abs=2e-3)
    for rule in ("uniform:4", "linspace:5", "all"):
        frames = Video(path).frames(rule)
        assert frames.images == tuple(decoded[i] for i in frames.indices)


def test_only_the_frames_near_the_wanted_ones_are_decoded(
    clip_file: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = clip_file(frames=200, gop=5)
    video = Video(path)
    video.info()
    decoded = []
    original = ContainerClip._opened

    def counted(self: ContainerClip) -> object:
        from contextlib import contextmanager

        @contextmanager
        def opened():
            with original(self) as (box, track):

                class Box:
                    seek = staticmethod(box.seek)

                    def decode(self, wanted):
                        for frame in box.decode(wanted):
                            decoded.append(frame.pts)
                            yield frame

                yield Box(), track

        return opened()

    monkeypatch.setattr(ContainerClip, "_opened", counted)
    frames = video.frames("linspace:4")
    assert [round(grey(f) / 8) for f in frames] == [i % 32 for i in (0, 66, 132, 199)]
    assert len(decoded) <= 4 * 6


@pytest.mark.parametrize("lie", ["one more", "one less", "other times"])
def test_a_count_that_lies_is_found_out_on_decoding(
    clip_file: Make, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """Packets that promise other frames than decode: the clip is counted again by decoding."""
    video = Video(clip_file(frames=24))
    honest = ContainerClip._index_packets

    def lying(self: ContainerClip, window: Window) -> Index | None:
        index = honest(self, window)
        assert index is not None
        pts = index.plan.pts
        if lie == "one more":
            pts.append(2 * pts[-1] - pts[-2])
        elif lie == "one less":
            del pts[11]
        else:
            pts[20] += 1
        times = [p / pts[1] / 12 for p in pts]
        return replace(index, count=len(pts), times=times)

    monkeypatch.setattr(ContainerClip, "_index_packets", lying)
    frames = video.frames("all")
    assert frames.total == len(frames) == video.info().frames == 24
    assert [round(grey(f) / 8) for f in frames] == list(range(24))


@pytest.mark.parametrize(("rotation", "corner"), [(90, (2, 61)), (180, (61, 45)), (270, (45, 2))])
def test_rotation_beside_the_pixels_is_applied(
    clip_file: Make, rotation: int, corner: tuple[int, int]
) -> None:
    video = Video(clip_file(frames=4, rotation=rotation))
    size = (64, 48) if rotation == 180 else (48, 64)
    assert (video.info().width, video.info().height) == size
    picture = video.frames("uniform:1").images[0].load()
    assert picture.size == size
    red, green, blue = picture.getpixel(corner)  # type: ignore[misc]
    assert red > 200
    assert green < 60
    assert blue < 60


def test_a_cut_takes_the_frames_from_start_to_before_end(clip_file: Make) -> None:
    path = clip_file()
    cut = Video(path, start=0.5, end=1.5)
    assert cut.info() == VideoInfo(64, 48, 12.0, 12, pytest.approx(1.0))
    frames = cut.frames("all")
    assert frames.indices == tuple(range(12))
    assert frames.times == pytest.approx([i / 12 for i in range(6, 18)])
    assert [round(grey(f) / 8) for f in frames] == list(range(6, 18))
    assert cut.frames("fps:4").indices == (0, 3, 6, 9)
    assert Video(path, start=1.9).info().frames == 1
    assert Video(path, end=0.25).info().frames == 3
    with pytest.raises(MediaError, match=r"no frame between start and end; its last frame is at 1"):
        Video(path, start=9).info()


def test_fps_replaces_the_clock(clip_file: Make) -> None:
    video = Video(clip_file(), fps=6, start=1)
    assert video.info() == VideoInfo(64, 48, 6, 18, 3.0)
    assert video.frames("fps:1").times == (1.0, 2.0, 3.0)
    assert [round(grey(f) / 8) for f in video.frames("fps:1")] == [6, 12, 18]


def test_digest_tells_cuts_apart(clip_file: Make) -> None:
    path = clip_file()
    whole = Video(path)
    assert whole.digest == Video(path.read_bytes()).digest == Image(path).digest
    cuts = [Video(path, start=1), Video(path, end=1), Video(path, fps=1), whole]
    assert len({cut.digest for cut in cuts}) == 4
    assert Video(path, start=1) == Video(path, start=1.0)
    assert [cut.is_cut for cut in cuts] == [True, True, True, False]
    assert whole.path == path


def test_a_list_of_frames(tmp_path: Path) -> None:
    paths = []
    for i in range(4):
        paths.append(tmp_path / f"{i}.png")
        PILImage.new("RGB", (8, 6), (i, i, i)).save(paths[-1])
    video = Video(paths)
    assert video.info() == VideoInfo(8, 6, None, 4, None)
    frames = video.frames("linspace:3")
    assert isinstance(frames, Frames)
    assert (frames.indices, frames.times) == ((0, 1, 3), ())
    assert [grey(f) for f in frames] == [0, 1, 3]
    with pytest.raises(MediaError, match="needs fps="):
        video.frames("fps:1")
    with pytest.raises(MediaError, match="need fps="):
        Video(paths, start=1)
    timed = Video(paths, fps=2, start=0.5)
    assert timed.info() == VideoInfo(8, 6, 2, 3, 1.5)
    assert timed.frames("fps:1").times == (0.5, 1.5)
    with pytest.raises(MediaError, match="empty"):
        Video([])


def test_an_array_of_frames() -> None:
    array = np.stack([np.full((6, 8, 3), i, np.uint8) for i in range(5)])
    video = Video(array)
    assert video.info().frames == 5
    assert [grey(f) for f in video.frames("uniform:2")] == [0, 2]
    assert Video(list(array)).digest == video.digest != Video(array[::-1]).digest
    with pytest.raises(MediaError, match="frames x height x width x 3, not 3"):
        Video(array[0])


def test_gif_counts_times_and_composes() -> None:
    video = Video(gif([100, 300, 50, 50]))
    assert video.info() == VideoInfo(8, 6, pytest.approx(8.0), 4, pytest.approx(0.5))
    frames = video.frames("all")
    assert frames.times == pytest.approx((0.0, 0.1, 0.4, 0.45))
    assert [grey(f) for f in frames] == [0, 10, 20, 30]
    # Half a second at ten a second: the second frame is on screen three times.
    assert video.frames("fps:10").indices == (0, 1, 1, 1, 2)


def test_a_gif_without_delays_runs_as_in_a_browser() -> None:
    assert Video(gif([0, 0, 0])).info().seconds == pytest.approx(0.3)


def test_transparent_gif_frames_are_on_white() -> None:
    frames = []
    for place in range(3):
        frame = PILImage.new("RGBA", (3, 1), (0, 0, 0, 0))
        frame.putpixel((place, 0), (255, 0, 0, 255))
        frames.append(frame)
    out = BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], disposal=2, duration=100)
    taken = [f.load() for f in Video(out.getvalue()).frames("all")]
    assert [[p.getpixel((x, 0)) for x in range(3)] for p in taken] == [
        [(255, 0, 0) if x == place else (255, 255, 255) for x in range(3)] for place in range(3)
    ]


def test_animated_webp() -> None:
    frames = [PILImage.new("RGB", (8, 6), (0, 0, 50 * i)) for i in range(3)]
    out = BytesIO()
    options = {"save_all": True, "append_images": frames[1:], "duration": 250, "lossless": True}
    frames[0].save(out, "WEBP", **options)
    video = Video(out.getvalue())
    assert video.info() == VideoInfo(8, 6, pytest.approx(4.0), 3, pytest.approx(0.75))
    assert [f.load().getpixel((0, 0)) for f in video.frames("all")] == [
        (0, 0, 0), (0, 0, 50), (0, 0, 100)
    ]  # fmt: skip


def endless_gif(frames: int) -> bytes:
    """A GIF of very many frames of one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6)
    picture = b"," + struct.pack("<HHHHB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    return head + picture * frames + b";"


def test_an_endless_gif_is_refused() -> None:
    with pytest.raises(MediaError, match=r"has over 36,000 frames; cut it with start and end"):
        Video(endless_gif(100_000)).frames("uniform:8")
    assert Video(endless_gif(1000)).info().frames == 1000


def test_a_gif_whose_later_frame_is_a_bomb_is_refused() -> None:
    data = bytearray(endless_gif(2))
    at = data.rindex(b",")
    data[at + 5 : at + 9] = struct.pack("<HH", 60_000, 2_000)
    with pytest.raises(MediaError, match="60000x2000 is 120,000,000 pixels"):
        Video(bytes(data)).frames("all")


def test_limits_of_clips(clip_file: Make) -> None:
    path = clip_file()
    for limits, message in [
        (MediaLimits(max_frames=23), "has over 23 frames"),
        (MediaLimits(max_seconds=1.9), "lasts over 1.9 seconds"),
        (MediaLimits(max_pixels=64 * 48 - 1), "64x48 is 3,072 pixels, the limit is 3,071"),
        (MediaLimits(max_bytes=100), "bytes, the limit is 100"),
        (MediaLimits(max_sampled=7), r"rule uniform:8 takes 8 frames, the limit is 7"),
        (MediaLimits(max_sampled_pixels=3072 * 7), "takes 8 frames of 64x48"),
    ]:
        with use_limits(limits), pytest.raises(MediaError, match=message):
            Video(path).frames("uniform:8")
    with use_limits(MediaLimits(max_frames=6, max_seconds=0.5)):
        # The cut is what counts.
        assert Video(path, start=1.5).info().frames == 6
        assert Video(path, end=0.5).info().frames == 6
        assert Video(path, start=1, end=1.5).info().frames == 6
        assert Video([path] * 6).frames is not None
        with pytest.raises(MediaError, match="limit is 6"):
            Video([path] * 7)
    with use_limits(MediaLimits(max_sampled=5)):
        assert Video(path).frames("fps:12").indices == (0, 5, 11, 17, 23)


def test_huge_counts_in_a_rule_are_refused_before_they_are_made(clip_file: Make) -> None:
    with pytest.raises(MediaError, match=r"takes 1,000,000,000 frames"):
        Video(clip_file()).frames("linspace:1000000000")


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.webm", "a.avi", "frag.mp4", "fast.mp4"])
@pytest.mark.parametrize("share", [0.3, 0.7, 0.98])
def test_a_cut_off_file_is_an_error(clip_file: Make, name: str, share: float) -> None:
    codec = {"a.webm": "libvpx-vp9", "a.avi": "mpeg4"}.get(name, "libx264")
    data = clip_file(name, frames=60, codec=codec).read_bytes()
    if name == "frag.mp4":
        data = remuxed(data, "frag_keyframe+empty_moov")
    if name == "fast.mp4":
        data = remuxed(data, "faststart")
    assert Video(data).info().frames == 60
    with pytest.raises(MediaError, match="cut short") as caught:
        Video(data[: int(len(data) * share)]).frames("uniform:8")
    assert "\n" not in str(caught.value)


def remuxed(data: bytes, flags: str) -> bytes:
    """The same packets with the index in front, or in fragments."""
    import tempfile

    import av

    with tempfile.TemporaryDirectory() as folder, av.open(BytesIO(data)) as old:
        path = Path(folder) / "out.mp4"
        with av.open(str(path), "w", options={"movflags": flags}) as new:
            track = new.add_stream_from_template(old.streams.video[0])
            for packet in old.demux(video=0):
                if packet.dts is not None:
                    packet.stream = track
                    new.mux(packet)
        return path.read_bytes()


def test_what_is_no_clip_says_so(tmp_path: Path) -> None:
    import av

    (tmp_path / "text.mp4").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n")
    (tmp_path / "empty.mp4").touch()
    (tmp_path / "folder.mp4").mkdir()
    PILImage.new("RGB", (2, 2)).save(tmp_path / "still.png")
    with av.open(str(tmp_path / "sound.mp4"), "w") as box:
        track = box.add_stream("aac", rate=44_100)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        sound.sample_rate = 44_100
        for packet in [*track.encode(sound), *track.encode()]:
            box.mux(packet)
    for name, message in [
        ("text.mp4", "holds text, not a video; supported are"),
        ("empty.mp4", "is empty"),
        ("folder.mp4", "is a folder"),
        ("absent.mp4", "no such file"),
        ("still.png", "not a video"),
        ("sound.mp4", "has no video stream"),
    ]:
        with pytest.raises(MediaError, match=message) as caught:
            Video(tmp_path / name).frames("uniform:8")
        assert name in str(caught.value)
        assert "\n" not in str(caught.value)
    for cut, message in [
        ({"start": -1}, "start is -1"),
        ({"fps": 0}, "fps is 0"),
        ({"end": float("nan")}, "end is nan"),
        ({"start": 2, "end": 1}, "end 1 must be after start"),
    ]:
        with pytest.raises(MediaError, match=message):
            Video("a.mp4", **cut)
    for source in (None, {}, 3, object()):
        with pytest.raises(MediaError, match="cannot be made of"):
            Video(source)


def test_pickles_are_the_same_clip(clip_file: Make) -> None:
    video = Video(clip_file(), start=0.5)
    video.frames("uniform:2")
    twin = pickle.loads(pickle.dumps(video))
    assert twin == video
    assert hash(twin) == hash(video)
    assert twin.frames("uniform:2") == video.frames("uniform:2")
    assert len(pickle.dumps(video)) < 1000
    listed = Video(np.zeros((2, 4, 4, 3), np.uint8), fps=3)
    assert pickle.loads(pickle.dumps(listed)).info() == listed.info()


def test_the_last_frames_stay_with_the_handle(clip_file: Make) -> None:
    video = Video(clip_file())
    assert video.frames("uniform:2") is video.frames(FrameRule("uniform", 2))
    assert video.frames("uniform:3").indices == (0, 8, 16)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=64), st.integers(0, 10_000), st.booleans())
def test_any_bytes_give_frames_or_a_media_error(
    clip_bytes: bytes, noise: bytes, at: int, in_gif: bool
) -> None:
    real = gif([100] * 3) if in_gif else clip_bytes
    at %= len(real)
    for data in (noise, real[:at] + noise + real[at + len(noise) :]):
        try:
            frames = Video(data).frames("linspace:2")
        except MediaError:
            continue
        assert len(frames) == 2
        assert all(0 <= i < frames.total for i in frames.indices)


def test_the_pixels_of_all_frames_are_one_array() -> None:
    clip = np.random.default_rng(0).integers(0, 256, (3, 8, 12, 3), np.uint8)
    assert np.array_equal(Video(clip).frames("all").pixels(), clip)
    mixed = Video([PILImage.new("RGB", (4, 4)), PILImage.new("RGB", (6, 4))])
    with pytest.raises(MediaError, match=r"several sizes \(4 x 4, 6 x 4\)"):
        mixed.frames("all").pixels()
