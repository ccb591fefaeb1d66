"""DataCard: what is in a set of records, before anything is trained on it.

::

    maker = CardMaker()
    for record in read_records("train.jsonl"): maker.add(record)
    card = maker.finish()
    print(card.text()); card.to_dict(); card.markdown("Train")

One pass, and memory that does not grow with the number of records but for a byte each: what must
be remembered lies on disk. Lengths are in characters, quantiles by nearest rank (exact).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unireward.data.content import Content, digest
from unireward.data.duplicates import DuplicateReport, Duplicates, tiers_of
from unireward.data.seen import Seen
from unireward.record import Part, Record
from unireward.stats.intervals import Estimate, wilson

MOST_NAMES = 200
"""Distinct names counted one by one; further ones are counted together."""
OTHERS = "(others)"
NO_SOURCE = "(none)"
_LONGEST = 1 << 16
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_PLACES = ("first", "second", "third")


class Lengths:
    """Lengths of texts, exact up to 65,536 characters (longer ones count as that)."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._total = 0

    def add(self, text: str) -> None:
        self._total += len(text)
        self._counts[min(len(text), _LONGEST)] += 1

    def to_dict(self) -> dict[str, float | int]:
        """``n``, ``mean``, ``min``, the quantiles as ``p5`` ... ``p95``, and ``max``."""
        count = self._counts.total()
        if not count:
            return {"n": 0}
        ordered = sorted(self._counts.items())
        found: dict[str, float | int] = {"n": count, "mean": round(self._total / count, 2)}
        found["min"] = ordered[0][0]
        for quantile in QUANTILES:
            found[f"p{quantile * 100:.0f}"] = _at(ordered, max(1, math.ceil(quantile * count)))
        found["max"] = ordered[-1][0]
        return found


def _at(ordered: list[tuple[int, int]], rank: int) -> int:
    for length, count in ordered:
        rank -= count
        if rank <= 0:
            return length
    return ordered[-1][0]


@dataclass
class Spread:
    """Scores of one dimension: how many, their range and mean, and the scales given for them."""

    n: int = 0
    least: float = math.inf
    most: float = -math.inf
    total: float = 0.0
    scales: set[tuple[float, float]] = field(default_factory=set)

    def add(self, value: float, scale: tuple[float, float] | None) -> None:
        self.n += 1
        self.least, self.most = min(self.least, value), max(self.most, value)
        self.total += value
        if scale is not None and len(self.scales) < MOST_NAMES:
            self.scales.add(scale)

    def to_dict(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "min": self.least,
            "max": self.most,
            "mean": round(self.total / self.n, 4),
            "scales": [list(scale) for scale in sorted(self.scales)],
        }


@dataclass
class DataCard:
    """The counts. ``labels`` count records with each kind of label, ``winners`` where the best
    of several candidates stands, ``ties`` how ties are marked, ``media`` files by kind and place,
    ``disagreeing_scores`` candidates of one prompt that were scored twice and differently."""

    records: int = 0
    tasks: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    candidates: Counter[int] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    winners: Counter[str] = field(default_factory=Counter)
    ties: Counter[str] = field(default_factory=Counter)
    first_wins: Estimate | None = None
    longer_wins: Estimate | None = None
    prompt_chars: dict[str, float | int] = field(default_factory=dict)
    answer_chars: dict[str, float | int] = field(default_factory=dict)
    media: Counter[str] = field(default_factory=Counter)
    missing_media: int = 0
    scores: dict[str, dict[str, Any]] = field(default_factory=dict)
    prompts: int = 0
    duplicates: DuplicateReport = field(default_factory=DuplicateReport)
    near: bool = False
    disagreeing_scores: int = 0

    def to_dict(self) -> dict[str, Any]:
        copies = self.duplicates
        return {
            "records": self.records,
            "prompts": self.prompts,
            **{
                name: dict(getattr(self, name).most_common())
                for name in ("tasks", "sources", "modes")
            },
            "candidates": {str(n): count for n, count in sorted(self.candidates.items())},
            **{
                name: dict(getattr(self, name).most_common())
                for name in ("labels", "winners", "ties")
            },
            "first_wins": self.first_wins.to_dict() if self.first_wins else None,
            "longer_wins": self.longer_wins.to_dict() if self.longer_wins else None,
            "prompt_chars": self.prompt_chars,
            "answer_chars": self.answer_chars,
            "media": dict(self.media.most_common()),
            "missing_media": self.missing_media,
            "scores": self.scores,
            "duplicates": {
                "exact": copies.exact,
                "near": copies.near if self.near else None,
                "conflicts": copies.conflicts,
                "opposite": copies.opposite,
                "disagreeing_scores": self.disagreeing_scores,
            },
        }

    def text(self) -> str:
        """Lines for a terminal."""
        from unireward.data.card_text import text

        return text(self)

    def markdown(self, title: str) -> str:
        """A page of Markdown tables."""
        from unireward.data.card_text import markdown

        return markdown(self, title)


class CardMaker:
    """Makes a :class:`DataCard` of the records it is given.

    ``content`` says what is the same: by the bytes of media (``Content(lenient=True)``, the
    default), by their paths, or nearly (:class:`~unireward.data.near.NearContent`).
    """

    def __init__(self, content: Content | None = None) -> None:
        self._card = DataCard()
        self._content = content if content is not None else Content(lenient=True)
        self._card.near = type(self._content) is not Content
        self._copies = Duplicates(self._content)
        self._exact = self._copies.exact
        self._seen = Seen("prompts", "scores", "differ")
        self._prompts, self._answers = Lengths(), Lengths()
        self._scores: dict[str, Spread] = {}
        self._first = Counter[bool]()
        self._longer = Counter[bool]()

    def add(self, record: Record) -> None:
        """Count one record in."""
        card = self._card
        card.records += 1
        _count(card.tasks, record.task)
        _count(card.sources, str(record.meta.get("source") or NO_SOURCE))
        card.candidates[len(record.candidates)] += 1
        card.modes[{1: "pointwise", 2: "pairwise"}.get(len(record.candidates), "group")] += 1
        self._prompts.add(record.text)
        for candidate in record.candidates:
            if any(part.text is not None for part in candidate.content):
                self._answers.add(candidate.text)
        self._count_media(record)
        self._count_label(record)
        self._count_scores(record)
        self._copies.add(record)

    def finish(self) -> DataCard:
        """The card; the maker is used up."""
        card = self._card
        card.prompt_chars = self._prompts.to_dict()
        card.answer_chars = self._answers.to_dict()
        card.scores = {name: self._scores[name].to_dict() for name in sorted(self._scores)}
        card.first_wins, card.longer_wins = _share(self._first), _share(self._longer)
        card.duplicates = self._copies.settle()
        card.prompts = self._seen.count("prompts")
        card.disagreeing_scores = self._seen.count("differ")
        card.missing_media = self._exact.missing
        self._copies.close()
        self._seen.close()
        return card

    def _count_media(self, record: Record) -> None:
        for part in record.prompt:
            if part.text is None:
                where = part.role if part.role in ("source", "reference") else "prompt"
                self._card.media[f"{where} {_kind(part)}"] += 1
        for candidate in record.candidates:
            for part in candidate.content:
                if part.text is None:
                    self._card.media[f"candidate {_kind(part)}"] += 1

    def _count_label(self, record: Record) -> None:
        card, label = self._card, record.label
        kinds = [] if label is None else [
            name
            for name in ("ranking", "preference", "strength", "scores", "spans")
            if getattr(label, name)
        ]  # fmt: skip
        card.labels.update(kinds or ["none"])
        if len(record.candidates) < 2:
            return
        tiers = tiers_of(record)
        best: Sequence[str] = tiers[0] if tiers else []
        if not best:
            card.winners["unknown"] += 1
            return
        if len(best) > 1:
            card.winners["tie"] += 1
            card.ties[(label.tie if label is not None else None) or "unmarked"] += 1
            return
        place = [candidate.id for candidate in record.candidates].index(next(iter(best)))
        card.winners[_PLACES[place] if place < len(_PLACES) else f"{place + 1}th"] += 1
        if len(record.candidates) == 2:
            self._first[place == 0] += 1
            self._count_longer(record, place)

    def _count_longer(self, record: Record, winner: int) -> None:
        lengths = [
            len(c.text) if all(part.text is not None for part in c.content) else None
            for c in record.candidates
        ]
        if None not in lengths and lengths[0] != lengths[1]:
            self._longer[lengths[winner] == max(n for n in lengths if n is not None)] += 1

    def _count_scores(self, record: Record) -> None:
        prompt = self._exact.prompt(record)
        self._seen.first("prompts", prompt, 0)
        label = record.label
        if label is None or not label.scores:
            return
        scales: Mapping[str, tuple[float, float]] = label.scales or {}
        for name, dimensions in label.scores.items():
            candidate = self._exact.candidate(record.candidate(name), record)
            for dimension, value in dimensions.items():
                known = dimension in self._scores or len(self._scores) < MOST_NAMES
                spread = self._scores.setdefault(dimension if known else OTHERS, Spread())
                spread.add(value, scales.get(dimension))
                key = digest("score", record.task, prompt, candidate, dimension)
                before = self._seen.first("scores", key, float(value))
                if before is not None and before != value:
                    self._seen.first("differ", digest("scored", prompt, candidate), 0)


def _count(counter: Counter[str], name: str) -> None:
    counter[name if name in counter or len(counter) < MOST_NAMES else OTHERS] += 1


def _kind(part: Part) -> str:
    return "frames" if part.frames is not None else part.type


def _share(counts: Counter[bool]) -> Estimate | None:
    return wilson(counts[True], counts.total()) if counts.total() else None
