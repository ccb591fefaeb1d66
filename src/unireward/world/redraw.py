"""Redraw: the items of a seed drawn again by their records' ids, to measure what was said of them.

A record tells nothing of its scene; whoever knows the seed can draw it again::

    drawn = Redraw(seed=7, levels=(1, 2))
    records = [item.record for item in drawn.items("image_understanding", 500)]
    drawn.asked(records[3].id).scene         # what its picture shows
    drawn(record)                            # {"a": 1.0, "b": 0.75}: a checker for curation

``levels`` (1, 2, 3) gives the items of :func:`unireward.world.sample.iter_items`. Only questions
(image and video understanding) are drawn again.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from unireward.errors import InputError
from unireward.record import Record
from unireward.world.answer_truth import AnswerTruth, truth_of
from unireward.world.answering import Asked, asked
from unireward.world.item import Order, WorldItem
from unireward.world.sample import SIZE, rng_of, sample_record

_ID = re.compile(r"(image_understanding|video_understanding)-(\d{6,})")


@dataclass(frozen=True)
class Redraw:
    """Item k of a task is of level ``levels[k % len(levels)]``."""

    seed: int
    split: str = "eval"
    levels: tuple[int, ...] = (1, 2, 3)
    candidates: int = 2
    size: int = SIZE

    def items(self, task: str, n: int, start: int = 0) -> Iterator[WorldItem]:
        for index in range(start, start + n):
            yield sample_record(
                task, self.seed, self._level(index), self.candidates, self.split,
                index=index, size=self.size,
            )  # fmt: skip

    def asked(self, record_id: str) -> Asked:
        """What the record of this id asks. Raises :class:`InputError` for an id that no question
        of the world has."""
        found = _ID.fullmatch(record_id)
        if found is None:
            raise InputError(
                f"record {record_id}: is no question of the world; its id must be of the form "
                "image_understanding-000123"
            )
        task, index = found[1], int(found[2])
        order = Order(record_id, task, self._level(index), self.candidates, self.split, self.size)
        return asked(rng_of(task, self.seed, self.split, index), order)

    def truths(self, record: Record) -> dict[str, AnswerTruth]:
        """Of each of a record's candidates in words."""
        about = self.asked(record.id)
        return {
            candidate.id: truth_of(about.question, candidate.text, about.scene)
            for candidate in record.candidates
        }

    def __call__(self, record: Record) -> dict[str, float]:
        """The share of what each answer states that holds; of one that cannot be read, nothing
        (:class:`~unireward.curation.verify.Verify`)."""
        shares = {name: truth.share for name, truth in self.truths(record).items()}
        return {name: share for name, share in shares.items() if share is not None}

    def _level(self, index: int) -> int:
        return self.levels[index % len(self.levels)]
