"""Lines against the official processor and ``get_rope_index``, ask by ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.engines.architectures import save_checkpoint
from tests.engines.sight import ASKS, CLIPS, Sight, asked, picture
from unireward.ask import Ask, ImageContent
from unireward.engines.checkpoint import load_model
from unireward.engines.eyes import KNOWN, eyes_of
from unireward.engines.line import Line
from unireward.engines.processor import load_processor
from unireward.engines.prompt import encode, prompt_of
from unireward.errors import InputError, MediaError
from unireward.media import Image


@pytest.fixture(scope="module", params=sorted(KNOWN))
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return save_checkpoint(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def model(path: Path) -> tuple[Any, Any]:
    return load_model(str(path), "float32"), load_processor(str(path))


@pytest.fixture
def sight(model: tuple[Any, Any]) -> Sight:
    return Sight(*model)


def official(sight: Sight, ask: Ask) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The processor's tensors of the whole prompt, and the positions that the model gives it."""
    inputs = encode(sight.processor, [prompt_of(sight.processor, ask, "model")], "model")
    length = inputs["input_ids"].shape[1]
    base = sight.model.model
    if not hasattr(base, "rope_deltas"):
        return inputs, np.arange(length)[None]
    if not ask.media:
        return inputs, np.broadcast_to(np.arange(length), (3, length))
    names = ("image_grid_thw", "video_grid_thw", "second_per_grid_ts")
    told = {name: inputs[name] for name in names if name in inputs}
    if "second_per_grid_ts" in told:
        told["second_per_grid_ts"] = torch.as_tensor(told["second_per_grid_ts"])
    kinds = inputs["mm_token_type_ids"]
    positions, deltas = base.get_rope_index(inputs["input_ids"], kinds, **told)
    assert int(positions.max()) + 1 == length + int(deltas)
    return inputs, positions[:, 0].numpy()


def check(sight: Sight, ask: Ask) -> Line:
    line = sight.lines.of(ask)
    inputs, positions = official(sight, ask)
    assert line.ids.tolist() == inputs["input_ids"][0].tolist()
    if "mm_token_type_ids" in inputs:
        assert line.kinds.tolist() == inputs["mm_token_type_ids"][0].tolist()
    assert line.positions.tolist() == positions.tolist()
    assert line.next_position == positions.max() + 1
    return line


@pytest.mark.parametrize("name", sorted(ASKS))
def test_a_line_is_what_processor_and_model_say(sight: Sight, name: str) -> None:
    line = check(sight, ASKS[name])
    assert [one.medium.kind for one in line.pixels] == ["image"] * len(ASKS[name].media)
    covered = sum(shown.stop - shown.start for shown in line.media)
    assert covered == np.count_nonzero(line.kinds) == sum(p.medium.tokens for p in line.pixels)


@pytest.mark.parametrize("name", sorted(CLIPS))
def test_clips(sight: Sight, name: str) -> None:
    ask = CLIPS[name]
    if not sight.lines.takes(ask):
        assert "video" not in sight.lines.eyes.kinds
        return
    line = check(sight, ask)
    rows: dict[str, int] = {}
    for shown in line.media:
        key = shown.medium.key
        # Spans of one medium follow on one another in its features, and leave none out.
        assert shown.first == rows.get(key, 0) % shown.medium.tokens
        rows[key] = shown.first + shown.stop - shown.start
    assert all(rows[one.key] == one.medium.tokens for one in line.pixels)


def test_pixels_are_the_processors(sight: Sight) -> None:
    for ask in (ASKS["one image"], ASKS["two of different sizes"], CLIPS["one clip"]):
        if not sight.lines.takes(ask):
            continue
        whole = encode(sight.processor, [prompt_of(sight.processor, ask, "model")], "model")
        name = "pixel_values" if "pixel_values" in whole else "pixel_values_videos"
        mine: Any = [one.load()["pixels"] for one in sight.lines.of(ask).pixels]
        assert torch.equal(torch.cat(mine), whole[name])


def test_symbols_tell_media_and_places_apart(sight: Sight) -> None:
    lines = [
        sight.lines.of(asked(*parts, " rank : tie"))
        for parts in ((picture(0), picture(1)), (picture(0), picture(2)), (picture(1), picture(0)))
    ]
    first, second, third = (line.symbols for line in lines)
    stop = lines[0].media[0].stop
    assert first[:stop] == second[:stop]
    assert first != second
    assert [len(s) for s in (first, second)] == [len(line) for line in lines[:2]]
    assert lines[0].ids.tolist() == lines[1].ids.tolist()
    start = lines[0].media[0].start
    assert first[:start] == third[:start]
    assert first[start] != third[start]
    rows = {symbol for symbol in first if isinstance(symbol, tuple)}
    assert len(rows) == np.count_nonzero(lines[0].kinds)


# What cannot work -------------------------------------------------------------------------------


def test_a_mark_in_the_words_is_refused(sight: Sight) -> None:
    mark = sight.processor.image_token
    with pytest.raises(InputError, match=r"its prompt has 2 .* for 1 media; take the mark out"):
        sight.lines.of(asked(picture(0), f" {mark} rank :"))
    with pytest.raises(InputError, match=r"has 1 .* for 0 media"):
        sight.lines.of(asked(f"{mark} rank :"))


def test_media_that_cannot_be_read(sight: Sight, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"gone\.png"):
        sight.lines.of(asked(ImageContent(Image(tmp_path / "gone.png")), "rank :"))
    (tmp_path / "cut.png").write_bytes(picture(0).image.png()[:60])
    with pytest.raises(MediaError, match=r"cut\.png"):
        sight.lines.of(asked(ImageContent(Image(tmp_path / "cut.png")), "rank :"))


def test_half_a_surrogate_pair(sight: Sight) -> None:
    with pytest.raises(InputError, match="half a surrogate pair; give whole characters"):
        sight.lines.of(asked("a \ud83d heart"))


def test_a_picture_that_the_processor_refuses(sight: Sight) -> None:
    if type(sight.lines.eyes) is not KNOWN["qwen3_vl"]:
        return
    with pytest.raises(InputError, match=r"model: its processor refuses this ask \(ValueError"):
        sight.lines.of(asked(picture(0, 2, 450), "rank :"))


def test_eyes_are_not_given_to_what_we_have_not_compared(tmp_path: Path) -> None:
    save_checkpoint("idefics3", tmp_path)
    model = load_model(str(tmp_path), "float32")
    assert eyes_of(model, load_processor(str(tmp_path))) is None


def test_a_processor_that_does_otherwise_than_foretold_has_no_eyes(path: Path) -> None:
    model, processor = load_model(str(path), "float32"), load_processor(str(path))
    if not hasattr(processor.image_processor, "merge_size"):
        return
    assert eyes_of(model, processor) is not None
    processor.image_processor.do_resize = False
    assert eyes_of(model, processor) is None
