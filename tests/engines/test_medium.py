"""Handles of media: decoded once for all that show them, and again only where they must be."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engines.architectures import save_checkpoint
from tests.engines.sight import ASKS, Sight, asked, clip, picture
from unireward.ask import ImageContent
from unireward.engines.checkpoint import load_model
from unireward.engines.processor import load_processor
from unireward.errors import MediaError
from unireward.media import Image


@pytest.fixture(scope="module", params=["qwen2_5_vl", "llava_onevision"])
def model(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, Any]:
    torch.set_num_threads(1)
    path = str(save_checkpoint(request.param, tmp_path_factory.mktemp(request.param)))
    return load_model(path, "float32"), load_processor(path)


@pytest.fixture
def sight(model: tuple[Any, Any]) -> Sight:
    return Sight(*model)


def test_a_medium_is_decoded_once_however_often_it_is_shown(sight: Sight) -> None:
    asks = [asked(picture(a), " and ", picture(b), " rank :") for a in range(3) for b in range(3)]
    lines = [sight.lines.of(ask) for ask in asks]
    assert sight.media.decoded == 3
    assert len({id(one) for line in lines for one in line.pixels}) == 3


def test_what_was_met_is_decoded_again_only_without_its_features(sight: Sight) -> None:
    ask = ASKS["two of different sizes"]
    line = sight.lines.of(ask)
    keys = [one.key for one in line.pixels]
    sight.kept.add(keys[0])
    before = line.symbols
    for one in line.pixels:
        one.drop()
    del line, one
    again = sight.lines.of(ask)
    assert again.symbols == before
    assert sight.media.decoded == 3
    again.pixels[0].load()  # forgotten in the meantime: it is read once more
    assert sight.media.decoded == 4


def test_threads_that_meet_one_picture_decode_it_once(sight: Sight) -> None:
    ask, start, lines = ASKS["five"], threading.Barrier(6), []

    def work() -> None:
        start.wait()
        lines.append(sight.lines.of(ask))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sight.media.decoded == 5
    assert {line.symbols for line in lines} == {lines[0].symbols}


def test_a_failed_read_is_tried_again_and_leaves_the_others_be(
    sight: Sight, tmp_path: Path
) -> None:
    late = ImageContent(Image(tmp_path / "late.png"))
    for _ in range(2):
        with pytest.raises(MediaError, match=r"late\.png"):
            sight.lines.of(asked(picture(0), late, "rank :"))
    (tmp_path / "late.png").write_bytes(picture(1).image.png())
    line = sight.lines.of(asked(picture(0), late, "rank :"))
    assert [one.load()["pixels"].isfinite().all().item() for one in line.pixels] == [True, True]
    assert len(line.media) == 2


def test_frame_rule_and_rate_tell_clips_apart(sight: Sight) -> None:
    if "video" not in sight.eyes.kinds:
        return
    clips = [clip(0), clip(0, rule="linspace:4"), clip(0, fps=2), clip(1)]
    keys = [sight.media.see(part).key for part in (*clips, clip(0))]
    assert len(set(keys)) == 4
    assert keys[0] == keys[-1]
