"""Seeds: every candidate's own, from the run's seed, its prompt's id and its index alone.

::

    seed_of(0, "p1", 3)      # the same whatever else is sampled, in whatever order or batch

31 bits, since servers and generators differ in what else they take.
"""

from __future__ import annotations

from hashlib import blake2b


def seed_of(seed: int, prompt_id: str, index: int) -> int:
    """A number from 0 to 2^31 - 1 for candidate ``index`` of a prompt."""
    # The first and last words are numbers, so that no id can be taken for another's with them.
    text = f"{seed} {prompt_id} {index}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=4).digest(), "big") >> 1
