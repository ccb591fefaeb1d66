"""Near: MinHash against Jaccard's own formula, pictures against what was done to them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFilter

from unireward.data.near import (
    GRAM,
    HASHES,
    NearContent,
    bands_for,
    grams_of,
    jaccard,
    minhash,
)
from unireward.errors import UsageError
from unireward.media import Video
from unireward.record import Part
from unireward.world import iter_items


def by_hand(left: str, right: str) -> float:
    sets = [{t[i : i + GRAM] for i in range(max(1, len(t) - GRAM + 1))} for t in (left, right)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


texts = st.text("ab c", min_size=GRAM, max_size=30)


@given(texts, texts)
def test_the_index_is_jaccards(left, right):
    assert jaccard(grams_of(left), grams_of(right)) == pytest.approx(by_hand(left, right))


def test_signatures_estimate_the_index():
    """The share of equal hashes has the index as its mean and sqrt(j(1-j)/128) as its spread."""
    rng = np.random.default_rng(0)
    off = []
    for _ in range(60):
        pool = rng.integers(0, 2**63, 400).astype(np.uint64)
        shared = int(rng.integers(0, 200))
        left = np.unique(pool[: 200 + shared // 2])
        right = np.unique(pool[200 - shared // 2 :])
        index = jaccard(left, right)
        estimate = float(np.mean(minhash(left) == minhash(right)))
        off.append((estimate - index) / max(np.sqrt(index * (1 - index) / HASHES), 0.01))
    assert abs(np.mean(off)) < 0.5
    assert 0.6 < np.std(off) < 1.5


@pytest.mark.parametrize("least", [0.3, 0.5, 0.7, 0.8, 0.9, 0.99])
def test_bands_find_what_is_asked_for(least):
    bands, rows = bands_for(least)
    assert bands * rows <= HASHES
    assert 1 - (1 - least**rows) ** bands >= 0.995
    # One row more a band, and it would not.
    fewer = HASHES // (rows + 1)
    assert rows == 16 or 1 - (1 - least ** (rows + 1)) ** fewer < 0.995


def test_texts_group_by_the_index_and_by_their_numbers():
    near = NearContent(text=0.8)
    base = "a photograph of two red circles to the left of a blue square"
    said_again = "A photograph of two red circles, to the left of a blue square!"
    assert near.text(base) == near.text(said_again)
    assert near.text(base) != near.text("a photograph of two red circles under a green triangle")
    assert near.text(base + " 3") != near.text(base + " 4")
    assert near.text("yes") != near.text("no")
    assert near.text("") == near.text("  ")


@settings(max_examples=40)
@given(st.lists(st.text("abcdefg ", min_size=8, max_size=40), min_size=2, max_size=8))
def test_one_key_means_near_the_text_that_it_is_named_for(found):
    near = NearContent(text=0.6)
    keys = {text: near.text(text) for text in found}
    firsts: dict[bytes, str] = {}
    for text in found:
        leader = firsts.setdefault(keys[text], text)
        assert jaccard(grams_of(" ".join(text.split())), grams_of(" ".join(leader.split()))) >= 0.6


def photograph(seed: int) -> PILImage.Image:
    rng = np.random.default_rng(seed)
    coarse = PILImage.fromarray(rng.integers(0, 255, (6, 8, 3), dtype=np.uint8))
    return coarse.resize((320, 240), PILImage.Resampling.BICUBIC)


def part_of(picture: PILImage.Image, kind: str = "PNG", **options) -> Part:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return Part(type="image", bytes=out.getvalue())


def test_pictures_re_encoded_or_resized_are_near_and_others_are_not():
    near = NearContent()
    base = photograph(0)
    key = near.media(part_of(base), "r")
    for same in (
        part_of(base, "JPEG", quality=60),
        part_of(base.resize((200, 150), PILImage.Resampling.LANCZOS)),
        part_of(base.resize((640, 480)), "WEBP", quality=70),
        part_of(base.filter(ImageFilter.GaussianBlur(1))),
    ):
        assert near.media(same, "r") == key
    changed = base.copy()
    ImageDraw.Draw(changed).ellipse((100, 80, 140, 120), fill="red")
    for other in (
        part_of(changed),
        part_of(photograph(1)),
        part_of(base.transpose(PILImage.Transpose.FLIP_LEFT_RIGHT)),
        part_of(base.resize((240, 240))),
        part_of(base.convert("L").convert("RGB")),
    ):
        assert near.media(other, "r") != key


def test_pictures_one_fact_apart_are_not_near():
    """The world's pairs differ in one thing of a colour, a place, a size: never merged."""
    near = NearContent()
    merged = total = 0
    for item in iter_items("image_generation", 60, seed=3):
        keys = {near.media(p, "r") for c in item.record.candidates for p in c.content}
        exact = {p.load().digest for c in item.record.candidates for p in c.content}
        total += len(exact) > 1
        merged += len(keys) < len(exact)
    assert total > 50
    # Pairs that differ in quality alone may hold a faint blur, which is a copy to anyone.
    assert merged <= 3


def test_clips_by_first_and_middle_frame_and_unreadable_media_by_bytes():
    near = NearContent()
    frames = [photograph(k) for k in range(4)]

    def clip(pictures):
        return Part(type="video", media=Video([np.asarray(p) for p in pictures], fps=4.0))

    key = near.media(clip(frames), "r")
    softer = [f.filter(ImageFilter.GaussianBlur(1)) for f in frames]
    assert near.media(clip(softer), "r") == key
    assert near.media(clip([frames[0], frames[1], frames[3], frames[3]]), "r") != key
    assert near.media(part_of(frames[0]), "r") != key
    broken = Part(type="image", bytes=b"\x89PNG\r\n\x1a\nbroken")
    assert near.media(broken, "r") == near.media(broken, "r")
    assert near.unreadable == 1


@pytest.mark.parametrize("options", [{"text": 0.1}, {"text": 1.5}, {"bits": 17}, {"bits": -1}])
def test_wrong_use(options):
    with pytest.raises(UsageError, match="near"):
        NearContent(**options)
