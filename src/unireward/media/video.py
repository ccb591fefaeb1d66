"""Video: a lazy handle of a clip, decoded by the frame rule it is given.

::

    video = Video("clip.mp4", start=2.0, end=6.0)       # seconds; nothing is read yet
    video.info()                                        # width, height, fps, frames, seconds
    frames = video.frames(FrameRule.parse("linspace:8"))
    frames.images, frames.indices, frames.times, frames.total

The number of frames is what decodes, never what a header claims. ``indices`` count from the
first frame of the cut, ``times`` are seconds from the start of the whole video. Rotation kept
beside the pixels is applied. A cut takes the frames with ``start <= time < end``.
"""

from __future__ import annotations

import hashlib
import math
import os
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unireward.errors import MediaError
from unireward.media.clips import CLOCK_SLACK, Clip, Index, ListClip, StaleIndexError, Window
from unireward.media.image import Image
from unireward.media.limits import get_limits
from unireward.media.rules import FrameRule
from unireward.media.source import VIDEO_FORMATS, Source, clip, reading, sniff, unknown

KEEP_PIXELS = 8_000_000
"""The last frames taken stay with their handle up to this many pixels together."""


@dataclass(frozen=True)
class Frames:
    """Frames taken from a video by a rule, in order; one may be there several times.

    ``indices`` count within the cut, of ``total`` frames; ``times`` are seconds from the start
    of the whole video, empty for a list of frames without ``fps``.
    """

    images: tuple[Image, ...]
    indices: tuple[int, ...]
    times: tuple[float, ...]
    total: int

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[Image]:
        return iter(self.images)

    def pixels(self) -> Any:
        """All frames as one array [T, H, W, 3] of uint8. MediaError for frames of several
        sizes."""
        import numpy as np

        sizes = sorted({frame.size for frame in self.images})
        if len(sizes) > 1:
            told = ", ".join(f"{width} x {height}" for width, height in sizes)
            raise MediaError(f"frames of several sizes ({told}); bring them to one")
        return np.stack([np.asarray(frame.load()) for frame in self.images])


@dataclass(frozen=True)
class VideoInfo:
    """What a video is, its cut taken into account: pixels as shown, exact frame count.

    ``fps`` and ``seconds`` are None for a list of frames whose rate is not given.
    """

    width: int
    height: int
    fps: float | None
    frames: int
    seconds: float | None


class Video:
    """A clip from a path, bytes, a list of frames, or an array [T, H, W, 3] of uint8.

    ``start`` and ``end`` (seconds) cut it, ``fps`` overrides the container's rate; a list of
    frames needs it for whatever speaks of seconds. Methods raise :class:`MediaError` for what
    cannot be read or is beyond the limits.
    """

    __slots__ = ("_digest", "_images", "_index", "_kept", "_source", "end", "fps", "start")

    def __init__(
        self,
        source: Any,
        start: float | None = None,
        end: float | None = None,
        fps: float | None = None,
    ) -> None:
        self.start, self.end, self.fps = start, end, fps
        self._source: Source | None = None
        self._images: tuple[Image, ...] | None = None
        self._digest: str | None = None
        self._index: Index | None = None
        self._kept: tuple[FrameRule, Frames] | None = None
        if isinstance(source, str | os.PathLike | bytes | bytearray | memoryview):
            self._source = Source(source)
        else:
            self._images = _images_of(source)
        self._check_cut()

    def _check_cut(self) -> None:
        for field in ("start", "end", "fps"):
            value = getattr(self, field)
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise MediaError(f"{self.name}: {field} is {value}; give a number from 0")
        if self.fps == 0:
            raise MediaError(f"{self.name}: fps is 0; give the frames a second")
        if self.end is not None and self.end <= (self.start or 0):
            raise MediaError(f"{self.name}: end {self.end:g} must be after start (seconds)")
        if self._images is not None and self.fps is None and (self.start, self.end) != (None, None):
            raise MediaError(f"{self.name}: start and end of a list of frames need fps=")

    @property
    def path(self) -> Path | None:
        """The file, None for a clip in memory or a list of frames."""
        return self._source.path if self._source is not None else None

    @property
    def data(self) -> bytes | None:
        """The encoded bytes it was made of, None for a path or a list of frames."""
        return self._source.data if self._source is not None else None

    @property
    def images(self) -> tuple[Image, ...] | None:
        """All frames of a clip made of a list or an array (uncut), None for a path or bytes."""
        return self._images

    @property
    def name(self) -> str:
        if self._source is not None:
            return self._source.name
        return f"<list of {len(self._images or ()):,} frames>"

    @property
    def is_cut(self) -> bool:
        """Whether ``start``, ``end`` or ``fps`` say more than the path alone."""
        return (self.start, self.end, self.fps) != (None, None, None)

    @property
    def digest(self) -> str:
        """sha256 hex: of the file's bytes or the frames' digests; with the cut where it is cut."""
        if self._digest is None:
            if self._source is not None:
                digest = self._source.digest()
            else:
                frames = " ".join(image.digest for image in self._images or ())
                digest = hashlib.sha256(f"frames {frames}".encode()).hexdigest()
            if self.is_cut:
                # The same cut is the same digest whether its ends are given as 2 or 2.0.
                cut = [None if x is None else float(x) for x in (self.start, self.end, self.fps)]
                digest = hashlib.sha256(f"{digest} cut {cut}".encode()).hexdigest()
            self._digest = digest
        return self._digest

    def info(self) -> VideoInfo:
        """Width, height, rate, exact number of frames and length of the clip as it is cut."""
        index = self._indexed()
        first, stop = self._span(index)
        times = self._times(index)
        count = stop - first
        width, height = index.size
        if times is None:
            return VideoInfo(width, height, None, count, None)
        step = self._rest(index, times)
        seconds = (times[stop] if stop < len(times) else times[-1] + step) - times[first]
        rate = self.fps or index.rate or (count / seconds if seconds > 0 else None)
        return VideoInfo(width, height, rate, count, seconds)

    def frames(self, rule: FrameRule | str) -> Frames:
        """The frames ``rule`` takes of the cut, each an :class:`Image` in memory."""
        rule = FrameRule.parse(rule)
        kept = self._kept
        if kept is not None and kept[0] == rule:
            return kept[1]
        try:
            frames = self._taken(rule, self._indexed())
        except StaleIndexError:
            frames = self._taken(rule, self._indexed(exact=True))
        if sum(w * h for w, h in {id(f): f.size for f in frames}.values()) <= KEEP_PIXELS:
            self._kept = (rule, frames)
        return frames

    def _taken(self, rule: FrameRule, index: Index) -> Frames:
        first, stop = self._span(index)
        times = self._times(index)
        indices = self._chosen(rule, first, stop, times)
        wanted = sorted({first + i for i in indices})
        self._check_sampled(rule, len(wanted), index.size)
        with reading(self.name):
            found = self._clip().fetch(index, wanted)
        return Frames(
            images=tuple(found[first + i] for i in indices),
            indices=indices,
            times=() if times is None else tuple(times[first + i] for i in indices),
            total=stop - first,
        )

    def _chosen(
        self, rule: FrameRule, first: int, stop: int, times: list[float] | None
    ) -> tuple[int, ...]:
        limit = get_limits().max_sampled
        if rule.kind != "fps":
            count = stop - first if rule.kind == "all" else int(rule.value)
            if count > limit:
                raise MediaError(
                    f"{self.name}: rule {rule} takes {count:,} frames, the limit is {limit:,}; "
                    "take fewer or raise MediaLimits.max_sampled"
                )
            return rule.indices(stop - first)
        if times is None:
            raise MediaError(f"{self.name}: rule {rule} of a list of frames needs fps=")
        return rule.indices([t - times[first] for t in times[first:stop]], limit)

    def _check_sampled(self, rule: FrameRule, count: int, size: tuple[int, int]) -> None:
        limit = get_limits().max_sampled_pixels
        pixels = count * size[0] * size[1]
        if pixels > limit:
            raise MediaError(
                f"{self.name}: rule {rule} takes {count:,} frames of {size[0]}x{size[1]}, the "
                f"limit is {limit:,} pixels; take fewer or raise MediaLimits.max_sampled_pixels"
            )

    def _clip(self) -> Clip:
        if self._images is not None:
            return ListClip(self._images)
        assert self._source is not None
        head = self._source.head()
        kind = sniff(head)
        if kind in ("gif", "webp"):
            from unireward.media.animation import AnimationClip

            return AnimationClip(self._source, kind)
        if kind not in VIDEO_FORMATS:
            raise unknown(self._source, head, "a video")
        from unireward.media.container import ContainerClip

        return ContainerClip(self._source, kind)

    def _indexed(self, exact: bool = False) -> Index:
        if self._index is None or exact:
            with reading(self.name):
                self._index = self._clip().index(Window(self.start, self.end, self.fps), exact)
        return self._index

    def _times(self, index: Index) -> list[float] | None:
        if self.fps is not None:
            return [i / self.fps for i in range(index.count)]
        return index.times

    def _rest(self, index: Index, times: list[float]) -> float:
        """How long the last frame is shown, seconds."""
        return 1 / self.fps if self.fps is not None else max(0.0, index.seconds - times[-1])

    def _span(self, index: Index) -> tuple[int, int]:
        """``[first, stop)`` of the cut, within the limits and not empty."""
        first, stop = 0, index.count
        times = self._times(index)
        if times is not None and self.start is not None:
            first = bisect_left(times, self.start - CLOCK_SLACK)
        if times is not None and self.end is not None:
            stop = bisect_left(times, self.end - CLOCK_SLACK)
        if stop <= first:
            last = f"its last frame is at {times[-1]:.3f} s" if times else "it has none"
            raise MediaError(f"{self.name}: no frame between start and end; {last}")
        limits = get_limits()
        if stop - first > limits.max_frames:
            raise MediaError(
                f"{self.name}: has over {limits.max_frames:,} frames; cut it with start and end, "
                "or raise MediaLimits.max_frames"
            )
        seconds = 0.0 if times is None else times[stop - 1] - times[first]
        if seconds > limits.max_seconds:
            raise MediaError(
                f"{self.name}: lasts over {limits.max_seconds:g} seconds; cut it with start and "
                "end, or raise MediaLimits.max_seconds"
            )
        return first, stop

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Video):
            return NotImplemented
        return self is other or self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        given = ((field, getattr(self, field)) for field in ("start", "end", "fps"))
        return (
            f"Video({', '.join([self.name, *(f'{k}={v:g}' for k, v in given if v is not None)])})"
        )

    def __getstate__(self) -> tuple[Any, ...]:
        # What was decoded or counted does not travel; the other side can do it again.
        return self._source, self._images, self.start, self.end, self.fps, self._digest

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._source, self._images, self.start, self.end, self.fps, self._digest = state
        self._index = self._kept = None


def _images_of(source: Any) -> tuple[Image, ...]:
    """The frames of a list or array, each made an :class:`Image`; nothing is read."""
    is_array = hasattr(source, "__array__") or hasattr(source, "__array_interface__")
    if is_array and getattr(source, "ndim", 4) != 4:
        raise MediaError(
            f"<array>: a video needs frames x height x width x 3, not {source.ndim} dimensions"
        )
    if not is_array and not isinstance(source, list | tuple):
        raise MediaError(
            f"a video cannot be made of {clip(type(source).__name__)}; "
            "give a path, bytes, a list of frames or an array"
        )
    if len(source) == 0:
        raise MediaError("a video needs at least one frame; the list of frames is empty")
    limit = get_limits().max_frames
    if len(source) > limit:
        raise MediaError(
            f"<list of {len(source):,} frames>: the limit is {limit:,}; "
            "give fewer or raise MediaLimits.max_frames"
        )
    return tuple(frame if isinstance(frame, Image) else Image(frame) for frame in source)
