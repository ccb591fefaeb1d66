"""Contamination: training records that stand in a benchmark.

Prompts are compared by their normalised words, in the way GPT-3's authors checked theirs (Brown
et al. 2020, appendix C). A training prompt is a hit where

- ``exact``: its words are those of a benchmark prompt;
- ``overlap``: it shares a run of 13 words with one;
- ``contained``: it holds the whole of a shorter one, of at least 8 words.

(A Chinese or Japanese character counts as a word.)

and, by the bytes of files,

- ``media``: an image or video of its prompt stands in a benchmark prompt;
- ``candidate``: an image or video that it judges is a candidate of the benchmark.

A question such as "What is shown here?" about two different pictures is not one question: a hit
of words whose prompts both have media, and none in common, is marked ``other_media`` and does
not count as contamination.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from unireward.data.content import Content, words
from unireward.prompt import Prompt
from unireward.record import Part, Record

RUN = 13
SHORTEST = 8
Kind = Literal["exact", "overlap", "contained", "media", "candidate"]
KINDS: tuple[Kind, ...] = ("exact", "overlap", "contained", "media", "candidate")


class Item(NamedTuple):
    """One prompt of a benchmark: ``where`` says file and row, ``asked`` what is known of it beside
    its words."""

    where: str
    text: str
    asked: Record | Prompt | None = None


class Hit(NamedTuple):
    """A training record ``id`` that meets ``where``. ``share`` is how much of the benchmark
    prompt's runs of words it holds, 0 to 1 (1 for exact, contained and media)."""

    id: str
    kind: Kind
    where: str
    share: float
    other_media: bool
    text: str

    def to_dict(self) -> dict[str, Any]:
        return self._asdict()


@dataclass
class CheckReport:
    """Records ``read`` and benchmark ``items``; ``hits`` are records by the strongest kind that
    counts; ``contaminated`` are their sum, ``other_media`` records whose words alone were met;
    ``benchmark_hit`` are benchmark items that some record met."""

    read: int = 0
    items: int = 0
    hits: Counter[str] = field(default_factory=Counter)
    other_media: int = 0
    benchmark_hit: int = 0

    @property
    def contaminated(self) -> int:
        return self.hits.total()

    def to_dict(self) -> dict[str, Any]:
        return {
            "read": self.read,
            "items": self.items,
            "contaminated": self.contaminated,
            "hits": {kind: self.hits[kind] for kind in KINDS},
            "other_media": self.other_media,
            "benchmark_hit": self.benchmark_hit,
        }


class Benchmark:
    """An index of benchmark prompts; memory grows with the benchmark, not with what is checked.

    ``media`` compares files by content too (each is read once).
    """

    def __init__(self, items: Iterable[Item] = (), *, media: bool = True) -> None:
        self.items: list[Item] = []
        self._content = Content() if media else None
        self._runs: dict[int, list[int]] = {}
        self._lengths: dict[int, int] = {}
        self._exact: dict[int, list[int]] = {}
        self._media: list[frozenset[bytes]] = []
        self._by_media: dict[bytes, list[int]] = {}
        self._by_candidate: dict[bytes, list[int]] = {}
        self.report = CheckReport()
        self._met: set[int] = set()
        for item in items:
            self.add(item)

    def add(self, item: Item) -> None:
        """Index one prompt of the benchmark."""
        number = len(self.items)
        self.items.append(item)
        said = words(item.text)
        if said:
            self._exact.setdefault(_hash(said), []).append(number)
        for run in set(_runs(said, RUN)):
            self._runs.setdefault(run, []).append(number)
        if SHORTEST <= len(said) < RUN:
            self._runs.setdefault(_hash(said), []).append(number)
            self._lengths[len(said)] = self._lengths.get(len(said), 0) + 1
        asked = item.asked
        prompt = frozenset(self._keys(asked.prompt, asked.id) if asked is not None else ())
        self._media.append(prompt)
        for key in prompt:
            self._by_media.setdefault(key, []).append(number)
        for key in self._candidate_keys(asked):
            self._by_candidate.setdefault(key, []).append(number)
        self.report.items = len(self.items)

    def hits(self, record: Record | Prompt) -> list[Hit]:
        """Where a record, or a prompt alone, stands in the benchmark, the strongest kind of each
        item first."""
        found = list(self._found(record))
        self._count(found)
        return [hit for _, hit in found]

    def check(self, records: Iterable[Record]) -> Iterator[tuple[Record, list[Hit]]]:
        """Each record with its hits; ``report`` is counted up as they pass."""
        for record in records:
            yield record, self.hits(record)

    def _count(self, found: Sequence[tuple[int, Hit]]) -> None:
        self.report.read += 1
        counting = {hit.kind for _, hit in found if not hit.other_media}
        if counting:
            self.report.hits[min(counting, key=KINDS.index)] += 1
        elif found:
            self.report.other_media += 1
        self._met |= {number for number, hit in found if not hit.other_media}
        self.report.benchmark_hit = len(self._met)

    def _found(self, record: Record | Prompt) -> Iterator[tuple[int, Hit]]:
        said = words(record.text)
        mine = frozenset(self._keys(record.prompt, record.id))
        kinds: dict[int, tuple[Kind, float]] = {}
        for number, share in self._overlaps(said).items():
            length = len(words(self.items[number].text))
            kinds[number] = ("overlap" if length >= RUN else "contained", share)
        for number in self._exact.get(_hash(said), ()) if said else ():
            kinds[number] = ("exact", 1.0)
        for number in {n for key in mine for n in self._by_media.get(key, ())}:
            kinds.setdefault(number, ("media", 1.0))
        for key in self._candidate_keys(record):
            for number in self._by_candidate.get(key, ()):
                kinds.setdefault(number, ("candidate", 1.0))
        for number, (kind, share) in sorted(kinds.items()):
            item, theirs = self.items[number], self._media[number]
            other = kind in ("exact", "overlap", "contained") and bool(
                mine and theirs and not mine & theirs
            )
            yield number, Hit(record.id, kind, item.where, share, other, item.text)

    def _overlaps(self, said: list[str]) -> dict[int, float]:
        """The share of each met item's runs that ``said`` holds."""
        counts: Counter[int] = Counter()
        for run in set(_runs(said, RUN)):
            counts.update(self._runs.get(run, ()))
        for length in self._lengths:
            for run in set(_runs(said, length)):
                counts.update(
                    n for n in self._runs.get(run, ()) if len(words(self.items[n].text)) == length
                )
        shares = {}
        for number, count in counts.items():
            whole = words(self.items[number].text)
            shares[number] = count / max(1, len(set(_runs(whole, min(RUN, len(whole))))))
        return shares

    def _keys(self, parts: Iterable[Part], name: str) -> list[bytes]:
        if self._content is None:
            return []
        return [self._content.media(part, name) for part in parts if part.text is None]

    def _candidate_keys(self, asked: Record | Prompt | None) -> set[bytes]:
        if not isinstance(asked, Record):
            return set()
        return {key for c in asked.candidates for key in self._keys(c.content, asked.id)}


def _runs(said: list[str], length: int) -> Iterator[int]:
    for at in range(len(said) - length + 1):
        yield _hash(said[at : at + length])


def _hash(said: Sequence[str]) -> int:
    """64 bits, the same in every process."""
    key = hashlib.blake2b("\0".join(said).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(key.digest(), "little")
