"""Video containers by PyAV: exact frame counts, few frames decoded, memory flat.

Counting reads packets without decoding them where container and codec keep one frame a packet;
elsewhere it decodes. Frames are fetched by seeking to the last key frame before each, and every
decoded timestamp is held against the count: the first that is not where it should be ends the
trust, and the clip is counted and decoded from its start.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from unireward.errors import MediaError
from unireward.media.clips import Index, StaleIndexError, Window
from unireward.media.image import Image, check_pixels
from unireward.media.limits import get_limits
from unireward.media.source import Source
from unireward.media.whole import is_cut_short

if TYPE_CHECKING:
    from PIL import Image as PILImage

_DEMUXERS = {
    "mp4": "mov", "matroska": "matroska", "avi": "avi", "mpegts": "mpegts", "mpeg": "mpeg",
    "flv": "flv", "ogg": "ogg", "asf": "asf", "y4m": "yuv4mpegpipe",
}  # fmt: skip
_ONE_A_PACKET = {
    ("mp4", "h264"), ("mp4", "hevc"), ("mp4", "av1"), ("mp4", "vp9"), ("mp4", "mpeg4"),
    ("mp4", "mjpeg"), ("mp4", "prores"), ("matroska", "h264"), ("matroska", "hevc"),
    ("matroska", "av1"), ("matroska", "vp9"), ("matroska", "ffv1"),
}  # fmt: skip
"""Where a packet is a shown frame. Not VP8 (hidden frames), nor MPEG-4 in AVI (packed frames)."""


@dataclass
class _Plan:
    """``pts`` of the shown frames and of the ``keys``, ascending, in the stream's own clock."""

    pts: list[int]
    keys: list[int]


class ContainerClip:
    """A file or bytes of one of the known containers; its first video stream."""

    def __init__(self, source: Source, kind: str) -> None:
        self.source = source
        self.kind = kind

    def index(self, window: Window, exact: bool = False) -> Index:
        """Count the frames; ``exact`` counts by decoding whatever the packets say."""
        with self.source.open() as stream:
            if is_cut_short(stream, self.kind):
                raise MediaError(
                    f"{self.source.name}: is cut short (its end is missing); get the whole file"
                )
        if not exact:
            index = self._index_packets(window)
            if index is not None:
                return index
        return self._index_decoded(window.fresh())

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        """The frames at ``wanted``; :class:`StaleIndexError` where the count proves wrong."""
        with self._opened() as (box, track):
            if index.plan is not None:
                return _sought(box, track, index.plan, wanted)
            left, found = set(wanted), {}
            for i, frame in enumerate(self._decoded(box, track)):
                if i in left:
                    found[i] = _image(frame)
                    if len(found) == len(left):
                        return found
        raise MediaError(f"{self.source.name}: frame {wanted[-1]} cannot be decoded; make it again")

    def _index_packets(self, window: Window) -> Index | None:
        """An index from packets alone; None where they are not to be trusted."""
        with self._opened() as (box, track):
            if (self.kind, track.codec_context.codec.canonical_name) not in _ONE_A_PACKET:
                return None
            clock = float(track.time_base)
            pts: list[int] = []
            keys: list[int] = []
            first = end = 0
            for packet in box.demux(track):
                if packet.size == 0:
                    continue  # the empty packet that asks a decoder for its last frames
                if packet.pts is None or packet.is_corrupt:
                    return None
                if packet.is_keyframe:
                    keys.append(packet.pts)
                if packet.is_discard:
                    continue
                first = min(first, packet.pts) if pts else packet.pts
                pts.append(packet.pts)
                end = max(end, packet.pts + (packet.duration or 0))
                # No later packet is shown before this one is decoded.
                decoded = first if packet.dts is None else packet.dts
                if window.passed((decoded - first) * clock):
                    break
            pts.sort()
            keys.sort()
            if not pts or not keys or keys[0] > pts[0] or len(set(pts)) != len(pts):
                return None
            rate = _rate(track)
        size = self._size()
        times = [(p - first) * clock for p in pts]
        seconds = max((end - first) * clock, times[-1])
        return Index(size, len(pts), times, seconds, rate, _Plan(pts, keys))

    def _index_decoded(self, window: Window) -> Index:
        times: list[float] = []
        size, count, end, clocked = (0, 0), 0, 0.0, True
        with self._opened() as (box, track):
            rate = _rate(track)
            for frame in self._decoded(box, track):
                if count == 0:
                    size = _shown_size(frame)
                at: float | None = frame.time
                # A clock that stands still or runs back is none.
                if at is None or (times and at <= times[-1]):
                    clocked = False
                elif clocked:
                    times.append(at)
                    end = at + float((frame.duration or 0) * frame.time_base)
                count += 1
                if window.passed(times[-1] - times[0] if clocked else count / (rate or 1)):
                    break
        if count == 0:
            raise MediaError(f"{self.source.name}: no video frame can be decoded; make it again")
        if clocked:
            return Index(size, count, [t - times[0] for t in times], end - times[0], rate)
        if rate is None:
            return Index(size, count, None)
        return Index(size, count, [i / rate for i in range(count)], count / rate, rate)

    def _size(self) -> tuple[int, int]:
        with self._opened() as (box, track):
            for frame in self._decoded(box, track):
                return _shown_size(frame)
        raise MediaError(f"{self.source.name}: no video frame can be decoded; make it again")

    def _decoded(self, box: Any, track: Any) -> Iterator[Any]:
        for frame in box.decode(track):
            check_pixels((frame.width, frame.height), self.source.name)
            yield frame

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any]]:
        """``(container, its first video stream)``, the format forced to what the bytes say."""
        import av
        from av.stream import Disposition

        with (
            self.source.open() as stream,
            av.open(stream, format=_DEMUXERS[self.kind], metadata_errors="replace") as box,
        ):
            # A cover picture in a music file is a video stream to FFmpeg, not to us.
            tracks = [s for s in box.streams.video if Disposition.attached_pic not in s.disposition]
            if not tracks:
                raise MediaError(f"{self.source.name}: has no video stream; give a video file")
            context = tracks[0].codec_context
            if context is None:
                raise MediaError(f"{self.source.name}: its codec is unknown; convert it to H.264")
            if context.width and context.height:
                check_pixels((context.width, context.height), self.source.name)
            # The frames' own size may differ from the header's, and may change on the way.
            context.options = {**context.options, "max_pixels": str(get_limits().max_pixels)}
            yield box, tracks[0]


def _sought(box: Any, track: Any, plan: _Plan, wanted: list[int]) -> dict[int, Image]:
    found: dict[int, Image] = {}
    frames: Iterator[Any] = iter(())
    at = -1  # index of the frame decoded last
    for target in wanted:
        key = plan.keys[bisect_right(plan.keys, plan.pts[target]) - 1]
        start = bisect_left(plan.pts, key)
        if at < 0 or start > at + 1:
            # Without the seek, the first packet is the start of the file.
            if at >= 0 or start > 0:
                box.seek(key, stream=track, backward=True, any_frame=False)
            frames = _from_key(box, track, key)
            at = start - 1
        frame = None
        while at < target:
            frame = next(frames, None)
            at += 1
            if frame is None or frame.pts != plan.pts[at]:
                raise StaleIndexError
        assert frame is not None
        found[target] = _image(frame)
    return found


def _from_key(box: Any, track: Any, key: int) -> Iterator[Any]:
    """Frames shown at ``key`` or later; those before may lack what they were predicted from."""
    return (frame for frame in box.decode(track) if frame.pts is None or frame.pts >= key)


def _image(frame: Any) -> Image:
    return Image.of_rgb(_rgb(frame))


def _rgb(frame: Any) -> PILImage.Image:
    picture = frame.to_image()
    quarter = round(frame.rotation / 90) % 4
    return picture.rotate(90 * quarter, expand=True) if quarter else picture


def _shown_size(frame: Any) -> tuple[int, int]:
    swapped = round(frame.rotation / 90) % 2
    return (frame.height, frame.width) if swapped else (frame.width, frame.height)


def _rate(track: Any) -> float | None:
    return float(track.average_rate) if track.average_rate else None
