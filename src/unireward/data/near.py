"""Near: texts and pictures that are the same but for a little.

Texts by MinHash (Broder 1997): two are near when the Jaccard index of their normalised
characters' 5-grams is at least ``text`` *and* they hold the same numbers, so that "3 cats" is
never near "4 cats". Hashing only finds the suspects; the index itself decides.

Pictures by difference hash: 128 signs of the change between neighbouring cells of an 8x8 grid,
across and down. Two are near when at most ``bits`` signs differ, no cell of a 16x16 grid differs
by more than 24 of 255 in a colour, and the shapes differ by under 5 %: copies re-encoded or
resized are near, a picture in which one small thing was changed is not. A clip is its first and
its middle frame.

The first of its kind stands for all that are near it: :class:`NearContent` gives each text and
picture the key of the one that it is near to. All of it lies on disk, not in memory.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from unireward.data.content import Content, as_written, digest, normalised
from unireward.data.seen import Scratch, Seen
from unireward.errors import MediaError, UsageError
from unireward.media import FrameRule, Image
from unireward.record import Part

GRAM = 5
HASHES = 128
TEXT = 0.8
BITS = 6
_SURE = 0.995
_SLACK = 0.15
_MOST_SUSPECTS = 2_000
_CELLS = 16
_CELL_STEP = 24
_FLAT_STEP = 2
_SHAPE = 0.05
_NUMBER = re.compile(r"\d+")
_TABLES = (
    "CREATE TABLE texts (id INTEGER PRIMARY KEY, key BLOB, text TEXT, signature BLOB)",
    "CREATE TABLE bands (band INTEGER, id INTEGER, PRIMARY KEY (band, id)) WITHOUT ROWID",
    "CREATE TABLE looks (id INTEGER PRIMARY KEY, key BLOB, signs BLOB, cells BLOB, shape REAL)",
    "CREATE TABLE chunks (chunk INTEGER, id INTEGER, PRIMARY KEY (chunk, id)) WITHOUT ROWID",
)


class NearContent(Content):
    """Keys by what is nearly the same. ``unreadable`` counts media that no one could decode;
    they go by their bytes. :class:`UsageError` for a ``text`` outside 0.3 to 1 or ``bits``
    outside 0 to 16."""

    def __init__(self, text: float = TEXT, bits: int = BITS, lenient: bool = False) -> None:
        super().__init__(lenient=lenient)
        if not 0.3 <= text <= 1:
            raise UsageError(f"near text is {text:g}; give a similarity from 0.3 to 1")
        if not 0 <= bits <= 16:
            raise UsageError(f"near bits is {bits}; give 0 to 16 of 128 signs")
        self._least, self._most_bits = text, bits
        self.bands, self.rows = bands_for(text)
        self.unreadable = 0
        self._met = Seen("texts", "media")
        self._db = Scratch()
        for table in _TABLES:
            self._db.run(table)

    def close(self) -> None:
        self._met.close()
        self._db.close()

    def text(self, text: str) -> bytes:
        exact = digest("exact", as_written(text))
        return self._met.get("texts", exact) or self._remember("texts", exact, text)

    def media(self, part: Part, name: str) -> bytes:
        exact = super().media(part, name)
        return self._met.get("media", exact) or self._remember("media", exact, part)

    def _remember(self, table: str, exact: bytes, thing: Any) -> bytes:
        find = self._near_text if table == "texts" else self._near_look
        key = find(thing, exact)
        self._met.put(table, exact, key)
        return key

    def _near_text(self, text: str, exact: bytes) -> bytes:
        plain = normalised(text)
        numbers = " ".join(sorted(_NUMBER.findall(plain)))
        grams = grams_of(plain)
        signature = minhash(grams)
        bands = self._bands_of(signature, numbers)
        for key, other in self._suspects(bands, signature):
            if jaccard(grams, grams_of(other)) >= self._least and numbers == " ".join(
                sorted(_NUMBER.findall(other))
            ):
                return key
        made = self._db.run(
            "INSERT INTO texts (key, text, signature) VALUES (?, ?, ?)",
            (exact, plain, signature.tobytes()),
        )
        self._db.many("INSERT OR IGNORE INTO bands VALUES (?, ?)",
                      [(band, made.lastrowid) for band in bands])  # fmt: skip
        return exact

    def _bands_of(self, signature: np.ndarray, numbers: str) -> list[int]:
        """A 63-bit key for each band of the signature; texts of other numbers share none."""
        rows = signature[: self.bands * self.rows].reshape(self.bands, self.rows)
        start = np.uint64(_key63(digest("band", numbers)))
        keys = _mixed(np.arange(self.bands, dtype=np.uint64) ^ start)
        for column in rows.T:
            keys = _mixed(keys ^ column.astype(np.uint64))
        return (keys >> np.uint64(1)).tolist()

    def _suspects(self, bands: list[int], signature: np.ndarray) -> list[tuple[bytes, str]]:
        """Texts that share a band and whose signatures agree about enough, the likest first."""
        marks = ",".join("?" * len(bands))
        found = []
        for key, text, held in self._db.rows(
            f"SELECT key, text, signature FROM texts WHERE id IN "
            f"(SELECT id FROM bands WHERE band IN ({marks}) LIMIT {_MOST_SUSPECTS})",
            bands,
        ):
            alike = float(np.mean(np.frombuffer(held, np.uint32) == signature))
            if alike >= self._least - _SLACK:
                found.append((alike, key, text))
        found.sort(key=lambda suspect: -suspect[0])
        return [(key, text) for _, key, text in found]

    def _near_look(self, part: Part, exact: bytes) -> bytes:
        try:
            signs, cells, shape = look_of(part)
        except MediaError:
            self.unreadable += 1
            return exact
        chunks = self._chunks_of(signs, part.type)
        marks = ",".join("?" * len(chunks))
        best: tuple[int, bytes] | None = None
        for key, other, other_cells, other_shape in self._db.rows(
            f"SELECT key, signs, cells, shape FROM looks WHERE id IN "
            f"(SELECT id FROM chunks WHERE chunk IN ({marks}) LIMIT {_MOST_SUSPECTS})",
            chunks,
        ):
            apart = looks_apart(signs, np.frombuffer(other, np.uint8))
            if (
                apart <= self._most_bits * (len(signs) // 16)
                and abs(shape - other_shape) <= _SHAPE
                and cells_apart(cells, np.frombuffer(other_cells, np.uint8)) <= _CELL_STEP
                and (best is None or apart < best[0])
            ):
                best = (apart, key)
        if best is not None:
            return best[1]
        made = self._db.run(
            "INSERT INTO looks (key, signs, cells, shape) VALUES (?, ?, ?, ?)",
            (exact, signs.tobytes(), cells.tobytes(), shape),
        )
        self._db.many("INSERT OR IGNORE INTO chunks VALUES (?, ?)",
                      [(chunk, made.lastrowid) for chunk in chunks])  # fmt: skip
        return exact

    def _chunks_of(self, signs: np.ndarray, kind: str) -> list[int]:
        """Keys of pieces of the signs: of more pieces than may differ, one is always equal.

        A piece of zeros (nothing changes there) says nothing and is left out, unless all are.
        """
        pieces = np.array_split(np.unpackbits(signs[:16]), self._most_bits + 1)
        told = [(i, piece) for i, piece in enumerate(pieces) if piece.any()]
        return [
            _key63(digest("chunk", kind, str(i), piece.tobytes()))
            for i, piece in told or [(0, pieces[0])]
        ]


def bands_for(least: float) -> tuple[int, int]:
    """Bands and rows of a signature of 128, the fewest bands that find ``least`` surely (99.5 %).

    The chance that two texts of Jaccard index s share a band is ``1 - (1 - s**rows)**bands``.
    """
    for rows in range(16, 0, -1):
        bands = HASHES // rows
        if 1 - (1 - least**rows) ** bands >= _SURE:
            return bands, rows
    return HASHES, 1


def grams_of(plain: str) -> np.ndarray:
    """Hashes of a normalised text's distinct 5-grams of characters: sorted uint64."""
    letters = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    if len(letters) < GRAM:
        letters = np.pad(letters, (0, GRAM - len(letters)))
    windows = np.lib.stride_tricks.sliding_window_view(letters.astype(np.uint64), GRAM)
    hashed = np.zeros(len(windows), dtype=np.uint64)
    for column in windows.T:
        hashed = _mixed(hashed ^ column)
    return np.unique(hashed)


def _mixed(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finisher (Steele, Lea, Flood 2014): every bit in reaches every bit out."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


_SEEDS = _mixed(np.arange(1, HASHES + 1, dtype=np.uint64))
_ODD = _mixed(_SEEDS) | np.uint64(1)


def minhash(grams: np.ndarray) -> np.ndarray:
    """The least of 128 hashes over the grams, their upper halves: uint32 [128]."""
    least = np.full(HASHES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(grams), 1024):
        # The grams are mixed already: a multiplication each is enough (multiply-shift hashing).
        block = (grams[start : start + 1024, None] ^ _SEEDS[None, :]) * _ODD[None, :]
        least = np.minimum(least, block.min(axis=0))
    return (least >> np.uint64(32)).astype(np.uint32)


def jaccard(left: np.ndarray, right: np.ndarray) -> float:
    """Shared grams over all grams of two sorted sets, 0 to 1."""
    shared = len(np.intersect1d(left, right, assume_unique=True))
    return shared / (len(left) + len(right) - shared)


def look_of(part: Part) -> tuple[np.ndarray, np.ndarray, float]:
    """Signs (16 bytes a frame), cell colours (768 bytes a frame) and log(width / height).

    :class:`MediaError` for what cannot be decoded.
    """
    media = part.load()
    if isinstance(media, Image):
        frames = [media]
    else:
        frames = list(media.frames(FrameRule("uniform", 2)).images)
    looks = [_look(frame) for frame in frames]
    width, height = frames[0].size
    return (
        np.concatenate([signs for signs, _ in looks]),
        np.concatenate([cells for _, cells in looks]),
        float(np.log(width / height)),
    )


def _look(image: Image) -> tuple[np.ndarray, np.ndarray]:
    from PIL.Image import Resampling

    picture = image.load()
    grey = picture.convert("L")
    across = np.asarray(grey.resize((9, 8), Resampling.BOX), dtype=np.int16)
    down = np.asarray(grey.resize((8, 9), Resampling.BOX), dtype=np.int16)
    # A step of less than two grey levels is the noise of an encoder on a flat ground.
    signs = np.concatenate(
        [
            (np.diff(across, axis=1) > _FLAT_STEP).ravel(),
            (np.diff(down, axis=0) > _FLAT_STEP).ravel(),
        ]
    )
    cells = np.asarray(picture.resize((_CELLS, _CELLS), Resampling.BOX), dtype=np.uint8)
    return np.packbits(signs), cells.ravel()


def looks_apart(left: np.ndarray, right: np.ndarray) -> int:
    """Signs that differ."""
    if len(left) != len(right):
        return 8 * max(len(left), len(right))
    return int(np.unpackbits(np.bitwise_xor(left, right).astype(np.uint8)).sum())


def cells_apart(left: np.ndarray, right: np.ndarray) -> int:
    """The largest difference of a cell in a colour, of 255."""
    return int(np.abs(left.astype(np.int16) - right.astype(np.int16)).max())


def _key63(key: bytes) -> int:
    return int.from_bytes(key[:8], "little") >> 1
