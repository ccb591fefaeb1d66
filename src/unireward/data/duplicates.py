"""Duplicates: the same record twice, or nearly, and labels that contradict each other.

Two records are the same when task, prompt and candidates are, in whatever order the candidates
stand and whatever they are called (so find duplicates before making swapped copies). With
:class:`~unireward.data.near.NearContent` each text and picture counts as the first one that it
is near to; two candidates of one record are never merged.

Of copies the first with a label is kept. Copies whose labels differ are a *conflict*, and
``conflicts`` says what becomes of it:

- ``first``: the first labelled copy stays;
- ``majority``: the first copy with the most frequent label, none where two are equally frequent;
- ``drop``: none;
- ``keep``: the first copy with each label.

::

    found = Duplicates(conflicts="majority")
    for record in read_records(path): found.add(record)
    found.settle()
    write_records(out, found.kept(read_records(path)))
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal, NamedTuple, get_args

from unireward.data.content import KEY_BYTES, Content, digest
from unireward.data.seen import Scratch
from unireward.errors import InputError, UsageError
from unireward.record import Record

Conflicts = Literal["first", "majority", "drop", "keep"]
CONFLICTS: tuple[str, ...] = get_args(Conflicts)
_TABLE = (
    "CREATE TABLE rows (number INTEGER PRIMARY KEY, id TEXT, alike BLOB, exact BLOB, verdict BLOB)"
)
_REPEATED = """
SELECT number, id, alike, exact, verdict FROM rows
WHERE alike IN (SELECT alike FROM rows GROUP BY alike HAVING count(*) > 1)
ORDER BY alike, number
"""


class Removed(NamedTuple):
    """A record that is left out: ``kept`` is the id that stays in its place (None: none does),
    ``kind`` exact or near, ``conflict`` whether labels of its copies differ."""

    id: str
    kept: str | None
    kind: Literal["exact", "near"]
    conflict: bool


@dataclass
class DuplicateReport:
    """Records ``read`` and ``kept``; ``exact`` and ``near`` copies removed; ``conflicts`` are
    groups of copies whose labels differ, ``opposite`` those of them that say the reverse of each
    other; ``dropped`` records were removed with no copy staying."""

    read: int = 0
    kept: int = 0
    exact: int = 0
    near: int = 0
    conflicts: int = 0
    opposite: int = 0
    dropped: int = 0
    unreadable: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


class _Copy(NamedTuple):
    number: int
    id: str
    alike: bytes
    exact: bytes
    verdict: bytes | None


class Duplicates:
    """Finds them in one pass (:meth:`add`), decides (:meth:`settle`), then filters a second.

    Memory holds a byte a record; the rest is on disk. :class:`UsageError` for an unknown policy,
    :class:`InputError` where a record's media cannot be read.
    """

    def __init__(self, content: Content | None = None, conflicts: str = "first") -> None:
        if conflicts not in CONFLICTS:
            raise UsageError(f"conflicts {conflicts!r} is unknown; use {', '.join(CONFLICTS)}")
        self.content = content if content is not None else Content()
        # Near keys stand for several contents; what is exactly the same is told beside them.
        is_near = type(self.content) is not Content
        self.exact = Content(lenient=self.content.lenient) if is_near else self.content
        self.conflicts = conflicts
        self.report = DuplicateReport()
        self._stays = bytearray()
        self._db = Scratch()
        self._db.run(_TABLE)

    def add(self, record: Record) -> bytes:
        """Note a record; the key of its exact content."""
        candidates = {c.id: self.content.candidate(c, record) for c in record.candidates}
        prompt = self.content.prompt_as_written(record)
        if self.exact is self.content:
            alike = exact = self.content.record(record, prompt, candidates.values())
        else:
            real = {c.id: self.exact.candidate(c, record) for c in record.candidates}
            if len(set(candidates.values())) < len(set(real.values())):
                candidates = real
            alike = self.content.record(record, prompt, candidates.values())
            exact = self.exact.record(record, self.exact.prompt_as_written(record), real.values())
        row = (len(self._stays), record.id, alike, exact, verdict_of(record, candidates))
        self._db.run("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", row)
        self._stays.append(1)
        return exact

    def settle(self) -> DuplicateReport:
        """Decide which records stay."""
        self._db.run("CREATE INDEX by_alike ON rows (alike)")
        self.report = report = DuplicateReport(read=len(self._stays))
        report.unreadable = getattr(self.content, "unreadable", 0)
        for copies in self._groups():
            labels = labels_of(copies)
            report.conflicts += len(labels) > 1
            report.opposite += len(labels) > 1 and are_opposite(labels)
            staying = _staying(copies, labels, self.conflicts)
            for copy in copies:
                if copy.number in staying:
                    continue
                self._stays[copy.number] = 0
                if not staying:
                    report.dropped += 1
                elif any(copy.exact == c.exact for c in copies if c.number in staying):
                    report.exact += 1
                else:
                    report.near += 1
        report.kept = sum(self._stays)
        return report

    def kept(self, records: Iterable[Record]) -> Iterator[Record]:
        """Of a second pass over the same records, those that stay."""
        count = 0
        for record, stays in zip(records, self._stays):
            count += 1
            if stays:
                yield record
        if count != len(self._stays):
            raise InputError("the records changed while duplicates were looked for; begin again")

    def removed(self) -> Iterator[Removed]:
        """Each record that is left out, and what stays in its place; groups in no order."""
        for copies in self._groups():
            labels = labels_of(copies)
            staying = [c for c in copies if self._stays[c.number]]
            for copy in copies:
                if self._stays[copy.number]:
                    continue
                same = [c for c in staying if c.exact == copy.exact] or staying
                kind = "exact" if same and same[0].exact == copy.exact else "near"
                if not staying:
                    kind = "exact" if len({c.exact for c in copies}) == 1 else "near"
                yield Removed(copy.id, same[0].id if same else None, kind, len(labels) > 1)

    def close(self) -> None:
        self._db.close()

    def _groups(self) -> Iterator[list[_Copy]]:
        rows = (_Copy(*row) for row in self._db.rows(_REPEATED))
        for _, copies in groupby(rows, key=lambda copy: copy.alike):
            yield list(copies)


def _staying(copies: list[_Copy], labels: Mapping[bytes, int], policy: str) -> set[int]:
    """Numbers of the copies that stay."""
    first = {label: next(c.number for c in copies if c.verdict == label) for label in labels}
    if not labels:
        return {copies[0].number}
    if len(labels) == 1 or policy == "first":
        return {min(first.values())}
    if policy == "keep":
        return set(first.values())
    if policy == "drop":
        return set()
    most = max(labels.values())
    winners = [label for label, count in labels.items() if count == most]
    return {first[winners[0]]} if len(winners) == 1 else set()


def verdict_of(record: Record, keys: Mapping[str, bytes]) -> bytes | None:
    """What a record's label says of its candidates' contents, None where it says nothing.

    Comparable among records of the same content: tiers from best where there is a ranking or
    shares of votes, else the scores.
    """
    label = record.label
    if label is None:
        return None
    tiers = tiers_of(record)
    if tiers is not None:
        return b"R" + b"".join(
            len(tier).to_bytes(4, "little") + b"".join(sorted(keys[name] for name in tier))
            for tier in tiers
        )
    if not label.scores:
        return None
    numbers = sorted(
        digest("score", keys[name], dimension, float(value).hex())
        for name, dimensions in label.scores.items()
        for dimension, value in dimensions.items()
    )
    return b"S" + digest("scores", *numbers) if numbers else None


def tiers_of(record: Record) -> tuple[tuple[str, ...], ...] | None:
    """The candidates from best to worst by ranking, else by shares of votes; None for neither."""
    label = record.label
    if label is None or not (label.ranking or label.preference):
        return None
    if label.ranking:
        return label.ranking
    by_share: dict[float, list[str]] = {}
    for candidate in record.candidates:
        share = (label.preference or {}).get(candidate.id, 0.0)
        by_share.setdefault(share, []).append(candidate.id)
    return tuple(tuple(by_share[share]) for share in sorted(by_share, reverse=True))


def labels_of(copies: Iterable[_Copy]) -> Counter[bytes]:
    """How many copies carry each label. Labels of two kinds (an order, scores) are not compared:
    then those of the first labelled copy's kind."""
    found = [copy.verdict for copy in copies if copy.verdict is not None]
    return Counter(verdict for verdict in found if verdict[:1] == found[0][:1])


def are_opposite(labels: Iterable[bytes]) -> bool:
    """Whether some pair of candidates is put in one order by one label and in the other by
    another. Scores that differ are no opposites."""
    orders: set[tuple[bytes, bytes]] = set()
    for label in labels:
        if label[:1] != b"R":
            continue
        tiers = _tiers(label)
        for place, better in enumerate(tiers):
            orders |= {(b, w) for b in better for worse in tiers[place + 1 :] for w in worse}
    return any((worse, better) in orders for better, worse in orders if better != worse)


def _tiers(label: bytes) -> list[list[bytes]]:
    """The tiers of an order as :func:`verdict_of` wrote it: a count, then that many keys."""
    tiers, at = [], 1
    while at < len(label):
        end = at + 4 + KEY_BYTES * int.from_bytes(label[at : at + 4], "little")
        tiers.append([label[i : i + KEY_BYTES] for i in range(at + 4, end, KEY_BYTES)])
        at = end
    return tiers
