"""Encode once: spliced features against the whole model, and the store's bounds."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engines.architectures import save_checkpoint
from tests.engines.sight import ASKS, CLIPS, Sight, asked, picture
from unireward.ask import Ask, ImageContent
from unireward.engines.checkpoint import load_model
from unireward.engines.eyes import KNOWN
from unireward.engines.features import Features, allowed_bytes, memory_of
from unireward.engines.line import Line
from unireward.engines.processor import load_processor
from unireward.engines.prompt import encode, prompt_of
from unireward.errors import InputError, MediaError
from unireward.media import Image


@pytest.fixture(scope="module", params=sorted(KNOWN))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    torch.set_num_threads(1)
    path = str(save_checkpoint(request.param, tmp_path_factory.mktemp(request.param)))
    return load_model(path, "float32").eval(), load_processor(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One architecture is enough for what is the store's own."""
    path = str(save_checkpoint("qwen3_vl", tmp_path_factory.mktemp("small")))
    return load_model(path, "float32").eval(), load_processor(path)


class Seeing(Sight):
    """Lines, and the features of their media."""

    def __init__(self, pair: Any, **settings: Any) -> None:
        super().__init__(*pair)
        self.features = self.kept = Features(self.model, self.eyes, **settings)

    def line(self, seed: int, high: int = 40, wide: int = 56) -> Line:
        return self.lines.of(asked(picture(seed, high, wide), " rank :"))

    def one(self, seed: int, high: int = 40, wide: int = 56) -> list[Any]:
        """The layers of one picture's features."""
        line = self.line(seed, high, wide)
        out = self.features.encode(line.pixels).outputs(line.media)["image"]
        return [torch.cat(layer) for layer in (out.pooler_output, *out.deepstack_features)]


def logs_of(sight: Seeing, lines: list[Line], held: Any) -> list[torch.Tensor]:
    """Log-probabilities at all places of each line, from one forward padded on the left."""
    width = max(len(line) for line in lines)
    ids = torch.zeros((len(lines), width), dtype=torch.long)
    mask = torch.zeros((len(lines), width), dtype=torch.long)
    places = torch.zeros((len(lines[0].positions), len(lines), width), dtype=torch.long)
    for row, line in enumerate(lines):
        ids[row, width - len(line) :] = torch.from_numpy(line.ids)
        mask[row, width - len(line) :] = 1
        places[:, row, width - len(line) :] = torch.from_numpy(line.positions.copy())
    with torch.inference_mode():
        out = sight.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places if len(places) > 1 else places[0],
            mm_encoder_outputs=held.outputs([shown for line in lines for shown in line.media]),
        )
    rows = out.logits.log_softmax(-1)
    return [logs[width - len(line) :] for logs, line in zip(rows, lines)]


def plain(sight: Sight, ask: Ask) -> torch.Tensor:
    """The same by the official processor and the official forward, alone."""
    inputs = encode(sight.processor, [prompt_of(sight.processor, ask, "model")], "model")
    with torch.inference_mode():
        return sight.model(**inputs).logits[0].log_softmax(-1)


@pytest.mark.parametrize("quick", [False, True])
def test_spliced_features_give_the_models_own_numbers(model: Any, quick: bool) -> None:
    sight = Seeing(model, quick=quick)
    asks = [ask for ask in (*ASKS.values(), *CLIPS.values()) if sight.lines.takes(ask)]
    lines = [sight.lines.of(ask) for ask in asks]
    held = sight.features.encode([one for line in lines for one in line.pixels])
    # Linear attention makes float noise (of padding, of another order of sums) much larger.
    close = 2e-4 if sight.model.config.model_type == "qwen3_5" else 1e-5
    for ask, found in zip(asks, logs_of(sight, lines, held), strict=True):
        torch.testing.assert_close(found, plain(sight, ask), atol=close, rtol=0)
    # From the store alone, in another order and company, they are the same.
    seen = sight.features.encoded
    for line, ask in list(zip(lines, asks))[::-3]:
        (found,) = logs_of(sight, [line], sight.features.encode(line.pixels))
        torch.testing.assert_close(found, plain(sight, ask), atol=close, rtol=0)
    assert sight.features.encoded == seen == len({one.key for ln in lines for one in ln.pixels})


def test_eight_candidates_in_both_orders_are_eight_images(model: Any) -> None:
    sight = Seeing(model)
    shown = [picture(k) for k in range(8)]
    asks = [
        asked(one, " and ", other, " rank :") for one in shown for other in shown if one != other
    ]
    assert len(asks) == 56
    for start in range(0, len(asks), 10):
        lines = [sight.lines.of(ask) for ask in asks[start : start + 10]]
        sight.features.encode([one for line in lines for one in line.pixels])
    assert (sight.features.encoded, sight.media.decoded) == (8, 8)


@pytest.mark.parametrize("patches", [1, 60, 10_000])
def test_how_many_go_together_changes_nothing(model: Any, patches: int) -> None:
    sight, alone = Seeing(model, patches=patches), Seeing(model, quick=False)
    seeds = [(0, 40, 56), (1, 72, 33), (2, 40, 56), (3, 150, 60), (4, 72, 33)]
    lines = [sight.line(*seed) for seed in seeds]
    held = sight.features.encode([line.pixels[0] for line in lines])
    for seed, line in zip(seeds, lines):
        found = held.outputs(line.media)["image"]
        for mine, its in zip((found.pooler_output, *found.deepstack_features), alone.one(*seed)):
            torch.testing.assert_close(torch.cat(mine), its, atol=1e-5, rtol=0)


def test_a_part_of_what_is_shown(model: Any) -> None:
    """A suffix that shows the second picture is given that one's features only."""
    sight = Seeing(model)
    line = sight.lines.of(ASKS["two of different sizes"])
    held = sight.features.encode(line.pixels)
    whole, part = held.outputs(line.media)["image"], held.outputs(line.media[1:])["image"]
    assert len(whole.pooler_output) == 2
    assert torch.equal(part.pooler_output[0], whole.pooler_output[1])
    assert held.outputs([]) == {}


def test_what_changes_features_is_told_apart(model: Any) -> None:
    sight = Seeing(model)
    image = picture(1, 120, 90).image
    large, small = ImageContent(image), ImageContent(image, 2000)
    asks = [asked(large, ":"), asked(small, ":"), asked(large, small, ":")]
    media = [one for ask in asks for one in sight.lines.of(ask).pixels]
    keys = [one.key for one in media]
    if sight.eyes.tells_alone():
        assert len(set(keys)) == 4
        assert media[0].medium.tokens > media[2].medium.tokens
    else:
        assert keys[:2] == keys[2:]
        assert keys[0] != keys[1]


def test_patches_that_wait_for_the_tower_are_bounded(
    small: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the bound handles hold pictures, and the numbers are the same."""
    one = Seeing(small).line(0).pixels[0].load()["pixels"].nbytes
    monkeypatch.setattr("unireward.engines.medium.AT_HAND", 2 * one)
    sight = Seeing(small)
    lines = [sight.line(seed) for seed in range(6)]
    assert [line.pixels[0].made for line in lines] == [True, True] + [False] * 4
    held = sight.features.encode([line.pixels[0] for line in lines])
    for seed, line in enumerate(lines):
        found = held.outputs(line.media)["image"].pooler_output
        torch.testing.assert_close(found[0], Seeing(small).one(seed)[0], atol=1e-5, rtol=0)
    assert sight.media.waiting() == 0
    assert (sight.media.decoded, sight.features.encoded) == (6, 6)
    dying = [sight.line(seed) for seed in range(6, 9)]
    assert [line.pixels[0].made for line in dying] == [True, True, False]
    del dying
    assert sight.media.waiting() == 0


# The store -------------------------------------------------------------------------------------


def size_of(sight: Seeing) -> int:
    sight.one(0)
    return sight.features.bytes


def test_the_one_used_longest_ago_goes_first(small: Any) -> None:
    size = size_of(Seeing(small))
    sight = Seeing(small, max_bytes=3 * size + size // 2)
    for seed in (0, 1, 2, 0, 3):
        sight.one(seed)
        assert sight.features.bytes <= sight.features.max_bytes
    assert sight.features.encoded == 4
    kept = [sight.line(seed).pixels[0].key in sight.features for seed in range(4)]
    assert kept == [True, False, True, True]
    # Deepstack counts: three layers of floats of the picture's 30 tokens, or however many it has.
    tokens = sight.line(0).pixels[0].medium.tokens
    assert size == 3 * tokens * 32 * 4
    decoded = sight.media.decoded
    again = sight.one(1)
    assert sight.media.decoded == decoded + 1
    for mine, its in zip(again, Seeing(small).one(1)):
        assert torch.equal(mine, its)


def test_what_a_batch_needs_is_there_whatever_the_bound(small: Any) -> None:
    size = size_of(Seeing(small))
    for bound in (0, size - 1, size, 2 * size):
        sight = Seeing(small, max_bytes=bound)
        lines = [sight.line(seed) for seed in range(5)]
        held = sight.features.encode([line.pixels[0] for line in lines])
        for seed, line in enumerate(lines):
            found = held.outputs(line.media)["image"].pooler_output
            torch.testing.assert_close(found[0], Seeing(small).one(seed)[0], atol=1e-5, rtol=0)
        assert sight.features.bytes == min(bound // size, 2) * size
        assert sight.features.encoded == 5


def test_one_that_is_larger_than_the_store_is_not_kept_and_drives_nothing_out(small: Any) -> None:
    size = size_of(Seeing(small))
    sight = Seeing(small, max_bytes=size + size // 2)
    sight.one(0)
    large = sight.one(2, 64, 64)
    assert sum(layer.numel() * 4 for layer in large) == 2 * size
    assert sight.features.bytes == size
    sight.one(0)
    assert sight.features.encoded == 2


def test_what_is_kept_keeps_nothing_else_alive(small: Any) -> None:
    sight = Seeing(small)
    lines = [sight.line(seed) for seed in range(4)]
    sight.features.encode([line.pixels[0] for line in lines])
    layers = sight.features._find(lines[2].pixels[0].key)
    assert layers is not None
    assert all(x.untyped_storage().nbytes() == x.numel() * 4 for x in layers)


def test_forgetting_and_closing(small: Any) -> None:
    sight = Seeing(small)
    line = sight.line(0)
    held = sight.features.encode(line.pixels)
    sight.features.clear()
    assert (sight.features.bytes, line.pixels[0].key in sight.features) == (0, False)
    sight.features.encode(line.pixels)
    assert (sight.features.encoded, sight.media.decoded) == (2, 2)
    sight.features.close()
    sight.features.close()
    assert sight.features.bytes == 0
    assert len(held.outputs(line.media)["image"].pooler_output[0]) == line.pixels[0].medium.tokens


def test_threads_that_need_one_picture_encode_it_once(small: Any) -> None:
    sight = Seeing(small)
    start, found = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        found.extend((seed, sight.one(seed)[0]) for seed in range(3))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    assert sight.features.encoded == 3
    first = dict(reversed(found))
    assert all(torch.equal(layer, first[seed]) for seed, layer in found)


def test_a_file_that_went_after_it_was_measured(small: Any, tmp_path: Path) -> None:
    sight = Seeing(small)
    path = tmp_path / "a.png"
    path.write_bytes(picture(0).image.png())
    line = sight.lines.of(asked(ImageContent(Image(path), 1000), ":"))
    sight.features.encode(line.pixels)
    sight.features.clear()
    path.unlink()
    line.pixels[0].part.image._picture = None  # type: ignore[union-attr]
    with pytest.raises(MediaError, match=r"a\.png"):
        sight.features.encode(line.pixels)
    sight.one(3)


def test_a_store_larger_than_memory_is_refused(small: Any) -> None:
    cpu = torch.device("cpu")
    memory = memory_of(cpu)
    assert memory is not None
    assert memory > 1 << 28
    with pytest.raises(InputError) as caught:
        Seeing(small, max_bytes=memory + 1)
    assert str(caught.value) == (
        f"feature_bytes is {memory + 1:,} bytes, the memory of cpu is {memory:,}; "
        "give a smaller feature_bytes"
    )
    with pytest.raises(InputError, match="feature_bytes is -1; give bytes, 0 to keep nothing"):
        Seeing(small, max_bytes=-1)
    assert allowed_bytes(memory, cpu) == memory
    assert 0 < allowed_bytes(None, cpu) <= memory // 8
