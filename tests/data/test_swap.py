"""Swapped copies: the candidates turn round, what is said of them by id does not."""

from __future__ import annotations

from tests.data.samples import pair, scored
from unireward.data.swap import SwapReport, swap, swapped


def test_a_copy_turns_round_and_keeps_its_label():
    record = pair(winner="b", meta={"source": "x", "reply": "Answer 2 is better", "asked": "..."})
    copy = swapped(record)
    assert copy.id == "r1-swapped"
    assert [c.id for c in copy.candidates] == ["b", "a"]
    assert [c.text for c in copy.candidates] == ["two", "one"]
    assert copy.label == record.label
    assert copy.label.winner() == "b"
    assert copy.meta == {"source": "x"}
    assert record.meta["reply"]
    again = swapped(copy)
    assert again.candidates == record.candidates


def test_the_report_counts_what_has_no_other_order():
    records = [pair(id="p", meta={"reply": "?"}), scored(id="s"), pair(id="q")]
    report = SwapReport()
    assert [r.id for r in swap(records, report=report)] == ["p", "p-swapped", "s", "q", "q-swapped"]
    assert report.to_dict() == {"read": 3, "swapped": 2, "single": 1, "replies": 1}
    assert [r.id for r in swap(records, only=True)] == ["p-swapped", "q-swapped"]
