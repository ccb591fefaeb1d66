"""Parts of the checker, each against another way to work it out."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from unireward.world.checker.bank import bank_of
from unireward.world.checker.blobs import blobs, label
from unireward.world.checker.colours import spoken
from unireward.world.checker.field import Field
from unireward.world.render import background, masks, paints
from unireward.world.words import COLOURS, SHAPES, TEXTURES


@given(arrays.arrays(bool, st.tuples(st.integers(1, 24), st.integers(1, 24))))
@settings(max_examples=100, deadline=None)
def test_blobs_are_those_of_scipy(mask):
    ours = label(mask)
    theirs, number = ndimage.label(mask, np.ones((3, 3)))
    assert ((ours > 0) == mask).all()
    pairs = set(zip(ours[mask].tolist(), theirs[mask].tolist()))
    assert len(pairs) == number == len(set(ours[mask].tolist()))
    areas = [blob.area for blob in blobs(mask)]
    assert areas == sorted(np.bincount(theirs[mask].ravel(), minlength=1)[1:].tolist())[::-1]


def test_a_blob_is_found_however_it_winds():
    mask = np.zeros((31, 31), bool)
    mask[::2] = True
    mask[1::4, -1] = mask[3::4, 0] = True
    assert [blob.area for blob in blobs(mask)] == [int(mask.sum())]
    assert blobs(mask, least=int(mask.sum()) + 1) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shift_moves_a_mask_by_so_much_and_keeps_its_area(shape):
    def mass(mask: np.ndarray) -> tuple[float, float, float]:
        rows, columns = np.indices(mask.shape)
        return mask.sum(), (mask * rows).sum() / mask.sum(), (mask * columns).sum() / mask.sum()

    area, y, x = mass(masks(shape, 18, 2, "solid")[0])
    moved, y2, x2 = mass(masks(shape, 18, 2, "solid", (0.5, -0.5))[0])
    assert moved == pytest.approx(area, rel=0.02)
    assert y2 - y == pytest.approx(0.5, abs=0.05)
    assert x2 - x == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("size", [32, 64])
def test_rows_of_the_bank_give_the_energy_of_what_is_painted(size):
    bank = bank_of(size)
    assert {(look.shape, look.texture) for look in bank.looks} == {
        (shape, texture) for shape in SHAPES for texture in TEXTURES
    }
    base, mark = (paint - 240 for paint in paints("cyan"))
    for row in range(0, len(bank.looks), 97):
        cover, marks = bank.rows[row].reshape(2, -1, 1)
        painted = cover * base + marks * (mark - base)
        way = mark - base
        weights = [base @ base, 2 * base @ way, way @ way]
        assert bank.squares[row] @ weights == pytest.approx((painted**2).sum(), rel=1e-4)


def test_the_ladder_of_radii_leaves_no_gap():
    for size in (32, 48, 64, 96):
        bank = bank_of(size)
        every = sorted({half for halves in bank.between.values() for half in halves})
        assert every == list(range(every[0], every[-1] + 1))
        # What grows goes from 0.0657 to 0.1733 of the canvas.
        assert every[0] <= round(2 * 0.0657 * size)
        assert every[-1] >= round(2 * 0.1733 * size)


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("texture", TEXTURES)
def test_pixels_speak_for_their_colour_whatever_their_marks(colour, texture):
    cover, marks = masks("circle", 9, 2, texture)
    base, mark = paints(colour)
    under = background(9, 32)[16, 16].astype(np.float32)
    paint = base + marks[..., None] * (mark - base)
    pixels = (under + cover[..., None] * (paint - under)).reshape(-1, 3)
    assert spoken(pixels[cover.ravel() > 0.2], under)[0] == colour


def test_windows_may_stick_out_and_are_written_through():
    field = Field(np.ones((5, 5, 3), np.float32), 2)
    assert field.windows(np.array([0]), np.array([0])).sum() == 3 * 9
    field.window(0, 0)[...] -= 1
    assert field.values.sum() == 3 * (25 - 9)
