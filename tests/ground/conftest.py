"""Real files for the tests of the ground floor, made where they are needed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest


def make_clip(
    path: Path,
    frames: int = 24,
    rate: int = 12,
    codec: str = "libx264",
    size: tuple[int, int] = (64, 48),
    gop: int = 6,
    rotation: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """A clip whose frame i is grey of 8 * i, with a red block in its upper left corner."""
    import av

    with av.open(str(path), "w") as box:
        track = box.add_stream(codec, rate=rate, options=options or {})
        track.width, track.height = size
        track.pix_fmt = "yuv420p"
        track.codec_context.gop_size = gop
        if rotation:
            track.set_display_rotation(rotation)
        for i in range(frames):
            pixels = np.full((size[1], size[0], 3), 8 * i % 256, np.uint8)
            pixels[:16, :16] = (255, 0, 0)
            for packet in track.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")):
                box.mux(packet)
        for packet in track.encode():
            box.mux(packet)
    return path


@pytest.fixture
def clip_file(tmp_path: Path) -> Callable[..., Path]:
    """``clip_file("a.mp4", frames=24, ...)`` writes a clip below the test's folder."""

    def make(name: str = "clip.mp4", **options: object) -> Path:
        return make_clip(tmp_path / name, **options)  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def clip_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """An H.264 MP4 of 24 frames at 12 a second."""
    return make_clip(tmp_path_factory.mktemp("clips") / "clip.mp4").read_bytes()
