"""Which things, drawn by the world's own masks, explain what a picture has over its background.

Analysis by synthesis, largest gains first: every blob is compared with all looks of the
:mod:`bank <unireward.world.checker.bank>` in the colours its pixels speak for, the best one is
subtracted, and what then still stands out is looked at again. Things that touch are so taken one
after the other; once all are found, each is fitted anew to what the others leave of the picture.

>>> fits, rest = explain(field, ground)     # rest: what no thing explains, [S, S, 3]

The *gain* of a look at a place is by how much the squared difference falls when it is subtracted.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from unireward.world.checker.bank import Bank, Look, bank_of
from unireward.world.checker.blobs import Blob, blobs
from unireward.world.checker.colours import spoken
from unireward.world.checker.field import Field, ink
from unireward.world.render import paints
from unireward.world.words import SHAPES

LEAST = 0.004
"""Share of the canvas from which a blob is something: half of what the smallest thing shows."""
_MOST_BLOBS = 16
"""A picture of more is a clutter; the largest are looked at and the others left over."""
_ROUNDS = 8
"""Things of one blob that are found, one after the other."""
_KEPT = 4
"""Looks of each shape that are compared again between the pixels."""
_NEAR = 0.8
"""Looks of less than this share of the best gain are not."""
_ENOUGH = 0.85
"""Share of a blob's energy that one thing explains where the blob is that thing."""
_TOLL = 2 / 3
"""Of the energy covered, where one of several things is looked for."""
_PLACES = 256
"""Where in blobs of several things one is looked for, at most: a clutter is not worth all of its
pixels."""
_AROUND = tuple((y, x) for y in (-1, 0, 1) for x in (-1, 0, 1))


@dataclass(frozen=True, eq=False)
class Fit:
    """A look in a colour, its window's middle at (``row``, ``column``). ``gain`` and ``others``,
    the best gain of each shape [6], are in squared levels; ``base`` and ``mark`` [3] what is
    painted, less the background."""

    look: Look
    colour: str
    row: int
    column: int
    gain: float
    others: np.ndarray
    base: np.ndarray
    mark: np.ndarray
    cover: np.ndarray
    marks: np.ndarray
    """[side, side], as is the cover."""
    toll: float = 0.0
    """As in :func:`_fit`; gains are less the toll."""

    @property
    def centre(self) -> tuple[float, float]:
        """Row and column of the centre in pixels, a pixel's own middle at its index + 0.5."""
        (down, across), (up, back) = self.look.shift, self.look.lean
        return self.row - up + down + 0.5, self.column - back + across + 0.5

    @property
    def paint(self) -> np.ndarray:
        """What it adds to the background: float32 [side, side, 3]."""
        return self.cover[..., None] * self.base + self.marks[..., None] * self.mark


@dataclass(frozen=True, eq=False)
class _Target:
    """Where to look for one thing: middles of windows [P], colours, base and mark [C, 3]."""

    rows: np.ndarray
    columns: np.ndarray
    colours: tuple[str, ...]
    base: np.ndarray
    mark: np.ndarray


class _Best(NamedTuple):
    """A variant of a row of the bank, and the column (place and colour) that it is best at."""

    gain: float
    row: int
    variant: int
    column: int


def explain(values: np.ndarray, ground: np.ndarray) -> tuple[list[Fit], np.ndarray]:
    """The things in float32 [S, S, 3] = picture - ``ground``, and the rest they leave."""
    size = values.shape[0]
    bank = bank_of(size)
    rest = Field(values, bank.reach)
    taken = Field(np.zeros((size, size, 1), np.float32), bank.reach)
    least = round(LEAST * size * size)
    fits: list[Fit] = []
    for _ in range(_ROUNDS):
        free = ink(rest.values) & (taken.values[..., 0] == 0)
        found = blobs(free, least)[: _MOST_BLOBS - len(fits)]
        if not found:
            break
        for fit in _first(found, rest, ground, bank):
            _subtract(rest, fit)
            _take(taken, fit)
            fits.append(fit)
    return _settled(fits, rest, taken, bank), rest.values


def _first(found: list[Blob], rest: Field, ground: np.ndarray, bank: Bank) -> list[Fit]:
    """One thing of each blob: about its middle, or if that leaves much of it, anywhere in it."""
    targets = [_target(blob, rest, ground) for blob in found]
    fits = _fit(rest, targets, bank)
    poor = [
        at
        for at, (blob, fit) in enumerate(zip(found, fits))
        if fit.gain < _ENOUGH * _energy(blob, rest)
    ]
    if poor:
        most = max(len(_AROUND), _PLACES // len(poor))
        wider = [_within(found[at], targets[at], rest.size, most) for at in poor]
        for at, fit in zip(poor, _fit(rest, wider, bank, _TOLL)):
            fits[at] = fit
    return fits


def _energy(blob: Blob, rest: Field) -> float:
    return float((rest.values[blob.rows, blob.columns] ** 2).sum())


def support(fit: Fit) -> np.ndarray:
    """The pixels a thing stands on and those next to them: bool [side, side]."""
    wide = fit.cover > 0.02
    tall = wide.copy()
    tall[1:] |= wide[:-1]
    tall[:-1] |= wide[1:]
    wide = tall.copy()
    wide[:, 1:] |= tall[:, :-1]
    wide[:, :-1] |= tall[:, 1:]
    return wide


def _subtract(rest: Field, fit: Fit) -> None:
    rest.window(fit.row, fit.column)[...] -= fit.paint


def _take(taken: Field, fit: Fit) -> None:
    taken.window(fit.row, fit.column)[..., 0] += support(fit)


def _target(blob: Blob, rest: Field, ground: np.ndarray) -> _Target:
    """About the blob's centre of mass, in the colours that it speaks for."""
    rows, columns = blob.rows, blob.columns
    under = ground[rows, columns].mean(0)
    colours = spoken(rest.values[rows, columns] + ground[rows, columns], under)
    pairs = [paints(colour) for colour in colours]
    base = np.stack([base - under for base, _ in pairs])
    mark = np.stack([mark - base for base, mark in pairs])
    return _about((float(rows.mean()), float(columns.mean())), colours, base, mark, rest.size)


def _about(
    middle: tuple[float, float],
    colours: tuple[str, ...],
    base: np.ndarray,
    mark: np.ndarray,
    size: int,
) -> _Target:
    near = (np.array(_AROUND) + np.rint(middle).astype(int)).clip(0, size - 1)
    return _Target(near[:, 0], near[:, 1], colours, base, mark)


def _within(blob: Blob, target: _Target, size: int, most: int) -> _Target:
    """At ``most`` places well inside the blob: it is several things that touch, or one cut into."""
    mask = np.zeros((size + 2, size + 2), bool)
    mask[blob.rows + 1, blob.columns + 1] = True
    inner = np.ones((size, size), bool)
    for down, across in _AROUND:
        inner &= mask[1 + down : 1 + down + size, 1 + across : 1 + across + size]
    rows, columns = np.nonzero(inner) if inner.any() else (blob.rows, blob.columns)
    step = -(-len(rows) // most)
    return replace(target, rows=rows[::step], columns=columns[::step])


def _fit(rest: Field, targets: list[_Target], bank: Bank, toll: float = 0.0) -> list[Fit]:
    """The best look for each target. All of them go through one matrix product.

    A toll charges a look that share of the energy it covers, so that what stands across several
    things and explains some of each pays for all of it.
    """
    sides, costs = [], []
    for target in targets:
        windows = rest.windows(target.rows, target.columns)
        # [P, C, n] along base and along mark, then columns of [2n, P x C]
        covered = target.base @ windows
        if toll:
            covered -= 0.5 * toll * np.einsum("pkn,pkn->pn", windows, windows)[:, None]
        along = np.concatenate([covered, target.mark @ windows], axis=-1)
        sides.append(along.reshape(-1, along.shape[-1]))
        costs.append(np.tile(_weights(target.base, target.mark), (len(target.rows), 1)))
    gains = 2 * (bank.rows @ np.concatenate(sides).T) - bank.squares @ np.concatenate(costs).T
    ends = np.cumsum([len(side) for side in sides])[:-1]
    fits = []
    for target, side, gain in zip(targets, sides, np.split(gains, ends, axis=1)):
        fits.append(_refined(target, side, gain, bank, toll))
    return fits


def _weights(base: np.ndarray, mark: np.ndarray) -> np.ndarray:
    """[C, 3]: what ``squares`` are weighted with to give the energy of a look in a colour."""
    return np.stack(
        [(base * base).sum(-1), 2 * (base * mark).sum(-1), (mark * mark).sum(-1)], axis=-1
    )


def _refined(target: _Target, along: np.ndarray, gains: np.ndarray, bank: Bank, toll: float) -> Fit:
    """The best of each shape's best looks, their radii and centres searched more finely."""
    columns = gains.argmax(1)
    best = gains[np.arange(len(gains)), columns]
    least = best.max() - (1 - _NEAR) * abs(best.max())
    weights = _weights(target.base, target.mark)
    others = np.empty(len(SHAPES))
    top = _Best(-np.inf, 0, 0, 0)
    for shape, rows in enumerate(bank.by_shape):
        rows = rows[np.argpartition(-best[rows], _KEPT)[:_KEPT]]
        others[shape] = best[rows].max()
        for row in rows[best[rows] >= least]:
            column = int(columns[row])
            variants = bank.variants(int(row))
            energy = variants.squares @ weights[column % len(weights)]
            finer = 2 * (variants.rows @ along[column]) - energy
            which = int(finer.argmax())
            found = _Best(float(finer[which]), int(row), which, column)
            others[shape] = max(others[shape], found.gain)
            top = max(top, found)
    return _made(target, top, others, bank, toll)


def _made(target: _Target, best: _Best, others: np.ndarray, bank: Bank, toll: float) -> Fit:
    variants = bank.variants(best.row)
    place, colour = divmod(best.column, len(target.colours))
    cover, marks = variants.rows[best.variant].reshape(2, bank.side, bank.side)
    return Fit(
        look=variants.looks[best.variant],
        colour=target.colours[colour],
        row=int(target.rows[place]),
        column=int(target.columns[place]),
        gain=best.gain,
        others=others,
        base=target.base[colour],
        mark=target.mark[colour],
        cover=cover,
        marks=marks,
        toll=toll,
    )


def _settled(fits: list[Fit], rest: Field, taken: Field, bank: Bank) -> list[Fit]:
    """Things that stand against others, each fitted anew to what the others leave."""
    settled = []
    for fit in fits:
        alone = (taken.window(fit.row, fit.column)[..., 0][support(fit)] <= 1).all()
        if alone and not fit.toll:
            settled.append(fit)
            continue
        rest.window(fit.row, fit.column)[...] += fit.paint
        middle, colours = (fit.row, fit.column), (fit.colour,)
        target = _about(middle, colours, fit.base[None], fit.mark[None], rest.size)
        fit = _fit(rest, [target], bank)[0]
        _subtract(rest, fit)
        settled.append(fit)
    return settled
