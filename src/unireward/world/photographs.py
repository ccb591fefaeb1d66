"""Technical quality on real photographs: the same crop twice, one of them degraded.

The pictures are those that scikit-image ships inside its package; nothing is downloaded. Splits
share no photograph. Alignment is always 5: the prompt asks for "a clear photograph".
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from unireward.errors import MissingExtraError
from unireward.record import Part
from unireward.world.item import Order, WorldItem, build, candidate_ids
from unireward.world.pairs import CLEAN, Quality, sample_quality, shuffled
from unireward.world.pictures import box_spans, spoil
from unireward.world.quality import STYLES, Box
from unireward.world.scene import pick
from unireward.world.truth import overall

PHOTOGRAPHS = {
    "train": ("astronaut.png", "brick.png", "camera.png", "coffee.png", "gravel.png", "moon.png"),
    "eval": ("chelsea.png", "coins.png", "grass.png", "motorcycle_left.png", "rocket.jpg"),
}
PROMPT = "a clear photograph"


@dataclass(frozen=True)
class Photograph:
    """A crop: the file it is from, the corner and side of the crop in that file's pixels, what
    was done to it, its pixels [H, W, 3]."""

    name: str
    corner: tuple[int, int]
    side: int
    quality: Quality
    pixels: np.ndarray
    boxes: tuple[Box, ...] = ()


@lru_cache(maxsize=16)
def _photograph(name: str) -> np.ndarray:
    try:
        import skimage.data as home
    except ImportError as error:
        raise MissingExtraError(
            "photographs need scikit-image; install unireward[world]"
        ) from error
    with Image.open(Path(home.__file__).parent / name) as picture:
        return np.asarray(picture.convert("RGB"))


def _crop(rng: np.random.Generator, split: str, size: int) -> Photograph:
    """A square crop with something in it, reduced to ``size``."""
    while True:
        name = pick(rng, PHOTOGRAPHS[split])
        whole = _photograph(name)
        height, width = whole.shape[:2]
        most = min(height, width)
        side = int(size + rng.random() * (most - size))
        x, y = int(rng.random() * (width - side + 1)), int(rng.random() * (height - side + 1))
        crop = Image.fromarray(whole[y : y + side, x : x + side])
        pixels = np.asarray(crop.resize((size, size), Image.Resampling.LANCZOS))
        # Black sky and the like show no blur, so quality could not be told.
        if pixels.std(axis=(0, 1)).mean() > 20:
            return Photograph(name, (x, y), side, CLEAN, pixels)


def _varied(rng: np.random.Generator, crop: Photograph) -> Photograph:
    """A crop of the training split made into another one: mirrored, its colours exchanged, half
    the time laid over a second crop. Six photographs are few to learn from."""
    pixels = crop.pixels.astype(np.float32)
    if rng.random() < 0.5:
        other = _crop(rng, "train", len(pixels)).pixels
        share = 0.3 + 0.4 * rng.random()
        pixels = share * pixels + (1 - share) * other
    pixels = pixels[:: 1 if rng.random() < 0.5 else -1, :: 1 if rng.random() < 0.5 else -1]
    pixels = pixels[..., rng.permutation(3)]
    return replace(crop, pixels=np.ascontiguousarray(pixels.astype(np.uint8)))


def degraded(photograph: Photograph, quality: Quality) -> Photograph:
    pixels, boxes = spoil(photograph.pixels, quality)
    return replace(photograph, quality=quality, pixels=pixels, boxes=boxes)


def photograph_truth(photograph: Photograph) -> dict[str, float]:
    scores = {
        "alignment": 5.0,
        "coherence": 5.0 - photograph.quality.artefact,
        "style": 5.0 - photograph.quality.strength,
    }
    return {**scores, "overall": overall("image_generation", scores)}


def make_item(rng: np.random.Generator, order: Order) -> WorldItem:
    crop = _crop(rng, order.split, order.size)
    if order.split == "train":
        crop = _varied(rng, crop)
    if order.number == 2:
        qualities = [CLEAN, sample_quality(rng, STYLES[1:])]
        while qualities[1].artefact + qualities[1].strength == 0:
            qualities[1] = sample_quality(rng, STYLES[1:])
    else:
        qualities = [sample_quality(rng, STYLES[1:]) for _ in range(order.number)]
    made = shuffled([degraded(crop, quality) for quality in qualities], rng)
    by_id = dict(zip(candidate_ids(order.number), made))
    truths = {key: photograph_truth(photograph) for key, photograph in by_id.items()}
    prompt = [Part.of_text(PROMPT)]
    return build(order, "quality", PROMPT, prompt, by_id, truths, box_spans(by_id))
