"""Swap: copies of records with their candidates in reverse order, against position bias.

A judge that was shown the better candidate first more often than second learns the place. With
each record beside its copy in the other order, place says nothing. Labels speak of candidates
by id, so a copy needs no new label; what was written down word by word for one order (``reply``
and ``asked`` in ``meta``) is not true of the other and is left out of the copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from unireward.record import Record

SUFFIX = "-swapped"
ORDERED_META = ("reply", "asked")


@dataclass
class SwapReport:
    """What :func:`swap` did: records ``read``, copies made (``swapped``), records of ``single``
    candidates that have no other order, copies whose written ``replies`` were left out."""

    read: int = 0
    swapped: int = 0
    single: int = 0
    replies: int = 0

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def swapped(record: Record) -> Record:
    """A copy with the candidates reversed, ids and label kept, its own id ``ID-swapped``."""
    meta = {key: value for key, value in record.meta.items() if key not in ORDERED_META}
    return record.model_copy(
        update={
            "id": record.id + SUFFIX,
            "candidates": record.candidates[::-1],
            "meta": meta,
        }
    )


def swap(
    records: Iterable[Record], *, only: bool = False, report: SwapReport | None = None
) -> Iterator[Record]:
    """Each record, followed by its swapped copy where it has several candidates.

    ``only`` gives the copies without the originals. ``report`` is counted up as records pass.
    """
    report = report if report is not None else SwapReport()
    for record in records:
        report.read += 1
        if not only:
            yield record
        if len(record.candidates) < 2:
            report.single += 1
            continue
        report.swapped += 1
        report.replies += any(key in record.meta for key in ORDERED_META)
        yield swapped(record)
