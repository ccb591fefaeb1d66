"""Pictures and clips in which nothing was drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from unireward.errors import MediaError
from unireward.media import Image, Video
from unireward.policies.health import fault_of
from unireward.world import sample_record


def clip() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)


def black(number: int | None = None) -> np.ndarray:
    frames = clip()
    frames[slice(None) if number is None else number] = 3
    return frames


def with_nan(value: float) -> np.ndarray:
    frames = clip() / 255
    frames[5, 7, 7, 2] = value
    return frames


def cases() -> dict[str, tuple[Any, str | None]]:
    grey = np.full((8, 8, 3), 128, np.uint8)
    nearly = grey.copy()
    nearly[0, 0] += 5
    lit = np.zeros((8, 8, 3), np.uint8)
    lit[4, 4, 1] = 6
    coloured = np.zeros((8, 8, 3), np.uint8)
    coloured[..., 0] = 200
    still = np.repeat(clip()[:1], 6, axis=0)
    flash = clip()
    flash[2] = 255
    return {
        "nan": (with_nan(np.nan), "not finite"),
        "infinite": (with_nan(np.inf), "not finite"),
        "nan in black": (np.full((8, 8, 3), np.nan), "not finite"),
        "black": (np.zeros((8, 8, 3), np.uint8), "black"),
        "black floats below 0": (np.full((8, 8, 3), -4.0), "black"),
        "black clip": (black(), "black"),
        "one lit pixel": (lit, None),
        "flat": (grey, "flat"),
        "flat but for compression": (nearly, "flat"),
        "flat colour": (coloured, "flat"),
        "white floats above 1": (np.full((8, 8, 3), 3.0), "flat"),
        "flat clip": (np.stack([grey, coloured]), "flat"),
        "a black frame": (black(3), "black frame 3"),
        "a white frame": (flash, None),
        "a still clip": (still, None),
        "sound": (clip(), None),
        "sound picture": (clip()[0] / 255, None),
    }


@pytest.mark.parametrize("name", cases())
def test_faults(name: str) -> None:
    made, wanted = cases()[name]
    assert fault_of(made) == wanted


def test_media_are_read_as_they_would_be_judged(tmp_path: Path) -> None:
    assert fault_of(Image(clip()[0])) is None
    assert fault_of(Video(black(2), fps=8)) == "black frame 2"
    PILImage.new("RGB", (16, 16)).save(tmp_path / "dark.png")
    assert fault_of(Image(tmp_path / "dark.png")) == "black"
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    with pytest.raises(MediaError):
        fault_of(Image(tmp_path / "broken.png"))


@pytest.mark.parametrize("task", ["image_generation", "video_generation"])
def test_the_worlds_own_pictures_have_no_fault(task: str) -> None:
    for seed in range(6):
        item = sample_record(task, seed=seed)
        assert [fault_of(media) for media in item.media.values()] == [None, None]
