"""Video containers by PyAV: exact frame counts, few frames decoded, memory flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from unireward.errors import MediaError
from unireward.media.clips import Index
from unireward.media.image import Image
from unireward.media.limits import get_limits
from unireward.media.source import Source

if TYPE_CHECKING:
    from PIL import Image as PILImage

_DEMUXERS = {"mp4": "mov", "matroska": "matroska", "avi": "avi", "mpegts": "mpegts",
             "mpeg": "mpeg", "flv": "flv", "ogg": "ogg", "asf": "asf", "y4m": "yuv4mpegpipe"}  # fmt: skip


class ContainerClip:
    def __init__(self, source: Source, kind: str) -> None:
        self.source = source
        self.kind = kind

    def index(self, until: float | None) -> Index:
        times: list[float] = []
        size, rate, last = (0, 0), None, 0.0
        limit = get_limits().max_frames
        for frame, rate in self._decode():
            if not times:
                size = _shown_size(frame)
            at = frame.time if frame.time is not None else len(times) / (rate or 1)
            times.append(at)
            last = at + (float(frame.duration * frame.time_base) if frame.duration else 0.0)
            if until is not None and at - times[0] >= until:
                break
            if len(times) > limit and until is None:
                break
        if not times:
            raise MediaError(f"{self.source.name}: no video frame can be decoded; make it again")
        zero = times[0]
        return Index(size, len(times), [t - zero for t in times], last - zero, rate)

    def fetch(self, index: Index, wanted: list[int]) -> dict[int, Image]:
        found: dict[int, Image] = {}
        left = set(wanted)
        for i, (frame, _) in enumerate(self._decode()):
            if i in left:
                found[i] = Image.of_rgb(_rgb(frame))
                if len(found) == len(left):
                    break
        return found

    def _decode(self) -> Iterator[tuple[Any, float | None]]:
        import av

        with self.source.open() as stream, av.open(stream, format=_DEMUXERS[self.kind]) as box:
            if not box.streams.video:
                raise MediaError(f"{self.source.name}: has no video stream; give a video file")
            track = box.streams.video[0]
            rate = float(track.average_rate) if track.average_rate else None
            for frame in box.decode(track):
                yield frame, rate


def _rgb(frame: Any) -> PILImage.Image:
    picture = frame.to_image()
    turns = round(frame.rotation / 90) % 4
    return picture.rotate(90 * turns, expand=True) if turns else picture


def _shown_size(frame: Any) -> tuple[int, int]:
    swapped = round(frame.rotation / 90) % 2
    return (frame.height, frame.width) if swapped else (frame.width, frame.height)
