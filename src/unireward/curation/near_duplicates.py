"""NearDuplicates: pairs that say nothing, and pairs that say what another said already.

Two pictures of a pair that are all but the same teach nothing of what is better, and a pair met
before counts twice. Sameness is that of :mod:`unireward.data.near`: pictures re-encoded or resized
are near, one in which a small thing was changed is not. Within a pair two *answers* are the same
only where their words are: a word's difference is what such a pair is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from unireward.curation.case import Case, Pair
from unireward.curation.step import PairFilter
from unireward.data.content import normalised
from unireward.data.near import BITS, TEXT, NearContent
from unireward.data.seen import Seen
from unireward.record import Candidate, Record


class NearDuplicates(PairFilter):
    """Of copies the first stays. ``text`` and ``bits`` as of
    :class:`~unireward.data.near.NearContent`; ``across`` False looks within each pair only. What
    was met lies on disk, not in memory."""

    name = "near_duplicates"

    def __init__(self, text: float = TEXT, bits: int = BITS, across: bool = True) -> None:
        NearContent(text, bits).close()  # its errors belong to whoever writes the config
        self.text, self.bits, self.across = text, bits, across

    @property
    def identity(self) -> dict[str, Any]:
        return {"text": self.text, "bits": self.bits, "across": self.across}

    def __call__(self, cases: Iterable[Case]) -> Iterator[Case]:
        self._content = NearContent(self.text, self.bits, lenient=True)
        self._met = Seen("pairs")
        try:
            yield from super().__call__(cases)
        finally:
            self._content.close()
            self._met.close()

    def fault(self, case: Case, pair: Pair) -> tuple[str, str | None] | None:
        record = case.record(pair.between)
        one, other = record.candidates
        if self._same(record, one, other):
            return "both candidates are nearly the same", None
        if not self.across:
            return None
        keys = [self._content.candidate(candidate, record) for candidate in record.candidates]
        key = self._content.record(record, self._content.prompt_as_written(record), keys)
        before = self._met.first("pairs", key, case.id)
        return None if before is None else ("nearly the same pair again", f"as of {before}")

    def _same(self, record: Record, one: Candidate, other: Candidate) -> bool:
        if len(one.content) != len(other.content):
            return False
        for mine, theirs in zip(one.content, other.content):
            if mine.type != theirs.type:
                return False
            if mine.text is not None and theirs.text is not None:
                if normalised(mine.text) != normalised(theirs.text):
                    return False
            elif self._content.media(mine, record.id) != self._content.media(theirs, record.id):
                return False
        return True
