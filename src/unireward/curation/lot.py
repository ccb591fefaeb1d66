"""Lot: what is left to chance, drawn by a hash of seed and names: no lot depends on another."""

from __future__ import annotations

import hashlib


def lot(seed: int, *names: str) -> float:
    """A number in [0, 1), the same wherever and whenever it is drawn."""
    text = "\0".join((str(seed), *names))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 11) / 2**53
