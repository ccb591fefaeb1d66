"""Every kind of picture becomes RGB by a rule; every broken one is a MediaError in one line."""

from __future__ import annotations

import hashlib
import pickle
import struct
import threading
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from unireward.errors import InputError, MediaError
from unireward.media import Image, MediaLimits, Video, get_limits, media_of, set_limits, use_limits


def pixel(picture: PILImage.Image, x: int = 0, y: int = 0) -> tuple[int, ...]:
    value = picture.getpixel((x, y))
    assert isinstance(value, tuple)
    return value


def saved(picture: PILImage.Image, kind: str, **options: object) -> bytes:
    out = BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds one short stretch of pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")


# A 3x2 picture: red top left, all else black. Where red is after each EXIF orientation:
CORNERS = {
    1: ((3, 2), (0, 0)), 2: ((3, 2), (2, 0)), 3: ((3, 2), (2, 1)), 4: ((3, 2), (0, 1)),
    5: ((2, 3), (0, 0)), 6: ((2, 3), (1, 0)), 7: ((2, 3), (1, 2)), 8: ((2, 3), (0, 2)),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_rotation_is_applied(kind: str, turn: int) -> None:
    picture = PILImage.new("RGB", (3, 2))
    picture.putpixel((0, 0), (255, 0, 0))
    exif = PILImage.Exif()
    exif[0x0112] = turn
    options = {"lossless": True} if kind == "WEBP" else {}
    image = Image(saved(picture, kind, exif=exif, **options))
    size, corner = CORNERS[turn]
    assert image.size == size
    loaded = Image(image.data).load()
    assert loaded.size == size
    assert [(x, y) for x in range(size[0]) for y in range(size[1]) if pixel(loaded, x, y)[0]] == [
        corner
    ]


def test_exif_rotation_of_a_jpeg_and_of_a_picture_opened_by_the_caller(tmp_path: Path) -> None:
    exif = PILImage.Exif()
    exif[0x0112] = 6
    path = tmp_path / "photo.jpg"
    PILImage.new("RGB", (40, 20)).save(path, exif=exif)
    assert Image(path).size == Image(path).load().size == (20, 40)
    assert Image(PILImage.open(path)).size == (20, 40)


@pytest.mark.parametrize(
    ("picture", "kind", "options", "expected"),
    [
        (PILImage.new("RGBA", (1, 1), (255, 0, 0, 0)), "PNG", {}, (255, 255, 255)),
        (PILImage.new("RGBA", (1, 1), (255, 0, 0, 128)), "PNG", {}, (255, 127, 127)),
        (PILImage.new("RGBA", (1, 1), (10, 20, 30, 255)), "PNG", {}, (10, 20, 30)),
        (PILImage.new("LA", (1, 1), (0, 51)), "PNG", {}, (204, 204, 204)),
        (PILImage.new("L", (1, 1), 77), "PNG", {}, (77, 77, 77)),
        (PILImage.new("L", (1, 1), 77), "PNG", {"transparency": 77}, (255, 255, 255)),
        (PILImage.new("RGB", (1, 1), (1, 2, 3)), "PNG", {"transparency": (1, 2, 3)}, (255,) * 3),
        (PILImage.new("1", (1, 1), 1), "PNG", {}, (255, 255, 255)),
        (PILImage.new("1", (1, 1), 0), "PNG", {}, (0, 0, 0)),
        (PILImage.new("CMYK", (1, 1), (255, 0, 0, 0)), "TIFF", {}, (0, 255, 255)),
        (PILImage.new("CMYK", (1, 1), (0, 0, 0, 255)), "TIFF", {}, (0, 0, 0)),
        (PILImage.fromarray(np.array([[65535]], np.uint16)), "PNG", {}, (255, 255, 255)),
        (PILImage.fromarray(np.array([[257 * 100]], np.uint16)), "PNG", {}, (100, 100, 100)),
        (PILImage.fromarray(np.array([[257 * 100 + 129]], np.uint16)), "PNG", {}, (101,) * 3),
        (PILImage.fromarray(np.array([[257 * 100 + 128]], np.uint16)), "PNG", {}, (100,) * 3),
        (PILImage.fromarray(np.array([[257 * 9]], np.uint16)), "TIFF", {}, (9, 9, 9)),
        (PILImage.fromarray(np.array([[257 * 7]], np.int32)), "TIFF", {}, (7, 7, 7)),
        (PILImage.fromarray(np.array([[0.5]], np.float32)), "TIFF", {}, (128, 128, 128)),
    ],
)  # fmt: skip
def test_each_mode_has_its_rule(
    picture: PILImage.Image, kind: str, options: dict[str, object], expected: tuple[int, ...]
) -> None:
    loaded = Image(saved(picture, kind, **options)).load()
    assert loaded.mode == "RGB"
    assert pixel(loaded) == expected


def test_palette_with_transparency_is_put_on_white() -> None:
    picture = PILImage.new("P", (3, 1))
    picture.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    picture.putdata([0, 1, 2])
    loaded = Image(saved(picture, "PNG", transparency=bytes([255, 0, 128]))).load()
    assert [pixel(loaded, x) for x in range(3)] == [(255, 0, 0), (255, 255, 255), (127, 127, 255)]


def test_sixteen_bit_grey_with_a_colour_key() -> None:
    picture = PILImage.fromarray(np.array([[257 * 3, 257 * 4]], np.uint16))
    data = saved(picture, "PNG")
    key = b"tRNS" + struct.pack(">H", 257 * 3)
    chunk = struct.pack(">I", 2) + key + struct.pack(">I", zlib.crc32(key))
    at = data.index(b"IDAT") - 4
    loaded = Image(data[:at] + chunk + data[at:]).load()
    assert [pixel(loaded, x) for x in (0, 1)] == [(255, 255, 255), (4, 4, 4)]


def test_pixels_out_of_range_are_refused() -> None:
    wide = PILImage.fromarray(np.array([[70_000]], np.int32))
    with pytest.raises(MediaError, match=r"out of 0\.\.65535; save it with 8 or 16 bits"):
        Image(saved(wide, "TIFF")).load()
    for value in (1.5, -0.1, float("nan"), float("inf")):
        with pytest.raises(MediaError, match=r"finite and in 0\.\.1"):
            Image(np.full((2, 2), value))


def test_animated_gif_as_image_is_its_first_frame() -> None:
    frames = [PILImage.new("RGB", (4, 4), (k, 0, 0)) for k in (10, 20)]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixel(Image(data).load()) == (10, 0, 0)
    assert isinstance(media_of(data), Video)
    assert isinstance(media_of(saved(frames[0], "GIF")), Image)


@pytest.mark.parametrize(
    ("array", "mode_pixel"),
    [
        (np.full((2, 3), 9, np.uint8), (9, 9, 9)),
        (np.full((2, 3, 1), 9, np.uint8), (9, 9, 9)),
        (np.full((2, 3, 3), (1, 2, 3), np.uint8), (1, 2, 3)),
        (np.full((2, 3, 4), (0, 0, 0, 51), np.uint8), (204, 204, 204)),
        (np.full((2, 3), True), (255, 255, 255)),
        (np.full((2, 3), 257 * 5, np.uint16), (5, 5, 5)),
        (np.full((2, 3, 3), 0.2), (51, 51, 51)),
        (np.full((2, 3, 3), 1.0, np.float16), (255, 255, 255)),
    ],
)
def test_arrays(array: np.ndarray, mode_pixel: tuple[int, ...]) -> None:
    image = Image(array)
    assert image.size == (3, 2)
    assert image.path is None
    assert pixel(image.load()) == mode_pixel


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 8, 8), np.uint8), r"shape 3x8x8 is no picture; move the channels last"),
        (np.zeros((8, 8, 2), np.uint8), r"shape 8x8x2 is no picture; give height x width x 3"),
        (np.zeros((0, 8, 3), np.uint8), r"shape 0x8x3 holds no pixels"),
        (np.zeros(8, np.uint8), r"shape 8 is no picture"),
        (np.zeros((8, 8), np.int64), r"int64 are ambiguous"),
        (np.array([["a"]]), r"unknown; give uint8"),
    ],
)
def test_arrays_that_are_no_picture(array: np.ndarray, message: str) -> None:
    with pytest.raises(MediaError, match=message):
        Image(array)


def test_digest_is_of_the_content(tmp_path: Path) -> None:
    data = saved(PILImage.new("RGB", (5, 4), (1, 2, 3)), "PNG")
    path = tmp_path / "a.png"
    path.write_bytes(data)
    assert Image(path).digest == Image(data).digest == hashlib.sha256(data).hexdigest()
    array = np.full((4, 5, 3), (1, 2, 3), np.uint8)
    expected = hashlib.sha256(b"RGB 5x4 " + array.tobytes()).hexdigest()
    assert Image(array).digest == Image(PILImage.fromarray(array)).digest == expected
    assert Image(array.reshape(5, 4, 3)).digest != expected
    assert Image(path) == Image(data)
    assert len({Image(path), Image(data), Image(array)}) == 2


def test_what_the_caller_does_later_changes_nothing() -> None:
    array = np.zeros((2, 2, 3), np.uint8)
    picture = PILImage.fromarray(array)
    of_array, of_picture = Image(array), Image(picture)
    array[:] = 255
    picture.paste((255, 255, 255), (0, 0, 2, 2))
    of_array.load().paste((9, 9, 9), (0, 0, 2, 2))
    assert pixel(of_array.load()) == pixel(of_picture.load()) == (0, 0, 0)


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    image = Image(tmp_path / "absent.png")
    assert image.path == tmp_path / "absent.png"
    assert isinstance(media_of(str(tmp_path / "absent.jpeg")), Image)
    assert isinstance(media_of(tmp_path / "absent.mp4"), Video)
    for read in (lambda: image.size, lambda: image.digest, image.load):
        with pytest.raises(MediaError, match=r"absent\.png: no such file; check the path"):
            read()


def test_size_needs_the_header_alone() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(PILImage.fromarray(noise), "PNG")
    cut = Image(data[: len(data) // 2])
    assert cut.size == (64, 64)
    with pytest.raises(MediaError, match="cut short"):
        cut.load()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM"])
def test_a_truncated_picture_is_an_error(kind: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(PILImage.fromarray(noise), kind)
    with pytest.raises(MediaError) as caught:
        Image(data[: len(data) * 3 // 4]).load()
    assert "\n" not in str(caught.value)


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(100_000, 100_000))
    before = PILImage.MAX_IMAGE_PIXELS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for read in (lambda: Image(path).size, lambda: Image(path).load()):
            with pytest.raises(MediaError, match=r"10,000,000,000 pixels, the limit is 50,000,000"):
                read()
        # Above Pillow's own bound, too, it is our limit that counts.
        with use_limits(MediaLimits(max_pixels=10**11)):
            assert Image(path).size == (100_000, 100_000)
    assert before == PILImage.MAX_IMAGE_PIXELS


def test_limits_hold_for_pictures_in_memory_and_for_bytes() -> None:
    with use_limits(MediaLimits(max_pixels=15)):
        with pytest.raises(MediaError, match="4x4 is 16 pixels, the limit is 15"):
            Image(PILImage.new("RGB", (4, 4)))
        with pytest.raises(MediaError, match="4x4 is 16 pixels"):
            Image(np.zeros((4, 4), np.uint8))
    with use_limits(MediaLimits(max_bytes=10)), pytest.raises(MediaError, match="has 11 bytes"):
        Image(b"x" * 11).load()


def test_limits_of_the_process_reach_threads_and_a_block_ends() -> None:
    seen: list[int] = []
    set_limits(MediaLimits(max_pixels=7))
    try:
        thread = threading.Thread(target=lambda: seen.append(get_limits().max_pixels))
        thread.start()
        thread.join()
        with use_limits(MediaLimits(max_pixels=9)):
            assert get_limits().max_pixels == 9
        assert get_limits().max_pixels == 7
    finally:
        set_limits(None)
    assert seen == [7]
    assert get_limits() == MediaLimits()
    with pytest.raises(InputError, match=r"MediaLimits\.max_pixels is 0"):
        MediaLimits(max_pixels=0)


def test_what_is_no_picture_says_so(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("Größe: a caption, not a picture\n", encoding="utf-8")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    for name, message in [
        ("text.png", "holds text, not an image; supported are images: PNG"),
        ("empty.png", "is empty"),
        ("folder.png", "is a folder"),
        ("a\0b.png", "check the path"),
    ]:
        with pytest.raises(MediaError, match=message) as caught:
            Image(tmp_path / name).load()
        assert "\n" not in str(caught.value)
    for source, message in [
        ("", "path is empty"),
        ("https://example.org/a.png", "addresses are not fetched"),
        ({}, "cannot be made of dict"),
        (None, "cannot be made of NoneType"),
    ]:
        with pytest.raises(MediaError, match=message):
            media_of(source)


def test_pictures_in_video_boxes(tmp_path: Path) -> None:
    from PIL import features

    if features.check("avif"):
        data = saved(PILImage.new("RGB", (8, 6), (200, 0, 0)), "AVIF")
        assert isinstance(media_of(data), Image)
        assert Image(data).size == (8, 6)
    heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(600)
    with pytest.raises(MediaError, match="no known format, not an image or video"):
        media_of(heic)


def test_threads_share_a_handle(tmp_path: Path) -> None:
    array = np.random.default_rng(2).integers(0, 256, (64, 64, 3), np.uint8)
    path = tmp_path / "a.png"
    path.write_bytes(Image(array).png())
    image = Image(path)
    with ThreadPoolExecutor(8) as pool:
        loaded = list(pool.map(lambda _: np.asarray(image.load()), range(32)))
    assert all(np.array_equal(picture, array) for picture in loaded)


def test_scripts_are_never_opened_as_pictures() -> None:
    for data in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\xd7\xcd\xc6\x9a" * 20):
        with pytest.raises(MediaError, match="not an image"):
            Image(data).load()


def test_content_decides_where_the_suffix_does_not(tmp_path: Path, clip_bytes: bytes) -> None:
    png = saved(PILImage.new("RGB", (2, 2)), "PNG")
    (tmp_path / "one").write_bytes(png)
    (tmp_path / "two.blob").write_bytes(clip_bytes)
    (tmp_path / "three").write_bytes(b"\x00\x01\x02\x03" * 100)
    assert isinstance(media_of(tmp_path / "one"), Image)
    assert isinstance(media_of(tmp_path / "two.blob"), Video)
    assert isinstance(media_of(png), Image)
    assert isinstance(media_of(clip_bytes), Video)
    assert isinstance(media_of(np.zeros((2, 4, 4, 3), np.uint8)), Video)
    with pytest.raises(MediaError, match=r"no known format.*videos: MP4"):
        media_of(tmp_path / "three")


def test_a_picture_with_the_wrong_suffix_still_loads(tmp_path: Path) -> None:
    path = tmp_path / "really-a.png"
    path.write_bytes(saved(PILImage.new("RGB", (6, 5), (0, 0, 254)), "JPEG", quality=95))
    assert Image(path).size == (6, 5)


@pytest.mark.parametrize(
    ("size", "limit"), [((100, 50), 5000), ((100, 50), 1000), ((4000, 1), 30), ((1, 4000), 3)]
)
def test_fit_keeps_within_its_pixels(size: tuple[int, int], limit: int) -> None:
    image = Image(PILImage.new("RGB", size, (7, 8, 9)))
    width, height = image.fit(limit).size
    assert width * height <= limit
    if size[0] * size[1] <= limit:
        assert image.fit(limit) is image
    else:
        assert pixel(image.fit(limit).load()) == (7, 8, 9)
    if (size, limit) == ((100, 50), 1000):
        assert (width, height) == (44, 22)


def test_png_is_exact_and_jpeg_is_close() -> None:
    array = np.random.default_rng(1).integers(0, 256, (16, 16, 3), np.uint8)
    image = Image(array)
    assert np.array_equal(np.asarray(Image(image.png()).load()), array)
    flat = Image(np.full((16, 16, 3), 100, np.uint8))
    assert np.abs(np.asarray(Image(flat.jpeg(95)).load()).astype(int) - 100).max() <= 2
    assert len(image.jpeg(20)) < len(image.jpeg(95))


def test_pickles_and_copies_are_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PILImage.new("RGB", (4, 4), (5, 6, 7)).save(path)
    for image in (Image(path), Image(path.read_bytes()), Image(np.zeros((4, 4), np.uint8))):
        image.load()
        twin = pickle.loads(pickle.dumps(image))
        assert twin == image
        assert twin.path == image.path
        assert twin.load().tobytes() == image.load().tobytes()
        assert Image(image) == image


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["", "PNG", "GIF", "JPEG", "WEBP", "TIFF", "BMP"]))
def test_any_bytes_give_a_picture_or_a_media_error(noise: bytes, kind: str) -> None:
    """Noise alone, and noise in the middle of a real file."""
    data = noise
    if kind:
        real = saved(PILImage.new("RGB", (9, 9), (3, 4, 5)), kind)
        at = len(noise) * 7 % len(real)
        data = real[:at] + noise + real[at + len(noise) :]
    with suppress(MediaError):
        assert Image(data).load().mode == "RGB"
    with suppress(MediaError):
        assert isinstance(media_of(data), Image | Video)
