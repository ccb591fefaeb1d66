"""FramePacker against transformers' own rules: the grid by hand, the patches number by number."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import (
    Qwen2VLImageProcessorPil,
    smart_resize,
)

from unireward.engines.processor import FramePacker

MEAN, STD = [0.48, 0.46, 0.41], [0.27, 0.26, 0.28]
PER_FRAME = (128 * 28 * 28, 768 * 28 * 28)
PER_CLIP = (128 * 32 * 32, 768 * 32 * 32)


def packer(patch: int = 14, size: tuple[int, int] = PER_FRAME, per_clip: bool = False):
    return FramePacker(
        patch_size=patch, temporal_patch_size=2, merge_size=2, mean=MEAN, std=STD, size=size,
        per_clip=per_clip,
    )  # fmt: skip


def frame(seed: int, height: int, width: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def sides(made: FramePacker, count: int, height: int, width: int) -> tuple[int, int]:
    """(height, width) in pixels of the grid that ``count`` frames are packed to."""
    blank = Image.new("RGB", (width, height))
    patches, (t, h, w) = made.pack([blank] * count)
    assert t == (count + 1) // 2
    assert patches.shape == (t * h * w, 3 * 2 * made.patch_size**2)
    return h * made.patch_size, w * made.patch_size


# The grid ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "expected"),
    [
        (480, 640, (476, 644)),  # 17.1 and 22.9 blocks of 28: 17 and 23; within 100352..602112
        (1080, 1920, (560, 1008)),  # 39 x 69 is too much; by 1.8558 smaller: 20.8 and 36.9, floor
        (100, 150, (280, 392)),  # 4 x 5 is too little; by 2.5865 larger: 9.2 and 13.9, ceiling
        (602, 994, (588, 980)),  # 21.5 and 35.5, halves to even: 22 x 36 is too much; 21.4, 35.4
    ],
)
def test_each_frame_within_its_budget(height: int, width: int, expected: tuple) -> None:
    assert sides(packer(), 4, height, width) == expected
    assert sides(packer(), 1, height, width) == expected  # however many frames


def test_halves_round_to_even() -> None:
    assert sides(packer(size=(784, 10**6)), 2, 70, 98) == (56, 112)  # 2.5 and 3.5 blocks


@pytest.mark.parametrize(
    ("count", "height", "width", "expected"),
    [
        (8, 480, 640, (256, 352)),  # 8 x 480 x 640 by 1.7678 smaller: 8.5 and 11.3 blocks of 32
        (2, 480, 640, (480, 640)),  # exactly on the grid, 614400 of 786432
        (3, 240, 320, (256, 320)),  # counts as 4 frames; 7.5 blocks to even: 8
        (5, 448, 448, (384, 384)),  # counts as 4: 802816 is too much; by 1.1296 smaller: 12.4
        (2, 20, 60, (160, 448)),  # first 32 x 96, then by 4.6188 larger: 4.6 and 13.9, ceiling
    ],
)
def test_the_whole_clip_within_one_budget(count, height, width, expected) -> None:
    assert sides(packer(16, PER_CLIP, per_clip=True), count, height, width) == expected


SIDES = st.integers(30, 700)


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(SIDES, SIDES, st.integers(1, 6))
def test_per_frame_grid_is_the_image_processors(height: int, width: int, count: int) -> None:
    low, high = PER_FRAME
    found = sides(packer(), count, height, width)
    assert found == smart_resize(height, width, 28, low, high)
    assume(max(height, width) <= 4 * min(height, width))
    assert low <= found[0] * found[1] <= high


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(SIDES, SIDES, st.integers(2, 10))
def test_per_clip_budget_holds(height: int, width: int, count: int) -> None:
    assume(max(height, width) <= 4 * min(height, width))
    low, high = PER_CLIP
    tall, wide = sides(packer(16, PER_CLIP, per_clip=True), count, height, width)
    assert (tall % 32, wide % 32) == (0, 0)
    counted = round(count / 2) * 2
    assert min(count, counted) * tall * wide <= high
    assert max(count, counted) * tall * wide >= low
    # Whole blocks bend the shape by less than one block a side.
    assert abs(tall / wide - height / width) <= (height / width + 1) * 32 / min(tall, wide)


@pytest.mark.parametrize("per_clip", [False, True])
def test_a_sliver_is_refused(per_clip: bool) -> None:
    with pytest.raises(ValueError, match=r"sides of 401x2 are more than 200 to 1; crop"):
        packer(per_clip=per_clip).pack([Image.new("RGB", (401, 2))])


# The patches ---------------------------------------------------------------------------------


def image_patches(image: Image.Image, patch: int, size: tuple[int, int]) -> np.ndarray:
    """The official image processor's patches [n, 3, 2, p, p] of one picture."""
    official = Qwen2VLImageProcessorPil(
        patch_size=patch, temporal_patch_size=2, merge_size=2, image_mean=MEAN, image_std=STD,
        size={"shortest_edge": size[0], "longest_edge": size[1]},
    )  # fmt: skip
    out = official(images=[image], return_tensors="np")
    return out["pixel_values"].reshape(-1, 3, 2, patch, patch)


@pytest.mark.parametrize("patch", [8, 14])
@pytest.mark.parametrize(("height", "width"), [(64, 112), (61, 150), (200, 90)])
@pytest.mark.parametrize("per_clip", [False, True])
def test_identical_frames_are_the_images_patches(patch, height, width, per_clip) -> None:
    low, high = 4096, 12288
    # Two frames of a clip have twice the pixels, so twice the budget for the same grid.
    size = (2 * low, 2 * high) if per_clip else (low, high)
    picture = frame(0, height, width)
    patches, grid = packer(patch, size, per_clip).pack([picture, picture])
    expected = image_patches(picture, patch, (low, high))
    assert grid[0] == 1
    assert len(patches) == grid[1] * grid[2] == len(expected)
    np.testing.assert_allclose(patches, expected.reshape(len(expected), -1), atol=2e-6)


def test_each_frame_is_its_own_half_of_a_patch() -> None:
    made = packer(8, (4096, 12288))
    frames = [frame(seed, 70, 90) for seed in range(4)]
    patches, (t, h, w) = made.pack(frames)
    grouped = patches.reshape(t, h * w, 3, 2, 8, 8)
    for k, one in enumerate(frames):
        expected = image_patches(one, 8, (4096, 12288))[:, :, 0]
        np.testing.assert_allclose(grouped[k // 2][:, :, k % 2], expected, atol=2e-6)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_an_odd_count_repeats_the_last_frame(count: int) -> None:
    made = packer(8, (4096, 12288))
    frames = [frame(seed, 70, 90) for seed in range(count)]
    odd, grid = made.pack(frames)
    even, same = made.pack([*frames, frames[-1]])
    assert grid == same == ((count + 1) // 2, *grid[1:])
    assert np.array_equal(odd, even)


def test_clips_of_unequal_shapes_in_one_call() -> None:
    made = packer(8, (4096, 12288))
    clips = [[frame(0, 64, 64)] * 2, [frame(1, 48, 112)] * 3]
    out = made(clips)
    alone = [made.pack(clip) for clip in clips]
    assert out["video_grid_thw"].tolist() == [list(grid) for _, grid in alone]
    expected = np.concatenate([patches for patches, _ in alone])
    assert np.array_equal(out["pixel_values_videos"].numpy(), expected)


# A checkpoint's own settings -----------------------------------------------------------------

IMAGES = Qwen2VLImageProcessorPil(patch_size=16, image_mean=MEAN, image_std=STD)


@pytest.mark.parametrize(
    ("model_type", "videos", "size", "per_clip"),
    [
        ("qwen2_5_vl", {}, PER_FRAME, False),
        ("qwen3_vl", {}, PER_CLIP, True),
        ("qwen3_vl", {"size": {"shortest_edge": 4096, "longest_edge": 25165824}},
         (4096, 25165824), True),
        ("qwen2_vl", {"min_pixels": 3136, "max_pixels": 12845056}, (3136, 12845056), False),
        ("qwen3_5", {"size": {"shortest_edge": 4096}}, (4096, PER_CLIP[1]), True),
    ],
)  # fmt: skip
def test_pixel_budgets_of_a_checkpoint(model_type, videos, size, per_clip) -> None:
    made = FramePacker.for_model(model_type, IMAGES, videos)
    assert made is not None
    assert (made.size, made.per_clip) == (size, per_clip)
    assert (made.patch_size, made.temporal_patch_size, made.merge_size) == (16, 2, 2)


def test_the_video_settings_go_before_the_images() -> None:
    told = {"patch_size": 8, "merge_size": 1, "image_mean": [0.5] * 3, "image_std": [0.25] * 3}
    made = FramePacker.for_model("qwen3_vl", IMAGES, told)
    assert made is not None
    assert (made.patch_size, made.merge_size) == (8, 1)
    assert (made.mean.tolist(), made.std.tolist()) == ([0.5] * 3, [0.25] * 3)


def test_other_models_have_none() -> None:
    assert FramePacker.for_model("llava_onevision", IMAGES, {}) is None


@pytest.mark.parametrize("nested", [False, True])
def test_a_checkpoints_budget_is_found_in_either_file(nested: bool, tmp_path: Path) -> None:
    from tests.engines.architectures import save_checkpoint
    from unireward.engines.processor import _from_parts

    save_checkpoint("qwen2_5_vl", tmp_path)
    told = {"size": {"shortest_edge": 1024, "longest_edge": 2048}}
    if nested:
        (tmp_path / "video_preprocessor_config.json").unlink()
        whole = {"processor_class": "Qwen2_5_VLProcessor", "video_processor": told}
        (tmp_path / "processor_config.json").write_text(json.dumps(whole))
    else:
        (tmp_path / "video_preprocessor_config.json").write_text(json.dumps(told))
    assert _from_parts(str(tmp_path)).video_processor.size == (1024, 2048)


# transformers' own video processors ----------------------------------------------------------


@pytest.mark.parametrize(("newer", "side"), [(False, 28), (True, 32)])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_the_official_video_processor_packs_alike(newer: bool, side: int, count: int) -> None:
    pytest.importorskip("torchvision")
    import torch
    from transformers import Qwen2VLVideoProcessor, Qwen3VLVideoProcessor

    official = (Qwen3VLVideoProcessor if newer else Qwen2VLVideoProcessor)(
        patch_size=side // 2, temporal_patch_size=2, merge_size=2, image_mean=MEAN, image_std=STD,
        size={"shortest_edge": 16 * side**2, "longest_edge": 64 * side**2}, do_sample_frames=False,
        cap_pixels_per_frame=False,
    )  # fmt: skip
    made = packer(side // 2, (16 * side**2, 64 * side**2), per_clip=newer)
    for height, width, tolerance in ((4 * side, 4 * side, 1e-5), (150, 210, 0.01)):
        frames = [frame(seed, height, width) for seed in range(count)]
        stack = np.stack([np.asarray(one) for one in frames]).transpose(0, 3, 1, 2)
        out = official(videos=[torch.from_numpy(stack.copy())], return_tensors="pt")
        patches, grid = made.pack(frames)
        assert out["video_grid_thw"].tolist() == [list(grid)]
        # On the grid already: equal. Resized: two bicubic filters that round alike on average.
        off = np.abs(out["pixel_values_videos"].numpy() - patches).mean()
        assert off <= tolerance
